import { isSafeInteger, max } from '../builtins';
import type { CallStack } from '../call-stack';
import type { AllocationRecord } from '../capture/capture-reader';
import { checkOptions } from '../check-options';
import { createInvalidArgumentError } from '../errors';
import { formatMemorySize, parseLimit } from '../memory-size';
import { withoutHarness } from '../stack-trace';
import { measureGrowth, runsBeforeMark } from './growth';
import {
  createVerdict,
  inBytes,
  sumByCallStack,
  type CallStackSum,
  type TextOptions,
  type Verdict,
} from './verdict';

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
  /**
   * How often the body runs, hooks once, within one timeout. What all these runs leave behind is
   * held to the limit, and the failure says by how much it grows per run. Default: 1.
   */
  repeat?: number;
  /** How often the body runs before that: caches fill, and as much as is left then is no leak. Default: 0. */
  warmup?: number;
}

/** A checked `limitLeaks` declaration. */
export interface LeakLimit {
  /** Per distinct call stack. */
  bytes: number;
  filterFn: LeaksFilterFunction;
  currentThreadOnly: boolean;
  exact: boolean;
  /** Measured runs of the body, at least 1. */
  repeat: number;
  /** Runs before these. */
  warmup: number;
  /** Of the option `limit-leaks`: no line of the test says so. */
  isFromOption?: boolean;
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
  const bytes = parseLimit(limit, 'limitLeaks', ['`false`']);
  const options = toOptions(filterOrOptions);
  checkOptions('limitLeaks', options, {
    filterFn: 'function',
    currentThreadOnly: 'boolean',
    exact: 'boolean',
    repeat: 'number',
    warmup: 'number',
  });
  return {
    bytes,
    filterFn: options.filterFn ?? (() => true),
    currentThreadOnly: options.currentThreadOnly ?? false,
    exact: options.exact ?? false,
    repeat: checkRuns('repeat', options.repeat ?? 1, 1),
    warmup: checkRuns('warmup', options.warmup ?? 0, 0),
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
    ({ bytes, stack }) => bytes >= limit.bytes && limit.filterFn(copyStack(stack)),
  );
  const largest = leaks[0];
  if (!largest) return undefined;
  return createVerdict(
    {
      kind: 'limitLeaks',
      limitBytes: limit.bytes,
      actualBytes: largest.bytes,
      summary: `Test was allowed to leak ${formatMemorySize(limit.bytes)} per location but at least one location leaked more${inBytes(largest.bytes, limit.bytes)}${limit.repeat > 1 ? ` in ${limit.repeat} runs` : ''}`,
      title: 'List of leaked allocations:',
      sums: limit.repeat > 1 ? leaks.map((sum) => noteGrowth(sum, limit.repeat)) : leaks,
      remedy: `Release what these lines allocated, raise the limit${limit.isFromOption ? ' (the option `limit-leaks`)' : ''}, or ignore a known cache with \`filterFn\`.${adviseRuns(limit)}`,
    },
    { ...options, stacks: max(options.stacks, MIN_STACKS) },
  );
}

/** How to tell a leak from what is made once, or replaced by each run. */
function adviseRuns({ repeat, warmup }: LeakLimit): string {
  if (repeat === 1) return ' `{ repeat: 20, warmup: 2 }` tells whether it grows or is made once.';
  return ` What does not grow may be a cache: have ${warmup > 0 ? 'more ' : ''}\`warmup\` runs fill it.`;
}

/** For a filter, which may take it to pieces and asks about the user's code: the original is shown. */
function copyStack({ frames }: CallStack): CallStack {
  return { frames: withoutHarness(frames).map((frame) => ({ ...frame })) };
}

function noteGrowth(sum: CallStackSum, repeat: number): CallStackSum {
  const { bytesPerRun, grows } = measureGrowth(sum, repeat);
  const note = grows
    ? `, growing by ${formatMemorySize(bytesPerRun)} per run`
    : `, not growing since run ${runsBeforeMark(repeat)}`;
  return { ...sum, note };
}

function checkRuns(name: string, runs: number, minimum: number): number {
  if (isSafeInteger(runs) && runs >= minimum) return runs;
  throw createInvalidArgumentError(
    `the \`${name}\` option of limitLeaks`,
    `a whole number, at least ${minimum}`,
    runs,
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
