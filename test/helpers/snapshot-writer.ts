import { HeapSnapshot, type SnapshotJson } from '../../dist/objects/heap-snapshot';

const NODE_TYPES = ['object', 'closure', 'hidden', 'code', 'array', 'string', 'synthetic'];
const EDGE_TYPES = ['property', 'element', 'context', 'internal', 'weak', 'hidden'];

/** Of type, name and what it refers to; the larger the index, the newer. */
export interface NodeText {
  is: `${string}:${string}`;
  edges?: [type: string, name: string | number, to: number][];
  script?: number;
}

/** A snapshot as V8 writes it; nodes have the sizes and identities 10, 11, 12... */
export function writeSnapshot(nodes: NodeText[]): HeapSnapshot {
  const strings: string[] = [];
  const intern = (text: string) => strings.push(text) - 1;
  const json: SnapshotJson = {
    snapshot: {
      meta: {
        node_fields: ['type', 'name', 'id', 'self_size', 'edge_count'],
        node_types: [NODE_TYPES],
        edge_fields: ['type', 'name_or_index', 'to_node'],
        edge_types: [EDGE_TYPES],
        location_fields: ['object_index', 'script_id', 'line', 'column'],
      },
    },
    nodes: [],
    edges: [],
    locations: [],
    strings,
  };
  nodes.forEach(({ is, edges = [], script }, index) => {
    const [type, ...name] = is.split(':');
    const id = index + 10;
    json.nodes.push(NODE_TYPES.indexOf(type!), intern(name.join(':')), id, id, edges.length);
    for (const [type, name, to] of edges) {
      const text = typeof name === 'string' ? intern(name) : name;
      json.edges.push(EDGE_TYPES.indexOf(type), text, to * 5);
    }
    if (script !== undefined) json.locations.push(index * 5, script, 0, 0);
  });
  return new HeapSnapshot(json);
}
