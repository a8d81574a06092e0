import type { HeapSnapshot } from './heap-snapshot';
import { isNodeFile, type SnapshotNodes } from './snapshot-nodes';

/** V8's own of an ES module, or of what `import` takes another for. */
export const ES_MODULE = /^system \/ (?:SourceText|Synthetic)Module$/;

/** Of an ES module: the table of what it exports, the first that it refers to. */
const EXPORTS_OF_ES_MODULE = 0;
const CELL = 'system / Cell';
const PROTOTYPE = '__proto__';

/**
 * Finds what modules hold that the test has loaded, and Node or V8 never lets go: exports, and variables
 * in sight of exported functions. A user who keeps these too, as `lazy ??= require('./a.js')` does, leaks
 * nothing. What they refer to is not among them: that may be what the test has given to the module.
 */
export function findHeldByLoadedModules(snapshot: HeapSnapshot, nodes: SnapshotNodes): Set<number> {
  const loaded = new LoadedModules(snapshot, nodes);
  for (let node = 0; node < snapshot.nodeCount; node++) {
    const name = snapshot.name(node);
    if (name === 'Module') loaded.addCache(node);
    else if (name === 'BuiltinModule') loaded.addBuiltin(node);
    else if (nodes.isNew(node) && ES_MODULE.test(name)) loaded.addEsModule(node);
  }
  return loaded.held;
}

class LoadedModules {
  readonly held = new Set<number>();
  readonly #snapshot: HeapSnapshot;
  readonly #nodes: SnapshotNodes;
  readonly #scopes = new Set<number>();

  constructor(snapshot: HeapSnapshot, nodes: SnapshotNodes) {
    this.#snapshot = snapshot;
    this.#nodes = nodes;
  }

  addEsModule(module: number): void {
    for (const table of this.#find(module, 'hidden', EXPORTS_OF_ES_MODULE)) {
      for (const { to: cell } of this.#snapshot.edges(table)) {
        if (this.#snapshot.name(cell) !== CELL) continue;
        for (const value of this.#find(cell, 'internal', 'value')) this.#addExported(value);
      }
    }
  }

  /** Of the function `Module`: a module that is no longer in its cache may be a leak. */
  addCache(node: number): void {
    if (this.#snapshot.type(node) !== 'closure' || !isNodeFile(this.#nodes.file(node))) return;
    for (const cache of this.#find(node, 'property', '_cache')) {
      for (const { type, name, to } of this.#snapshot.edges(cache)) {
        if (type === 'property' && name !== PROTOTYPE && this.#nodes.isNew(to)) this.#addModule(to);
      }
    }
  }

  /** One of Node's: it is there from the start, and is run when it is first asked for. */
  addBuiltin(module: number): void {
    if (isNodeFile(this.#nodes.file(module))) this.#addModule(module);
  }

  #addModule(module: number): void {
    for (const exported of this.#find(module, 'property', 'exports')) {
      // In an object from before, only what the test has put there is new.
      if (!this.#nodes.isNew(exported)) continue;
      this.#addExported(exported);
      for (const { type, name, to } of this.#snapshot.edges(exported)) {
        const isValue = type === 'element' || (type === 'property' && name !== PROTOTYPE);
        if (isValue) this.#addExported(to);
      }
    }
  }

  #addExported(value: number): void {
    this.#add(value);
    const isFunction = this.#snapshot.type(value) === 'closure';
    if (isFunction && this.#nodes.isLoaded(value)) this.#addVariables(value);
  }

  #addVariables(exported: number): void {
    let [scope] = this.#find(exported, 'internal', 'context');
    // Each once: a module may have thousands of variables, which each of its functions leads to.
    while (scope !== undefined && this.#nodes.isScope(scope) && !this.#scopes.has(scope)) {
      this.#scopes.add(scope);
      if (this.#nodes.isOutermost(scope)) this.#addVariablesOf(scope);
      [scope] = this.#find(scope, 'internal', 'previous');
    }
  }

  #addVariablesOf(scope: number): void {
    for (const { type, to } of this.#snapshot.edges(scope)) if (type === 'context') this.#add(to);
  }

  #add(node: number): void {
    if (this.#nodes.isNew(node) && this.#nodes.isObject(node)) this.held.add(node);
  }

  #find(node: number, type: string, name: string | number): number[] {
    const edges = [...this.#snapshot.edges(node)];
    return edges.filter((edge) => edge.type === type && edge.name === name).map(({ to }) => to);
  }
}
