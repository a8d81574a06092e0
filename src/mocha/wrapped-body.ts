import type Mocha from 'mocha';
import { stripOwnFrames } from '../stack-trace';

/** Mocha's `done`. */
type Done = (error?: unknown) => void;

/** The function of a test. */
export type Body = (this: Mocha.Context, done?: Done) => unknown;

/** What is to happen when a body has ended. */
export interface BodyEnd {
  /** The body failed, was skipped, or passed an error to `done`. */
  failed(): void;
  /** The body succeeded. What this throws or rejects with fails the test; a promise delays its end. */
  succeeded(): void | Promise<void>;
}

/**
 * Wraps a body so that its beginning and end are known, in each of Mocha's styles: return, promise
 * and `done`. To Mocha and to the body all looks as it would without.
 *
 * @param begin called before the body; what it throws fails the test; without an end to tell, the
 *   body just runs
 */
export function wrapBody(body: Body, begin: () => BodyEnd | undefined): Body {
  // Mocha tells by the length of a function whether it takes `done`.
  if (body.length > 0) {
    return function (this: Mocha.Context, done) {
      return cleanly(() => {
        const end = begin();
        return end
          ? tellFailure(() => body.call(this, watch(done!, end)), end)
          : body.call(this, done);
      });
    };
  }
  return function (this: Mocha.Context) {
    return cleanly(() => {
      const end = begin();
      if (!end) return body.call(this);
      const returned = tellFailure(() => body.call(this), end);
      if (isThenable(returned)) return follow(returned, end);
      return end.succeeded()?.catch(rethrowCleanly) ?? returned;
    });
  };
}

/** Lets errors out as if they had never passed through here. */
function cleanly<Result>(action: () => Result): Result {
  try {
    return action();
  } catch (error) {
    return rethrowCleanly(error);
  }
}

function rethrowCleanly(error: unknown): never {
  stripOwnFrames(error);
  throw error;
}

function tellFailure(body: () => unknown, end: BodyEnd): unknown {
  try {
    return body();
  } catch (error) {
    end.failed();
    throw error;
  }
}

/** Not an async function: that would keep `promise`, and with it a value that could be garbage. */
function follow(promise: PromiseLike<unknown>, end: BodyEnd): Promise<void> {
  return new Promise<void>((resolve, reject) => {
    promise.then(
      () => resolve(new Promise((settle) => settle(end.succeeded()))),
      (reason: Error) => {
        end.failed();
        reject(reason);
      },
    );
  }).catch(rethrowCleanly);
}

/** A `done` that tells of the end before it tells Mocha. */
function watch(done: Done, end: BodyEnd): Done {
  let ended: Promise<void> | undefined;
  const report: Done = (error) => {
    stripOwnFrames(error);
    done(error);
  };
  return (error) => {
    if (ended) {
      // Called once more, which Mocha reports when it has heard of the first call.
      const again = (): void => done(error);
      ended.then(again, again);
    } else if (error) {
      end.failed();
      report(error);
    } else {
      try {
        ended = end.succeeded() ?? undefined;
      } catch (fault) {
        report(fault);
        return;
      }
      if (ended) ended.then(() => done(), report);
      else done();
    }
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
