import { floor, max, min } from '../builtins';
import type { AllocationRecord } from '../capture/capture-reader';
import { formatMemorySize } from '../memory-size';
import { createVerdict, sumAllocations, type TextOptions, type Verdict } from './verdict';

const JS_ERROR_BYTES = 1024 ** 2;
const JS_ERROR_SHARE = 0.05;

// So often the peak of native memory is looked for: what came to be since then and was dropped counts as garbage.
const NATIVE_STEP_BYTES = 256 * 1024;
const NATIVE_STEP_SHARE = 0.05;

/** What a test used before, and may use now. */
export interface IncreaseLimit {
  previousBytes: number;
  /** More fails. */
  allowedBytes: number;
  /** How texts name the baseline's file. */
  baseline: string;
}

/**
 * How much larger the peak of the run before may have been than was noted: objects in it are known by samples, and
 * it is looked for in steps.
 */
export function findUncertainty({ previousBytes }: IncreaseLimit, jsHeapBytes: number): number {
  return jsHeapBytes > 0 ? max(JS_ERROR_BYTES, previousBytes * JS_ERROR_SHARE) : 0;
}

/**
 * What later runs are held to. Where a body drops native memory as it ends, the last step of its peak is not told from garbage:
 * it may be in the next run, which uses no more for that.
 *
 * @param recordedPeakBytes the peak with what was not found to be garbage
 * @param jsHeapBytes what of the peak is on V8's heap
 */
export function findNotedPeak(
  peakBytes: number,
  recordedPeakBytes: number,
  jsHeapBytes: number,
): number {
  // The uncertainty of objects is larger, and counts where there are some again.
  if (jsHeapBytes > peakBytes / 2) return peakBytes;
  const stepBytes = max(NATIVE_STEP_BYTES, peakBytes * NATIVE_STEP_SHARE);
  return max(peakBytes, min(recordedPeakBytes, floor(peakBytes + stepBytes)));
}

/** A peak of so much is an increase, whatever it consists of. */
export function findCertainIncrease(limit: IncreaseLimit): number {
  return limit.allowedBytes + findUncertainty(limit, Infinity) + 1;
}

/**
 * Judges a test by the peak it had before.
 *
 * @param actualBytes the peak
 * @param rows what was live then
 * @returns the verdict when it uses more than it may
 */
export function judgeIncrease(
  { previousBytes, allowedBytes, baseline }: IncreaseLimit,
  actualBytes: number,
  rows: AllocationRecord[],
  options: TextOptions,
): Verdict | undefined {
  if (actualBytes <= allowedBytes) return undefined;
  const [previous, actual] = [previousBytes, actualBytes].map(formatMemorySize);
  const inBytes = previous === actual ? ` (${previousBytes} and ${actualBytes} bytes)` : '';
  const allowed = formatMemorySize(allowedBytes);
  const tolerance = allowed === previous || allowed === actual ? '' : ` (allowed: ${allowed})`;
  return createVerdict(
    {
      kind: 'increase',
      limitBytes: allowedBytes,
      actualBytes,
      summary: `Test previously used ${previous} but now uses ${actual}${inBytes}${tolerance}`,
      title: 'List of allocations:',
      sums: sumAllocations(rows, options),
      remedy: `Allocate less, or accept it: \`npx mocha --memray-update-baseline\` (MEMRAY_UPDATE_BASELINE=1) writes the new peak to ${baseline}.`,
    },
    options,
  );
}
