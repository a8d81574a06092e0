import type Mocha from 'mocha';
import { max, round } from '../builtins';
import { defineOwn } from './own-property';

// Tests may fake it.
const now = process.hrtime.bigint.bind(process.hrtime);

/**
 * Keeps what this package does around a test body out of the test's duration and timeout, both of
 * which Mocha measures from outside.
 */
export class BodyClock {
  readonly #test: Mocha.Test;
  readonly #startedAt = now();
  #ownMs = 0;
  #pausedAt: bigint | undefined;
  #duration: number | undefined;

  constructor(test: Mocha.Test) {
    this.#test = test;
    defineOwn(test, 'duration', {
      configurable: true,
      enumerable: true,
      get: () => this.#duration,
      set: (durationMs: number | undefined) => {
        this.#duration =
          durationMs === undefined ? undefined : max(0, round(durationMs - this.#ownMs));
      },
    });
  }

  /**
   * From here on time is ours. Mocha's timer stays as it is: a test that has failed may still run,
   * and nothing else ends it then.
   */
  pause(): void {
    if (this.#pausedAt !== undefined) return;
    this.#pausedAt = now();
    // Mocha arms its timer when it is handed a promise; while we analyse it must not.
    this.#test.resetTimeout = () => {};
  }

  /** From here on time is the test's again. */
  resume(): void {
    if (this.#pausedAt === undefined) return;
    this.#ownMs += toMs(now() - this.#pausedAt);
    this.#pausedAt = undefined;
    delete (this.#test as Partial<Mocha.Test>).resetTimeout;
  }

  /** Whether Mocha has measured how long the test took, and gone on. */
  get hasEnded(): boolean {
    return this.#duration !== undefined;
  }

  /** Whether the test has taken longer than its timeout: Mocha fails it when it ends. */
  get isOverdue(): boolean {
    const timeoutMs = this.#test.timeout();
    return timeoutMs > 0 && toMs(now() - this.#startedAt) - this.#ownMs > timeoutMs + 1;
  }

  /** Gives the test back a plain `duration`. */
  remove(): void {
    this.resume();
    defineOwn(this.#test, 'duration', {
      configurable: true,
      enumerable: true,
      writable: true,
      value: this.#duration,
    });
  }
}

function toMs(nanoseconds: bigint): number {
  return Number(nanoseconds) / 1e6;
}
