import {
  createInvalidArgumentError,
  createNotMeasuredError,
  MemrayMochaError,
  type ErrorCode,
} from '../errors';
import type { Limits } from './declarations';
import { isThenable } from './wrapped-body';

/** Of errors that say themselves what to do. */
const TELLING = new Set<ErrorCode>([
  'ERR_MEMRAY_LIMIT_REACHED',
  'ERR_MEMRAY_NOT_MEASURED',
  'ERR_MEMRAY_HEAP_TOO_LARGE',
  'ERR_MEMRAY_CAPTURE_TOO_LARGE',
]);

/**
 * Runs the analysis of a test with limits. What it throws would read as an error of the test's, which has passed: it
 * is told as one of memray-mocha's, unless a filter of the user's has thrown it.
 *
 * @param analyze is given the limits to use, whose filters note that they have thrown: that ends it
 */
export function tellOwnFailure(limits: Limits, analyze: (limits: Limits) => void): void {
  let isOfFilter = false;
  try {
    analyze(watchFilters(limits, () => (isOfFilter = true)));
  } catch (error) {
    if (isOfFilter || isTelling(error)) throw error;
    throw createNotMeasuredError(error);
  }
}

function isTelling(error: unknown): boolean {
  return error instanceof MemrayMochaError && TELLING.has(error.code);
}

function watchFilters(limits: Limits, noteFailure: () => void): Limits {
  const { leaks, leakedObjects } = limits;
  return {
    ...limits,
    leaks: leaks && { ...leaks, filterFn: watchFilter('limitLeaks', leaks.filterFn, noteFailure) },
    leakedObjects: leakedObjects && {
      filterFn: watchFilter('limitLeakedObjects', leakedObjects.filterFn, noteFailure),
    },
  };
}

function watchFilter<Value>(
  of: string,
  filterFn: (value: Value) => boolean,
  noteFailure: () => void,
): (value: Value) => boolean {
  return (value) => {
    try {
      const answer: unknown = filterFn(value);
      // A promise is truthy, whatever it resolves to: each leak would be reported, and none where `return` is missing.
      if (isThenable(answer) || answer === undefined) throw createFilterAnswerError(of, answer);
      return Boolean(answer);
    } catch (error) {
      noteFailure();
      throw error;
    }
  };
}

function createFilterAnswerError(of: string, answer: unknown): TypeError {
  return createInvalidArgumentError(
    `what the filter of ${of} returns`,
    '`true` or `false`',
    answer,
    answer === undefined
      ? 'Has it a `return`? `Boolean(...)` makes `false` of what may be undefined.'
      : 'It may not be async.',
  );
}
