import type Mocha from 'mocha';

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
      const end = begin();
      return end ? call(() => body.call(this, watch(done!, end)), end) : body.call(this, done);
    };
  }
  return function (this: Mocha.Context) {
    const end = begin();
    if (!end) return body.call(this);
    const returned = call(() => body.call(this), end);
    return isThenable(returned) ? follow(returned, end) : (end.succeeded() ?? returned);
  };
}

function call(body: () => unknown, end: BodyEnd): unknown {
  try {
    return body();
  } catch (error) {
    end.failed();
    throw error;
  }
}

/** Not an async function: that would keep `promise`, and with it a value that could be garbage. */
function follow(promise: PromiseLike<unknown>, end: BodyEnd): Promise<void> {
  return new Promise((resolve, reject) => {
    promise.then(
      () => {
        try {
          resolve(end.succeeded());
        } catch (error) {
          reject(error as Error);
        }
      },
      (reason: Error) => {
        end.failed();
        reject(reason);
      },
    );
  });
}

/** A `done` that tells of the end before it tells Mocha. */
function watch(done: Done, end: BodyEnd): Done {
  let ended: Promise<void> | undefined;
  return (error) => {
    if (ended) {
      // Called once more, which Mocha reports when it has heard of the first call.
      const again = (): void => done(error);
      ended.then(again, again);
      return;
    }
    if (error) {
      end.failed();
      done(error);
      return;
    }
    try {
      ended = end.succeeded() ?? undefined;
    } catch (fault) {
      done(fault);
      return;
    }
    if (ended) ended.then(() => done(), done);
    else done();
  };
}

function isThenable(value: unknown): value is PromiseLike<unknown> {
  return typeof (value as PromiseLike<unknown> | null | undefined)?.then === 'function';
}
