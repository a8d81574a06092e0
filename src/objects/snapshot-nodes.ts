import type { Edge, HeapSnapshot } from './heap-snapshot';

interface Script {
  node: number;
  file: string;
}

const OF_V8 = /^system \//;
/** What `import()` gives, which is made when it is first asked for. So may an object of a class be named. */
const NAMESPACE = 'Module';
const SCOPE = 'system / Context';
const GLOBAL_SCOPE = 'system / NativeContext';
const PROXY = 'system / JSProxy';
const GLOBAL = /^global\b/;
const GENERATOR = /^(?:Async)?Generator$/;

const DEBUG_INFO = 'system / DebugInfo';
const SCRIPT_OF_DEBUG_INFO = 1;

/** What the nodes of a snapshot are in the program. */
export class SnapshotNodes {
  readonly #snapshot: HeapSnapshot;
  readonly #lastOldId: number;
  readonly #scripts: Map<number, Script>;

  /** @param lastOldId the largest identity of an object that is not new */
  constructor(snapshot: HeapSnapshot, lastOldId: number) {
    this.#snapshot = snapshot;
    this.#lastOldId = lastOldId;
    this.#scripts = findScripts(snapshot);
  }

  /** Whether it is the prototype of a class from before, or of a module loaded meanwhile. */
  isKnownClass(prototype: number): boolean {
    const constructor = this.#constructorOf(prototype);
    if (constructor === undefined) return false;
    const script = this.#script(constructor);
    return !this.isNew(constructor) || script === undefined || this.isNew(script.node);
  }

