import { fromEntries } from '../builtins';

/** What V8 writes of its heap: flat arrays of numbers, whose layout `meta` tells. */
export interface SnapshotJson {
  snapshot: {
    meta: {
      node_fields: string[];
      node_types: [string[], ...unknown[]];
      edge_fields: string[];
      edge_types: [string[], ...unknown[]];
      location_fields: string[];
    };
  };
  nodes: number[];
  edges: number[];
  locations: number[];
  strings: string[];
}

type NodeField = 'type' | 'name' | 'id' | 'self_size' | 'edge_count';

/** One object's hold on another. */
export interface Edge {
  /** `property`, `element`, `context`, `internal`, `weak`, ... */
  type: string;
  /** Of an element or a hidden edge: its index. */
  name: string | number;
  to: number;
}

/** A heap as it was at one moment. Nodes are objects, by their index; the first is the root. */
export class HeapSnapshot {
  readonly nodeCount: number;
  readonly #json: SnapshotJson;
  readonly #nodeSize: number;
  readonly #edgeSize: number;
  readonly #field: Record<NodeField, number>;
  readonly #edgeField: Record<'type' | 'name_or_index' | 'to_node', number>;
  /** Where the edges of each node begin. */
  readonly #firstEdges: Uint32Array;
  readonly #scriptIds = new Map<number, number>();

  constructor(json: SnapshotJson) {
    const { node_fields, edge_fields, location_fields } = json.snapshot.meta;
    this.#json = json;
    this.#nodeSize = node_fields.length;
    this.#edgeSize = edge_fields.length;
    this.#field = indexFields(node_fields);
    this.#edgeField = indexFields(edge_fields);
    this.nodeCount = json.nodes.length / this.#nodeSize;
    this.#firstEdges = new Uint32Array(this.nodeCount + 1);
    for (let node = 0; node < this.nodeCount; node++) {
      this.#firstEdges[node + 1] = this.#firstEdges[node]! + this.#get(node, 'edge_count');
    }
    const location = indexFields(location_fields);
    for (let at = 0; at < json.locations.length; at += location_fields.length) {
      const node = json.locations[at + location['object_index']!]! / this.#nodeSize;
      this.#scriptIds.set(node, json.locations[at + location['script_id']!]!);
    }
  }

  /** `object`, `closure`, `array` (what an Array is made of, not one itself), `code`, `hidden`, ... */
  type(node: number): string {
    return this.#json.snapshot.meta.node_types[0][this.#get(node, 'type')]!;
  }

  /** Of an object its constructor's, of a function its own. */
  name(node: number): string {
    return this.#json.strings[this.#get(node, 'name')]!;
  }

  /** Larger for what was made later. */
  id(node: number): number {
    return this.#get(node, 'id');
  }

  /** Without what it refers to. */
  sizeBytes(node: number): number {
    return this.#get(node, 'self_size');
  }

  /** Where a function, or the class of an object, was written; undefined for what V8 and C++ made. */
  scriptId(node: number): number | undefined {
    return this.#scriptIds.get(node);
  }

  /** What a node refers to. */
  *edges(node: number): Generator<Edge> {
    const [begin, end] = this.edgeRange(node);
    for (let index = begin; index < end; index++) yield this.edge(index);
  }

  /** The indexes of what a node refers to. */
  edgeRange(node: number): [begin: number, end: number] {
    return [this.#firstEdges[node]!, this.#firstEdges[node + 1]!];
  }

  edge(index: number): Edge {
    const { edges, strings, snapshot } = this.#json;
    const at = index * this.#edgeSize;
    const type = snapshot.meta.edge_types[0][edges[at + this.#edgeField.type]!]!;
    const name = edges[at + this.#edgeField.name_or_index]!;
    return {
      type,
      name: type === 'element' || type === 'hidden' ? name : strings[name]!,
      to: edges[at + this.#edgeField.to_node]! / this.#nodeSize,
    };
  }

  #get(node: number, field: NodeField): number {
    return this.#json.nodes[node * this.#nodeSize + this.#field[field]]!;
  }
}

function indexFields<Name extends string>(fields: string[]): Record<Name, number> {
  return fromEntries(fields.map((name, index) => [name, index])) as Record<Name, number>;
}
