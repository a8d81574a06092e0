/**
 * How closely a test is to be measured: as its limits take it, and those that the text of its body mentions.
 * A limit declared in a body counts from the start of that, when it has not been declared yet.
 */
import type Mocha from 'mocha';
import { floor, isFiniteNumber, max, min } from '../builtins';
import { findCertainIncrease } from '../limits/increase';
import type { Limits } from './declarations';

const MENTIONS_LIMIT = /\blimit(?:Memory|Leaks|LeakedObjects)\b/;
const MENTIONS_LEAK_LIMIT = /\blimitLeaks\b/;
const MENTIONS_OBJECTS_LIMIT = /\blimitLeakedObjects\b/;

/** Until a body that mentions a leak limit says which. */
const USUAL_LEAK_LIMIT_BYTES = 1024 * 1024;

/** So many samples of what just reaches a limit make its standard error less than 2%. */
const SAMPLES_AT_LIMIT = 4096;

/** Whether there is something that the test may fail by. */
export function hasLimit({ memory, leaks, leakedObjects }: Limits): boolean {
  return memory !== undefined || leaks !== undefined || leakedObjects !== undefined;
}

/** Whether a test has a limit, or its body may declare one. */
export function mayHaveLimit({ body }: Mocha.Test, limits: Limits): boolean {
  return hasLimit(limits) || MENTIONS_LIMIT.test(body);
}

/** Whether a test has a leak limit, or its body may declare one. */
export function mayLimitLeaks({ body }: Mocha.Test, { leaks }: Limits): boolean {
  return leaks !== undefined || MENTIONS_LEAK_LIMIT.test(body);
}

/** Whether a test has a limit on leaked objects, or its body may declare one. */
export function mayLimitObjects({ body }: Mocha.Test, { leakedObjects }: Limits): boolean {
  return leakedObjects !== undefined || MENTIONS_OBJECTS_LIMIT.test(body);
}

/** @returns bytes: the total up to which the peak has to be confirmed, and that from which on; 0 for none */
export function findConfirmedTotals({
  memory,
  increase,
  comparedFromBytes,
}: Limits): [limitBytes: number, firstBytes: number] {
  if (!memory) return [0, 0];
  const failsAtBytes = increase ? findCertainIncrease(increase) : Infinity;
  const limitBytes = isFiniteNumber(memory.bytes)
    ? memory.bytes
    : min(failsAtBytes, Number.MAX_SAFE_INTEGER);
  return [limitBytes, min(limitBytes, comparedFromBytes ?? limitBytes)];
}

/** @returns the mean distance of two samples of the JS heap, in bytes; undefined where the usual one will do */
export function findSampleInterval(test: Mocha.Test, limits: Limits): number | undefined {
  if (!mayLimitLeaks(test, limits)) return undefined;
  if (limits.leaks?.exact) return 1;
  const limitBytes = limits.leaks?.bytes ?? USUAL_LEAK_LIMIT_BYTES;
  return min(max(1, floor(limitBytes / SAMPLES_AT_LIMIT)), Number.MAX_SAFE_INTEGER);
}
