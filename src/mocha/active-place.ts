import type Mocha from 'mocha';
import { createLimitNowhereError, createLimitTooLateError } from '../errors';
import { refuseOtherCopy } from '../native/addon';
import { firstAttempt } from './declarations';

/** What Mocha calls with a `this`. */
export type Runnable = Mocha.Test | Mocha.Hook;

/** The methods of Mocha's that are stepped into. */
interface ContextClass {
  prototype: { runnable: (this: Mocha.Context, runnable?: Runnable) => unknown };
}
interface SuiteClass {
  prototype: { beforeEach: (this: Mocha.Suite) => unknown };
}

// Tests may fake it.
const { queueMicrotask } = globalThis;

let mocha: typeof Mocha | undefined;
/** What Mocha called last, whether it still runs or not. */
let begun: Runnable | undefined;
/** Whether that call has not returned yet. */
let isInCall = false;
/** What Mocha gave up waiting for, and may go on behind its back. */
let givenUp: Runnable | undefined;

/** What is to be done right before Mocha calls a function. */
let preparation: { runnable: Runnable; prepare: () => void } | undefined;

/** Has `prepare` called once, right before Mocha reads the function of `runnable`, the next test, to call it. */
export function prepareCall(runnable: Runnable, prepare: () => void): void {
  preparation = { runnable, prepare };
}

/** Keeps in mind what Mocha runs, for limits that are declared without a `this`. */
export function watchRunnables(running: typeof Mocha): void {
  mocha = running;
  // Mocha tells a context its runnable right before it calls the function of that.
  const { prototype } = running.Context as unknown as ContextClass;
  const { runnable } = prototype;
  prototype.runnable = function (...args) {
    if (args[0]) begin(args[0]);
    return runnable.apply(this, args);
  };
}

function begin(runnable: Runnable): void {
  if (preparation?.runnable === runnable) {
    preparation.prepare();
    preparation = undefined;
  }
  if (begun && mayGoOn(begun)) givenUp = begun;
  begun = runnable;
  isInCall = true;
  // No microtask runs before the call returns.
  queueMicrotask(() => (isInCall = false));
}

/**
 * The test or hook that runs, or the suite whose callback does.
 *
 * @param method who asks, for messages
 * @throws MemrayMochaError when there is none, it cannot be told which, or another copy of this package knows
 */
export function findActivePlace(method: string): Runnable | Mocha.Suite {
  if (!mocha) {
    refuseOtherCopy();
    throw createLimitNowhereError(
      method,
      'without memray-mocha/register',
      'Load it with Mocha: --require memray-mocha/register.',
    );
  }
  if (isInCall) return begun!;
  const suite = findOpenSuite(mocha);
  // A suite of another root is one that is only being loaded; what has begun was of a run before.
  const runnable = suite && begun && rootOf(begun) !== rootOf(suite) ? undefined : begun;
  if (!runnable && suite && !suite.root) return suite;
  if (!runnable || hasEnded(runnable)) {
    throw createLimitNowhereError(
      method,
      'outside of any suite, hook or test',
      "Call it in one of these, or set a limit for every test in `memray` of Mocha's configuration.",
    );
  }
  if (givenUp && firstAttempt(givenUp) !== firstAttempt(runnable)) {
    throw createLimitTooLateError(
      method,
      `after an await, when "${givenUp.title}" may still go on, so that it cannot be told whose limit this is`,
      'Call it before the first await.',
    );
  }
  return runnable;
}

/**
 * The test of the same run that has begun and not ended. Its body declares on a suite by mistake: in an
 * arrow function `this` is the suite's.
 */
export function findRunningTest(suite: Mocha.Suite): Mocha.Test | undefined {
  const isRunning = begun?.type === 'test' && !hasEnded(begun) && rootOf(begun) === rootOf(suite);
  return isRunning ? (begun as Mocha.Test) : undefined;
}

/** Asks Mocha's interface in whose callback we are, by the hook it would add there. */
function findOpenSuite({ Suite, beforeEach }: typeof Mocha): Mocha.Suite | undefined {
  const { prototype } = Suite as unknown as SuiteClass;
  const original = prototype.beforeEach;
  const found: Mocha.Suite[] = [];
  prototype.beforeEach = function () {
    found.push(this);
  };
  try {
    beforeEach(() => {});
  } catch {
    // The interface `exports` has no functions to call.
  } finally {
    prototype.beforeEach = original;
  }
  return found[0];
}

/** Whether Mocha has its outcome. */
export function hasEnded({ state, pending }: Runnable): boolean {
  return state !== undefined || pending;
}

/** After a timeout, or an error that nobody caught: then Mocha measures no duration. */
function mayGoOn({ timedOut, state, duration }: Runnable): boolean {
  return timedOut || (state === 'failed' && duration === undefined);
}

function rootOf(place: Runnable | Mocha.Suite): Runnable | Mocha.Suite {
  let root = place;
  while (root.parent) root = root.parent;
  return root;
}
