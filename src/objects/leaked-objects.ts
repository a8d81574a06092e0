import type { Edge, HeapSnapshot } from './heap-snapshot';
import { ES_MODULE, findHeldByLoadedModules } from './loaded-modules';
import { isNodeFile, SnapshotNodes } from './snapshot-nodes';

/** An object that a test made and left behind. */
export interface LeakedObject {
  /** `Array`, `Map`, the name of a class; `Function` for functions. */
  constructorName: string;
  /** Of a function; empty when it has none. */
  functionName?: string;
  /** Of a function: where it was written, if that is known. */
  filename?: string;
  /** With its elements, properties, strings and memory outside the heap; without other objects. */
  sizeBytes: number;
  /**
   * The shortest way to it from a variable or a global that the test did not make, without weak references:
   * `["cache (test/a.test.js)", "Map[]", "Session.listeners"]`. Of a long way, the end.
   */
  retainers: readonly string[];
}

/** Which scripts are whose. */
export interface ScriptOwners {
  /** Whether a file is Mocha's or this package's. */
  isHarness(file: string): boolean;
  /** How texts show a file. */
  displayPath(file: string): string;
}

/**
 * How an object is reached, the best first. What is held by Node may be Node's own: there only
 * functions and instances of classes that users wrote count. What only Mocha or this package
 * holds is theirs.
 */
const BY = { user: 1, node: 2, harness: 3 } as const;
type Holder = (typeof BY)[keyof typeof BY];

