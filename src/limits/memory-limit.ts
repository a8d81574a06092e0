import type { AllocationRecord } from '../capture/capture-reader';
import { formatMemorySize, parseMemorySize } from '../memory-size';
import { checkLimitOptions } from './limit-options';
import { isOfHarnessOnly } from '../stack-trace';
import { createVerdict, sumByCallStack, type TextOptions, type Verdict } from './verdict';

/** Options of `limitMemory`. */
export interface LimitMemoryOptions {
  /** Count only what the thread of the test allocates. */
  currentThreadOnly?: boolean;
}

/** A checked `limitMemory` declaration. */
export interface MemoryLimit {
  bytes: number;
  currentThreadOnly: boolean;
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
  const bytes = parseMemorySize(limit);
  checkLimitOptions('limitMemory', options, { currentThreadOnly: 'boolean' });
  return { bytes, currentThreadOnly: options.currentThreadOnly ?? false };
}

/**
 * Judges a test by its peak.
 *
 * @param actualBytes the peak
 * @param rows what was live then
 * @returns the verdict when the limit is reached (greater or equal), nothing when it is kept
 */
export function judgeMemory(
  limit: MemoryLimit,
  actualBytes: number,
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
      sums: sumByCallStack(
        rows.filter(({ stack }) => !isOfHarnessOnly(stack.frames)),
        options.native,
      ),
      remedy: 'Allocate less at once, or raise the limit.',
    },
    options,
  );
}

/** Two sizes that print the same need their bytes, or the message would contradict itself. */
function inBytes(actual: number, limit: number): string {
  if (formatMemorySize(actual) !== formatMemorySize(limit)) return '';
  return ` (${actual} bytes, limit ${limit}: reached at equal)`;
}
