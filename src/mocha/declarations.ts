import type Mocha from 'mocha';
import type { IncreaseLimit } from '../limits/increase';
import type { LeakLimit } from '../limits/leak-limit';
import type { LeakedObjectsLimit } from '../limits/leaked-objects-limit';
import type { MemoryLimit } from '../limits/memory-limit';

/** A limit; `false`, which lifts an outer one; or the error its declaration made. */
export type Declared<Limit> = Limit | false | TypeError;

/** What one place declares. */
export interface Declarations {
  memory?: Declared<MemoryLimit>;
  leaks?: Declared<LeakLimit>;
  leakedObjects?: Declared<LeakedObjectsLimit>;
}

/** The limits that hold for a test. */
export interface Limits {
  memory?: MemoryLimit;
  /** By the baseline, of a test with a memory limit. */
  increase?: IncreaseLimit;
  /** A peak of so much or more is compared with another run's: it should be what was live. */
  comparedFromBytes?: number;
  leaks?: LeakLimit;
  leakedObjects?: LeakedObjectsLimit;
}

/** Holds for tests of which nothing else declares this kind. */
let onRun: Declarations = {};
// Mocha shares `this` between tests, so what is declared is kept by test and suite instead.
const onSuite = new WeakMap<Mocha.Suite, Declarations>();
const onTest = new WeakMap<Mocha.Test, Declarations>();
const inBody = new WeakMap<Mocha.Test, Declarations>();
const bodyWatchers = new WeakMap<Mocha.Test, () => void>();
const inHooks = new WeakMap<Mocha.Test, Map<Mocha.Suite, Declarations>>();

/** Declares for every test, outermost. */
export function declareOnRun(declarations: Declarations): void {
  onRun = declarations;
}

/** Declares for every test of a suite. */
export function declareOnSuite(suite: Mocha.Suite, declarations: Declarations): void {
  add(onSuite, suite, declarations);
}

/** Declares for a test and its retries, mostly before it runs. */
export function declareOnTest(test: Mocha.Test, declarations: Declarations): void {
  add(onTest, firstAttempt(test), declarations);
  bodyWatchers.get(test)?.();
}

/** Declares from a test's body, for this attempt. */
export function declareInBody(test: Mocha.Test, declarations: Declarations): void {
  add(inBody, test, declarations);
  bodyWatchers.get(test)?.();
}

/** Has `watcher` called whenever the body of a test declares something. */
export function watchBody(test: Mocha.Test, watcher: () => void): void {
  bodyWatchers.set(test, watcher);
}

/** For a test that has ended: Mocha keeps it, and it would keep the watcher. */
export function unwatchBody(test: Mocha.Test): void {
  bodyWatchers.delete(test);
}

/** Declares from a beforeEach hook of `suite`, for this attempt at `test`. */
export function declareInHook(
  test: Mocha.Test,
  suite: Mocha.Suite,
  declarations: Declarations,
): void {
  const bySuite = inHooks.get(test) ?? new Map<Mocha.Suite, Declarations>();
  inHooks.set(test, bySuite);
  add(bySuite, suite, declarations);
}

/**
 * The limits of a test: of each kind the innermost.
 *
 * @throws TypeError of a declaration that holds and is malformed
 */
export function findLimits(test: Mocha.Test): Limits {
  const places = [inBody.get(test), onTest.get(firstAttempt(test))];
  for (let suite = test.parent; suite; suite = suite.parent) {
    places.push(inHooks.get(test)?.get(suite), onSuite.get(suite));
  }
  places.push(onRun);
  const limits: Limits = {};
  const memory = findInnermost(places, 'memory');
  const leaks = findInnermost(places, 'leaks');
  const leakedObjects = findInnermost(places, 'leakedObjects');
  if (memory) limits.memory = memory;
  if (leaks) limits.leaks = leaks;
  if (leakedObjects) limits.leakedObjects = leakedObjects;
  return limits;
}

function findInnermost<Kind extends keyof Declarations>(
  places: (Declarations | undefined)[],
  kind: Kind,
): Exclude<Declarations[Kind], TypeError> {
  const declared = places.find((place) => place?.[kind] !== undefined)?.[kind];
  if (declared instanceof TypeError) throw declared;
  return declared as Exclude<Declarations[Kind], TypeError>;
}

/** Mocha runs a clone of the test for each retry. */
export function firstAttempt<Each extends Mocha.Runnable>(runnable: Each): Each {
  return (runnable as { retriedTest?(): Each | undefined }).retriedTest?.() ?? runnable;
}

function add<Key>(
  map: { get(key: Key): Declarations | undefined; set(key: Key, value: Declarations): unknown },
  key: Key,
  declarations: Declarations,
): void {
  map.set(key, { ...map.get(key), ...declarations });
}