  #constructorOf(prototype: number): number | undefined {
    for (const { type, name, to } of this.#snapshot.edges(prototype)) {
      if (type === 'property' && name === 'constructor') return to;
    }
    return undefined;
  }

  isGlobal(node: number): boolean {
    return this.#snapshot.type(node) === 'object' && GLOBAL.test(this.#snapshot.name(node));
  }

  /** Mocha makes it, and users fill it. */
  isThisOfTests(node: number): boolean {
    return this.#snapshot.name(node) === 'Context' && this.#snapshot.type(node) === 'object';
  }

  /** Whether the program can tell it as an object of its own. */
  isObject(node: number): boolean {
    const type = this.#snapshot.type(node);
    const name = this.#snapshot.name(node);
    if (name === PROXY) return true;
    const isObject = type === 'object' || type === 'closure' || type === 'regexp';
    return isObject && !this.#isOfV8(node);
  }

  /** Whether it is none of the program's objects, whatever its type. */
  #isOfV8(node: number): boolean {
    const name = this.#snapshot.name(node);
    return OF_V8.test(name) || (name === NAMESPACE && !this.#hasPrototype(node));
  }

  #hasPrototype(node: number): boolean {
    for (const { type, name, to } of this.#snapshot.edges(node)) {
      if (type === 'property' && name === '__proto__') return this.#snapshot.type(to) === 'object';
    }
    return false;
  }

  /** Whether a class or a generator function made this prototype, and not the program. */
  isOfFunction(prototype: number): boolean {
    return (
      this.#constructorOf(prototype) !== undefined || GENERATOR.test(this.#snapshot.name(prototype))
    );
  }

  /** Whether it is an array that has functions, and nothing else. */
  isListOfFunctions(node: number): boolean {
    if (this.#snapshot.name(node) !== 'Array') return false;
    const elements = [...this.#snapshot.edges(node)].filter(({ type }) => type === 'element');
    return elements.length > 0 && elements.every(({ to }) => this.#snapshot.type(to) === 'closure');
  }

  isNew(node: number): boolean {
    return this.#snapshot.id(node) > this.#lastOldId;
  }

  /** Of the script that a function, or what it makes, comes from. */
  file(node: number): string | undefined {
    return this.#script(node)?.file;
  }

  /** Of the script that a function, or the class of an object, comes from. On Node 20 that of a web stream is native. */
  fileOfClass(node: number): string | undefined {
    const file = this.file(node);
    if (file !== undefined) return file;
    for (const { type, name, to } of this.#snapshot.edges(node)) {
      if (type !== 'property' || name !== '__proto__') continue;
      const constructor = this.#constructorOf(to);
      return constructor === undefined ? undefined : this.file(constructor);
    }
    return undefined;
  }

  /** Whether the script of a function was loaded meanwhile. */
  isLoaded(node: number): boolean {
    const script = this.#script(node);
    return script !== undefined && this.isNew(script.node);
  }

  /** Of a CommonJS module that was there before, and so in the cache of all; undefined where it is not known. */
  fileOfOldModule(module: number): string | undefined {
    if (this.isNew(module)) return undefined;
    for (const { name, to } of this.#snapshot.edges(module)) {
      if (name === 'filename') return this.#snapshot.name(to) || undefined;
    }
    return undefined;
  }

  /** Whether it holds the variables of a function, block or module. */
  isScope(node: number): boolean {
    return this.#snapshot.name(node) === SCOPE;
  }

  /** Whether a scope is that of a module, or of a function that no other surrounds. */
  isOutermost(scope: number): boolean {
    const outer = findEdge(this.#snapshot, scope, /^previous$/);
    return outer !== undefined && this.#snapshot.name(outer.to) === GLOBAL_SCOPE;
  }

  #script(node: number): Script | undefined {
    const id = this.#snapshot.scriptId(node);
    return id === undefined ? undefined : this.#scripts.get(id);
  }

  /** Its class; of a function, its own name as well, empty when it has none. */
  nameObject(node: number): { constructorName: string; functionName?: string } {
    const name = this.#snapshot.name(node);
    const type = this.#snapshot.type(node);
    if (type === 'closure') return { constructorName: 'Function', functionName: name };
    if (name === PROXY) return { constructorName: 'Proxy' };
    return { constructorName: type === 'regexp' ? 'RegExp' : name };
  }

  /** Where an object holds what an edge leads to; undefined for what the program cannot tell. */
  describeStep(holder: number, { type, name }: Edge): string | undefined {
    const snapshot = this.#snapshot;
    const holderType = snapshot.type(holder);
    const holderName = snapshot.name(holder);
    if (holderName === PROXY) return 'Proxy[]';
    if (holderType !== 'object' && holderType !== 'closure') return undefined;
    if (this.#isOfV8(holder)) return undefined;
    const label = holderType === 'closure' ? `${holderName || '(anonymous)'}()` : holderName;
    if (type === 'element') return `${label}[${name}]`;
    if (type === 'property') return `${label}.${name}`;
    return name === 'context' ? label : `${label}[]`;
  }
}

/** Each script of which there is a function. */
function findScripts(snapshot: HeapSnapshot): Map<number, Script> {
  const scripts = new Map<number, Script>();
  for (let node = 0; node < snapshot.nodeCount; node++) {
    const id = snapshot.scriptId(node);
    if (id === undefined || scripts.has(id) || snapshot.type(node) !== 'closure') continue;
    const shared = findEdge(snapshot, node, /^shared$/);
    const script = shared && findScript(snapshot, shared.to);
    if (script) scripts.set(id, { node: script.to, file: snapshot.name(script.to) });
  }
  return scripts;
}

function findScript(snapshot: HeapSnapshot, shared: number): Edge | undefined {
  const edge = findEdge(snapshot, shared, /^script/);
  if (edge === undefined || snapshot.name(edge.to) !== DEBUG_INFO) return edge;
  // On Node 20 the script of a function whose blocks are counted, or that has a breakpoint, is there.
  return [...snapshot.edges(edge.to)].find(
    ({ type, name }) => type === 'hidden' && name === SCRIPT_OF_DEBUG_INFO,
  );
}

function findEdge(snapshot: HeapSnapshot, node: number, name: RegExp): Edge | undefined {
  for (const edge of snapshot.edges(node)) {
    if (edge.type === 'internal' && name.test(String(edge.name))) return edge;
  }
  return undefined;
}

/** Also code without a file, which V8 brings. */
export function isNodeFile(file: string | undefined): boolean {
  return file !== undefined && /^(?:$|node:|wasm:)/.test(file);
}