const MAX_RETAINERS = 8;
/** What calls that are under way hold, which are ours, and compilers at work. */
const BUSY_ROOTS = /^\((?:Stack roots|Handle scope|Strong roots|Identity map)\)$/;
const SYMBOL = /^<symbol /;
const LISTENERS = '<symbol kEvents>';
const PRIVATE = /^(?:#|<symbol (?!kEvents>))/;
/** V8 makes their function `format` or `compare`, and their `buffer`, when that is first read. */
const FILLED_LATER = /^(?:Collator|DateTimeFormat|NumberFormat|Memory)$/;
/** The function of a class by which V8 gives instances their fields; later than Node 20 it has the name of the class. */
const INITIALIZER = '<instance_members_initializer>';
const ERROR_STACK = /^[gs]et stack$/;
const MODULE = /^Module(?:Job|Wrap)?$/;

/** What of Node's anybody may have in a variable. */
const NODE_OBJECTS = /^(?:process|console)$/;

// What Node makes of a global when it is first used is not the user's.
const NODE_GLOBALS = new Set(Object.getOwnPropertyNames(globalThis));

/**
 * Finds what is new in a snapshot and is the user's.
 *
 * @param lastOldId the largest identity of an object that is not new
 */
export function findLeakedObjects(
  snapshot: HeapSnapshot,
  lastOldId: number,
  owners: ScriptOwners,
): LeakedObject[] {
  return new Search(snapshot, lastOldId, owners).run();
}

/**
 * A breadth-first search from the root, so that the first way to an object is the shortest. A better one
 * that is found later may lead through what the first one led to. So ways lead from state to state: of
 * an object, and of how it is reached.
 */
class Search {
  readonly #snapshot: HeapSnapshot;
  readonly #nodes: SnapshotNodes;
  readonly #owners: ScriptOwners;
  readonly #heldByLoadedModules: Set<number>;
  readonly #holders: Uint8Array;
  /** Of each state, the one before it on the way. */
  readonly #parents: Uint32Array;
  readonly #viaEdges: Uint32Array;
  /** What users can tell as an object of its own, each before what it holds. */
  readonly #leaked: number[] = [];
  readonly #isLeaked: Uint8Array;
  /** By holder. */
  readonly #waiting: number[][] = [[], [], [], []];

  constructor(snapshot: HeapSnapshot, lastOldId: number, owners: ScriptOwners) {
    this.#snapshot = snapshot;
    this.#nodes = new SnapshotNodes(snapshot, lastOldId);
    this.#owners = owners;
    this.#heldByLoadedModules = findHeldByLoadedModules(snapshot, this.#nodes);
    this.#holders = new Uint8Array(snapshot.nodeCount);
    const stateCount = snapshot.nodeCount * (BY.harness + 1);
    this.#parents = new Uint32Array(stateCount);
    this.#viaEdges = new Uint32Array(stateCount);
    this.#isLeaked = new Uint8Array(snapshot.nodeCount);
  }

  run(): LeakedObject[] {
    const order = this.#visit();
    const sizes = new Map(this.#leaked.map((node) => [node, 0]));
    // Of what is part of a leaked object, that one.
    const wholes = new Uint32Array(this.#snapshot.nodeCount);
    for (const state of order) {
      const node = this.#nodeOf(state);
      // A better way to it was found later.
      if (state !== this.#stateOf(node)) continue;
      const whole = this.#isLeaked[node] ? node : wholes[this.#parentOf(state)]!;
      if (whole === 0 || !this.#nodes.isNew(node)) continue;
      wholes[node] = whole;
      sizes.set(whole, sizes.get(whole)! + this.#snapshot.sizeBytes(node));
    }
    return this.#leaked.map((node) => ({
      ...this.#nodes.nameObject(node),
      ...this.#nameFile(node),
      sizeBytes: sizes.get(node)!,
      retainers: this.#listRetainers(node),
    }));
  }

  #nameFile(node: number): { filename?: string } {
    const file = this.#snapshot.type(node) === 'closure' ? this.#nodes.file(node) : undefined;
    return file ? { filename: this.#owners.displayPath(file) } : {};
  }

  #stateOf(node: number, holder = this.#holders[node]!): number {
    return holder * this.#snapshot.nodeCount + node;
  }

  #nodeOf(state: number): number {
    return state % this.#snapshot.nodeCount;
  }

  #parentOf(state: number): number {
    return this.#nodeOf(this.#parents[state]!);
  }

  #viaEdge(state: number): Edge {
    return this.#snapshot.edge(this.#viaEdges[state]!);
  }

  /** @returns the states that count, each behind the one it was reached from */
  #visit(): number[] {
    const order: number[] = [];
    const visited = this.#waiting.map(() => 0);
    this.#holders[0] = BY.node;
    this.#waiting[BY.node]!.push(0);
    for (;;) {
      // Not by findIndex: a test may have replaced it so that this would never end.
      let holder: number = BY.user;
      while (holder <= BY.harness && visited[holder] === this.#waiting[holder]!.length) holder++;
      if (holder > BY.harness) return order;
      const node = this.#waiting[holder]![visited[holder]!++]!;
      // A better way to it was found meanwhile.
      if (this.#holders[node] !== holder) continue;
      order.push(this.#stateOf(node));
      this.#noteLeaked(node);
      const [begin, end] = this.#snapshot.edgeRange(node);
      for (let index = begin; index < end; index++) this.#follow(node, index);
    }
  }

  #follow(from: number, index: number): void {
    const edge = this.#snapshot.edge(index);
    if (this.#holders[edge.to] === BY.user || !this.#isFollowed(edge)) return;
    // Its object leads to what is in it, and tells by what symbol.
    if (this.#isListOfProperties(from) && this.#nodes.isObject(edge.to)) return;
    const holder = this.#findHolder(from, edge);
    const known = this.#holders[edge.to]!;
    if (holder === undefined || (known !== 0 && known <= holder)) return;
    this.#holders[edge.to] = holder;
    const state = this.#stateOf(edge.to);
    this.#parents[state] = this.#stateOf(from);
    this.#viaEdges[state] = index;
    this.#waiting[holder]!.push(edge.to);
  }

  /** Leaves out V8's own: what is at work, code with the literals it copies, and shapes. */
  #isFollowed({ type, name, to }: Edge): boolean {
    if (type === 'weak') return false;
    if (name === '__proto__' && this.#nodes.isKnownClass(to)) return false;
    const target = this.#snapshot.type(to);
    if (target === 'code' || target === 'object shape') return false;
    const targetName = this.#snapshot.name(to);
    return targetName !== 'system / NativeContext' && !BUSY_ROOTS.test(targetName);
  }

  /** Whether V8 keeps the properties there that have no room in their object. */
  #isListOfProperties(node: number): boolean {
    const { type, name } = this.#viaEdge(this.#stateOf(node));
    return type === 'internal' && name === 'properties';
  }

  /** @returns undefined for what does not count at all, as far as it is reached this way */
  #findHolder(from: number, edge: Edge): Holder | undefined {
    const { type, name, to } = edge;
    const snapshot = this.#snapshot;
    const holder = this.#holders[from] as Holder;
    const file = this.#nodes.file(from);
    if (this.#heldByLoadedModules.has(to) || this.#isOfLoadedModule(from, to)) return undefined;
    // A module's variables are what its functions close over, and what an object with private methods knows them by.
    const isModule = type === 'internal' ? name === 'context' : this.#nodes.isScope(to);
    if (isModule && file !== undefined) return this.#ownerOf(file);
    const targetType = snapshot.type(to);
    const targetFile = this.#nodes.file(to);
    if (this.#nodes.isGlobal(from)) {
      const isOfNode =
        type !== 'property' ||
        NODE_GLOBALS.has(String(name).replace(/^[gs]et /, '')) ||
        (isNodeFile(targetFile) && SYMBOL.test(String(name)));
      return isOfNode ? BY.node : BY.user;
    }
    const targetName = snapshot.name(to);
    // Loading a module is no leak, nor is what it is made of.
    if (ES_MODULE.test(targetName)) {
      if (this.#nodes.isNew(to)) return undefined;
      return targetName.includes('Synthetic') ? BY.node : holder;
    }
    if (isNodeFile(targetFile) && MODULE.test(targetName)) {
      return this.#nodes.isNew(to) ? undefined : BY.node;
    }
    if (targetType !== 'object' && targetType !== 'closure') return holder;
    if (this.#isExports(from, edge)) return this.#ownerOf(this.#nodes.fileOfOldModule(from));
    if (targetFile === undefined || isNodeFile(targetFile)) {
      const isOfNode =
        targetType === 'closure' && targetFile !== undefined && !this.#nodes.isNew(to);
      const isTheirs =
        isOfNode || NODE_OBJECTS.test(targetName) || this.#isMadeWhenUsed(from, edge);
      return isTheirs && holder === BY.user ? BY.node : holder;
    }
    if (this.#owners.isHarness(targetFile)) {
      return this.#nodes.isThisOfTests(to) ? BY.user : BY.harness;
    }
    return holder === BY.harness && this.#nodes.isNew(to) ? undefined : BY.user;
  }

  /** Whether it leads to what a CommonJS module exports. */
  #isExports(from: number, { name }: Edge): boolean {
    return (
      name === 'exports' &&
      this.#snapshot.name(from) === 'Module' &&
      isNodeFile(this.#nodes.file(from))
    );
  }

  /** Whether it is the variables of a module that the test has loaded. */
  #isOfLoadedModule(from: number, context: number): boolean {
    if (!this.#nodes.isScope(context)) return false;
    const isLoaded = this.#nodes.isLoaded(this.#functionAround(this.#stateOf(from)));
    // Last: a module may have thousands of variables and functions, and each function leads to it.
    return isLoaded && this.#nodes.isOutermost(context);
  }

  /** Whether Node or V8 keeps it in an object of theirs, and made it when that was used. */
  #isMadeWhenUsed(from: number, edge: Edge): boolean {
    if (!this.#nodes.isNew(edge.to)) return false;
    const isAccessor = this.#snapshot.name(from) === 'system / AccessorPair';
    if (isAccessor || ERROR_STACK.test(String(edge.name))) return true;
    if (this.#nodes.isNew(from)) return false;
    if (edge.type === 'hidden') return FILLED_LATER.test(this.#snapshot.name(from));
    return this.#isPrivate(from, edge) || (edge.type === 'property' && this.#isInner(from));
  }

  #isPrivate(from: number, { name }: Edge): boolean {
    return PRIVATE.test(String(name)) && isNodeFile(this.#nodes.fileOfClass(from));
  }

  /** Whether it is what only an object of Node's has, and not the user's. */
  #isInner(node: number): boolean {
    const file = this.#nodes.fileOfClass(node);
    if (file !== undefined && !isNodeFile(file)) return false;
    const state = this.#stateOf(node);
    return this.#isPrivate(this.#parentOf(state), this.#viaEdge(state));
  }

  #ownerOf(file: string | undefined): Holder {
    if (isNodeFile(file)) return BY.node;
    return file !== undefined && this.#owners.isHarness(file) ? BY.harness : BY.user;
  }

  #noteLeaked(node: number): void {
    if (this.#holders[node] !== BY.user || !this.#nodes.isNew(node)) return;
    if (!this.#nodes.isObject(node) || this.#isPart(node)) return;
    this.#isLeaked[node] = 1;
    this.#leaked.push(node);
  }

  /** What belongs to an object that may be old, and is made when that is used. */
  #isPart(node: number): boolean {
    const state = this.#stateOf(node);
    const { name } = this.#viaEdge(state);
    const isPrototype =
      (name === 'prototype' && this.#snapshot.type(this.#parentOf(state)) === 'closure') ||
      (name === '__proto__' && this.#nodes.isOfFunction(node));
    return (
      isPrototype ||
      this.#isInitializer(state) ||
      this.#isOfEventEmitter(state) ||
      this.#isOfEventTarget(state)
    );
  }

  #isInitializer(state: number): boolean {
    const [node, holder] = [this.#nodeOf(state), this.#parentOf(state)];
    if (this.#viaEdge(state).name !== '<symbol>') return false;
    const areFunctions = [node, holder].every((each) => this.#snapshot.type(each) === 'closure');
    const name = this.#snapshot.name(node);
    return areFunctions && (name === INITIALIZER || name === this.#snapshot.name(holder));
  }

  /** Its table of listeners, or the list of those to one event: made anew when one of them goes. */
  #isOfEventEmitter(state: number): boolean {
    const holdsListeners = (table: number) => this.#viaEdge(table).name === '_events';
    if (holdsListeners(state)) return true;
    return (
      holdsListeners(this.#parents[state]!) && this.#nodes.isListOfFunctions(this.#nodeOf(state))
    );
  }

  /** Its table of listeners, or where the list of those to one event begins. */
  #isOfEventTarget(state: number): boolean {
    const holdsListeners = (table: number) => this.#viaEdge(table).name === LISTENERS;
    const map = this.#parents[this.#parents[state]!]!;
    const isObject = this.#snapshot.name(this.#nodeOf(state)) === 'Object';
    return holdsListeners(state) || (holdsListeners(map) && isObject);
  }

  #listRetainers(leaked: number): string[] {
    const steps: string[] = [];
    for (
      let state = this.#stateOf(leaked);
      this.#nodeOf(state) !== 0;
      state = this.#parents[state]!
    ) {
      if (steps.length === MAX_RETAINERS) return ['...', ...steps];
      const before = this.#parents[state]!;
      const parent = this.#nodeOf(before);
      const edge = this.#viaEdge(state);
      if (edge.type === 'context') {
        const file = this.#nodes.file(this.#functionAround(before));
        steps.unshift(`${edge.name}${file ? ` (${this.#owners.displayPath(file)})` : ''}`);
        // One that a call made in the test would be gone with it, were it not held in turn.
        if (!this.#nodes.isNew(parent)) return steps;
        continue;
      }
      if (this.#nodes.isGlobal(parent)) return [`(global).${edge.name}`, ...steps];
      // Else the way would begin with whichever `require` is nearest to the cache of all modules.
      const module = this.#isExports(parent, edge) && this.#nodes.fileOfOldModule(parent);
      if (module) return [`exports (${this.#owners.displayPath(module)})`, ...steps];
      if (before === this.#stateOf(parent, BY.harness)) return steps;
      const step = this.#nodes.describeStep(parent, edge);
      if (step) steps.unshift(step);
    }
    return steps;
  }

  /** The function through whose scopes a context is reached. */
  #functionAround(context: number): number {
    let state = context;
    while (this.#nodeOf(state) !== 0 && this.#nodes.isScope(this.#nodeOf(state))) {
      state = this.#parents[state]!;
    }
    return this.#nodeOf(state);
  }
}
