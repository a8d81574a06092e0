import type Mocha from 'mocha';
import { hasOwn } from '../builtins';
import type { IncreaseLimit } from '../limits/increase';
import type { LeakLimit } from '../limits/leak-limit';
import type { LeakedObjectsLimit } from '../limits/leaked-objects-limit';
import type { MemoryLimit } from '../limits/memory-limit';

/** In place of a limit, what its declaration threw. */
export class BadDeclaration {
  constructor(readonly error: unknown) {}
}

/** A limit; `false`, which lifts an outer one; or none that can hold. */
type Declared<Limit> = Limit | false | BadDeclaration;

/** What one place declares. */
export interface Declarations {
  memory?: Declared<MemoryLimit>;
  leaks?: Declared<LeakLimit>;
  leakedObjects?: Declared<LeakedObjectsLimit>;
}

/** The limits that hold for a test: all are named, since tests may give all objects a `leaks`. */
export interface Limits {
  memory: MemoryLimit | undefined;
  /** By the baseline, of a test with a memory limit. */
  increase: IncreaseLimit | undefined;
  /** A peak of so much or more is compared with another run's: it should be what was live. */
  comparedFromBytes: number | undefined;
  leaks: LeakLimit | undefined;
  leakedObjects: LeakedObjectsLimit | undefined;
}

/** Of a test that is held to nothing. */
export const NO_LIMITS: Limits = {
  memory: undefined,
  increase: undefined,
  comparedFromBytes: undefined,
  leaks: undefined,
  leakedObjects: undefined,
};

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
 * @throws what a declaration that holds has thrown, a TypeError where it is malformed
 */
export function findLimits(test: Mocha.Test): Limits {
  const places = [inBody.get(test), onTest.get(firstAttempt(test))];
  for (let suite = test.parent; suite; suite = suite.parent) {
    places.push(inHooks.get(test)?.get(suite), onSuite.get(suite));
  }
  places.push(onRun);
  return {
    ...NO_LIMITS,
    memory: findInnermost(places, 'memory') || undefined,
    leaks: findInnermost(places, 'leaks') || undefined,
    leakedObjects: findInnermost(places, 'leakedObjects') || undefined,
  };
}

function findInnermost<Kind extends keyof Declarations>(
  places: (Declarations | undefined)[],
  kind: Kind,
): Exclude<Declarations[Kind], BadDeclaration> {
  const declared = places.find((place) => place && hasOwn(place, kind))?.[kind];
  if (declared instanceof BadDeclaration) throw declared.error;
  return declared as Exclude<Declarations[Kind], BadDeclaration>;
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
