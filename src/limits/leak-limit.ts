import type { CallStack } from '../call-stack';
import type { AllocationRecord } from '../capture/capture-reader';
import { createInvalidArgumentError } from '../errors';
import { formatMemorySize, parseMemorySize } from '../memory-size';
import { checkLimitOptions } from './limit-options';
import { createVerdict, sumByCallStack, type TextOptions, type Verdict } from './verdict';

const MIN_STACKS = 5;

/**
 * Decides whether a call stack that leaked too much is reported. Called once per distinct call
 * stack at or over the limit; `stack.frames` is most recent call first.
 */
export type LeaksFilterFunction = (stack: CallStack) => boolean;

/** Options of `limitLeaks`. */
export interface LimitLeaksOptions {
  /** `true` reports the call stack, `false` ignores it. */
  filterFn?: LeaksFilterFunction;
  /** Count only what the thread of the test allocates. */
  currentThreadOnly?: boolean;
  /** Count every JS heap object instead of samples; slower. Default: false, within 2% of the limit. */
  exact?: boolean;
}

/** A checked `limitLeaks` declaration. */
export interface LeakLimit {
  /** Per distinct call stack. */
  bytes: number;
  filterFn: LeaksFilterFunction;
  currentThreadOnly: boolean;
  exact: boolean;
}

/**
 * Checks the arguments of `limitLeaks`.
 *
 * @throws TypeError naming the argument that is wrong
 */
export function createLeakLimit(
  limit: string | number,
  filterOrOptions: LeaksFilterFunction | LimitLeaksOptions = {},
): LeakLimit {
  const bytes = parseMemorySize(limit);
  const options = toOptions(filterOrOptions);
  checkLimitOptions('limitLeaks', options, {
    filterFn: 'function',
    currentThreadOnly: 'boolean',
    exact: 'boolean',
  });
  return {
    bytes,
    filterFn: options.filterFn ?? (() => true),
    currentThreadOnly: options.currentThreadOnly ?? false,
    exact: options.exact ?? false,
  };
}

/**
 * Judges a test by what it left behind.
 *
 * @param rows what is still live after the test and a full garbage collection
 * @returns the verdict when a call stack that the filter does not ignore reached the limit
 * @throws whatever the filter throws
 */
export function judgeLeaks(
  limit: LeakLimit,
  rows: AllocationRecord[],
  options: TextOptions,
): Verdict | undefined {
  const leaks = sumByCallStack(rows, options.native).filter(
    ({ bytes, stack }) => bytes >= limit.bytes && limit.filterFn(stack),
  );
  const largest = leaks[0];
  if (!largest) return undefined;
  return createVerdict(
    {
      kind: 'limitLeaks',
      limitBytes: limit.bytes,
      actualBytes: largest.bytes,
      summary: `Test was allowed to leak ${formatMemorySize(limit.bytes)} per location but at least one location leaked more`,
      title: 'List of leaked allocations:',
      sums: leaks,
      remedy:
        'Release what these lines keep, raise the limit, or ignore a known cache with a filter.',
    },
    { ...options, stacks: Math.max(options.stacks, MIN_STACKS) },
  );
}

function toOptions(filterOrOptions: LeaksFilterFunction | LimitLeaksOptions): LimitLeaksOptions {
  if (typeof filterOrOptions === 'function') return { filterFn: filterOrOptions };
  if (typeof filterOrOptions === 'object' && filterOrOptions !== null) return filterOrOptions;
  throw createInvalidArgumentError(
    'the second argument of limitLeaks',
    'a filter function or an object of options',
    filterOrOptions,
  );
}
