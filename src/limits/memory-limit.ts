import { isFiniteNumber } from '../builtins';
import type { AllocationRecord } from '../capture/capture-reader';
import { checkOptions } from '../check-options';
import { createInvalidArgumentError } from '../errors';
import { formatMemorySize, parseLimit } from '../memory-size';
import type { TestResult } from '../test-result';
import { createVerdict, inBytes, sumAllocations, type TextOptions, type Verdict } from './verdict';

const PERCENT = /^\s*(\d+\.?\d*|\.\d+)\s*%\s*$/;

/** Options of `limitMemory`. */
export interface LimitMemoryOptions {
  /** Count only what the thread of the test allocates. */
  currentThreadOnly?: boolean;
  /** With the limit `"baseline"`: how much more than before is no increase, such as `"10%"`. */
  tolerance?: string;
}

/** Of a test, in bytes. */
export type Peak = Pick<TestResult['peak'], 'bytes' | 'rawBytes'>;

/** A checked `limitMemory` declaration. */
export interface MemoryLimit {
  /** Infinity when only the baseline is to limit. */
  bytes: number;
  currentThreadOnly: boolean;
  /** Hold the test to its peak in the baseline and `tolerance` times as much above it. */
  baseline?: { tolerance: number };
  /** Of the option `limit-memory`: no line of the test says so. */
  isFromOption?: boolean;
}

/**
 * Checks the arguments of `limitMemory`.
 *
 * @throws TypeError naming the argument that is wrong
 */
export function createMemoryLimit(
  limit: string | number,
  options: LimitMemoryOptions = {},
): MemoryLimit {
  const isBaseline = limit === 'baseline';
  const bytes = isBaseline ? Infinity : parseLimit(limit, 'limitMemory', ['"baseline"', '`false`']);
  checkOptions('limitMemory', options, { currentThreadOnly: 'boolean', tolerance: 'string' });
  const { currentThreadOnly = false, tolerance } = options;
  if (isBaseline) {
    return { bytes, currentThreadOnly, baseline: { tolerance: parsePercent(tolerance ?? '0%') } };
  }
  if (tolerance === undefined) return { bytes, currentThreadOnly };
  throw createInvalidArgumentError(
    'the `tolerance` option of limitMemory',
    'given with the limit "baseline" only',
    tolerance,
  );
}

/** Gives a share: 0.1 for `10%`. */
function parsePercent(text: string): number {
  const [, percent] = PERCENT.exec(text) ?? [];
  const share = Number(percent) / 100;
  if (isFiniteNumber(share)) return share;
  throw createInvalidArgumentError(
    'the `tolerance` option of limitMemory',
    'a share such as "10%"',
    text,
  );
}

/**
 * Judges a test by its peak.
 *
 * @param peak the largest total that was found to be live, and the largest with garbage
 * @param rows what was live at the peak
 * @returns the verdict when the limit is reached (greater or equal), nothing when it is kept
 */
export function judgeMemory(
  limit: MemoryLimit,
  { bytes: actualBytes, rawBytes }: Peak,
  rows: AllocationRecord[],
  options: TextOptions,
): Verdict | undefined {
  if (actualBytes < limit.bytes) return undefined;
  return createVerdict(
    {
      kind: 'limitMemory',
      limitBytes: limit.bytes,
      actualBytes,
      summary: `Test was limited to ${formatMemorySize(limit.bytes)} but allocated ${formatMemorySize(actualBytes)}${inBytes(actualBytes, limit.bytes)}`,
      title: 'List of allocations:',
      sums: sumAllocations(rows, options),
      remedy: `Allocate less at once, or raise the limit${limit.isFromOption ? ' (the option `limit-memory`)' : ''}.${boundPeak(actualBytes, rawBytes)}`,
    },
    options,
  );
}

/** Above what was found to be live there may be more that was, but was dropped before anybody looked. */
function boundPeak(actualBytes: number, rawBytes: number): string {
  const [actual, raw] = [actualBytes, rawBytes].map(formatMemorySize);
  if (rawBytes <= actualBytes || raw === actual) return '';
  return ` The peak is at least ${actual}, which was live when garbage was collected, and at most ${raw}, with garbage.`;
}
