import type Mocha from 'mocha';
import { stripOwnFrames } from '../stack-trace';

// Tests may replace these.
const { Promise, setImmediate } = globalThis;

/** Mocha's `done`. */
type Done = (error?: unknown) => void;

/** The function of a test. */
export type Body = (this: Mocha.Context, done?: Done) => unknown;

/** How a body says that it has ended. */
export type BodyStyle = 'return' | 'promise' | 'done';

/** Runs the body once more, in its style. Throws or rejects with what it fails with. */
export type RunAgain = () => void | Promise<void>;

/** What is to happen when a body has ended. */
export interface BodyEnd {
  /** The body failed, was skipped, or passed an error to `done`. */
  failed(): void;
  /** The body succeeded. What this throws or rejects with fails the test; a promise delays its end. */
  succeeded(style: BodyStyle, runAgain: RunAgain): void | Promise<void>;
}

/** Who hears how a body ended. */
interface Listener {
  succeed: () => void;
  fail: (reason: unknown) => void;
}

/** How many calls of ours there are between the user's call of `done` and Mocha's own. */
const OWN_FRAMES = { succeed: 4, fail: 5 } as const;

/**
 * Wraps a body so that its beginning and end are known, in each of Mocha's styles: return, promise
 * and `done`. To Mocha and to the body all looks as it would without.
 *
 * @param begin called before the body; what it throws fails the test; without an end to tell, the
 *   body just runs
 */
export function wrapBody(body: Body, begin: () => BodyEnd | undefined): Body {
  // One frame of ours between Mocha and the body, no more: V8 keeps ten of a stack.
  // Mocha tells by the length of a function whether it takes `done`.
  if (body.length > 0) {
    return function (this: Mocha.Context, done) {
      let end: BodyEnd | undefined;
      try {
        end = begin();
        if (!end) return body.call(this, done);
        const watched = watch(body, this, done!, end);
        const returned = body.call(this, watched.done);
        // What Mocha hears of now, it has heard of before there was anything returned.
        return watched.wasCalled() ? undefined : returned;
      } catch (error) {
        end?.failed();
        return rethrowCleanly(error);
      }
    };
  }
  return function (this: Mocha.Context) {
    let end: BodyEnd | undefined;
    let returned: unknown;
    try {
      end = begin();
      returned = body.call(this);
    } catch (error) {
      end?.failed();
      return rethrowCleanly(error);
    }
    if (!end) return returned;
    const runAgain: RunAgain = () => waitFor(body.call(this));
    return isThenable(returned)
      ? follow(returned, end, runAgain)
      : (conclude(end, 'return', runAgain) ?? returned);
  };
}

/** Lets an error out as if it had never passed through here. */
function rethrowCleanly(error: unknown): never {
  stripOwnFrames(error);
  throw error;
}

function conclude(end: BodyEnd, style: BodyStyle, runAgain: RunAgain): Promise<void> | undefined {
  try {
    return end.succeeded(style, runAgain)?.catch(rethrowCleanly);
  } catch (error) {
    return rethrowCleanly(error);
  }
}

/** Not a promise: that would hide from Mocha what a broken thenable does, which settles twice or throws. */
function follow(returned: PromiseLike<unknown>, end: BodyEnd, runAgain: RunAgain): unknown {
  return {
    then(resolve: () => void, reject: (reason: unknown) => void) {
      const { succeed, fail } = tellLast(
        { succeed: resolve, fail: reject },
        end,
        'promise',
        runAgain,
      );
      try {
        returned.then(succeed, fail);
      } catch (error) {
        end.failed();
        rethrowCleanly(error);
      }
    },
  };
}

/**
 * Has Mocha hear of the end of a body last, and in every case. Not within `follow`: what is kept until
 * then would keep what the body returned, and with it a value that could be garbage.
 */
function tellLast(mocha: Listener, end: BodyEnd, style: BodyStyle, runAgain: RunAgain): Listener {
  let ended: Promise<void> | undefined;
  // What Mocha is told once more, which it reports, it hears after the first.
  return {
    succeed() {
      if (ended) return tellAfter(ended, mocha.succeed, mocha.succeed);
      try {
        ended = conclude(end, style, runAgain);
      } catch (fault) {
        return mocha.fail(fault);
      }
      if (ended) tellAfter(ended, mocha.succeed, mocha.fail);
      else mocha.succeed();
    },
    fail(reason) {
      const tell = (): void => mocha.fail(reason);
      if (ended) return tellAfter(ended, tell, tell);
      try {
        end.failed();
      } finally {
        stripOwnFrames(reason);
        tell();
      }
    },
  };
}

/**
 * Tells Mocha how something ended. What that throws, as its `done` does of a symbol, a promise would swallow, and the
 * run would end there, as if it had passed: Mocha has to hear of it as of what nobody caught.
 */
function tellAfter(
  ended: Promise<void>,
  succeed: () => void,
  fail: (reason: unknown) => void,
): void {
  ended.then(succeed, fail).catch((error: unknown) => {
    setImmediate(() => {
      throw error;
    });
  });
}

/** Not an async function: what a body returns may not be kept. */
function waitFor(returned: unknown): void | Promise<void> {
  if (!isThenable(returned)) return;
  return new Promise((resolve, reject) => {
    returned.then(() => resolve(), reject);
  });
}

/** A `done` that tells of the end before it tells Mocha. */
function watch(
  body: Body,
  context: Mocha.Context,
  done: Done,
  end: BodyEnd,
): { done: Done; wasCalled: () => boolean } {
  let wasCalled = false;
  const runAgain: RunAgain = () =>
    new Promise((resolve, reject) => {
      let isOver = false;
      body.call(context, (error) => {
        if (isOver) return told(error);
        isOver = true;
        // eslint-disable-next-line @typescript-eslint/prefer-promise-reject-errors -- what users pass
        if (error) reject(error);
        else resolve();
      });
    });
  const mocha: Listener = {
    succeed: () => callBehind(OWN_FRAMES.succeed, done),
    fail: (reason) => {
      const error = reason || new Error('the body failed with no or falsy reason');
      callBehind(OWN_FRAMES.fail, done, error);
    },
  };
  const { succeed, fail } = tellLast(mocha, end, 'done', runAgain);
  const told: Done = (error) => {
    wasCalled = true;
    if (error) fail(error);
    else succeed();
  };
  return { done: told, wasCalled: () => wasCalled };
}

/**
 * Calls Mocha's `done`, which makes errors of what is none, and of a second call. V8 keeps ten frames of
 * a stack: so many more have to be kept as are taken out for being ours.
 */
function callBehind(ownFrames: number, done: Done, error?: unknown): void {
  const { stackTraceLimit } = Error;
  const isKept = typeof stackTraceLimit === 'number' && stackTraceLimit > 0;
  if (!isKept || !setStackTraceLimit(stackTraceLimit + ownFrames)) return done(error);
  try {
    done(error);
  } finally {
    // Reporters may have set another meanwhile.
    if (Error.stackTraceLimit === stackTraceLimit + ownFrames) setStackTraceLimit(stackTraceLimit);
  }
}

/** Gives false where the user has frozen it. */
function setStackTraceLimit(limit: number): boolean {
  try {
    Error.stackTraceLimit = limit;
    return true;
  } catch {
    return false;
  }
}

/** Whether a value is a promise, or passes for one. */
export function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
