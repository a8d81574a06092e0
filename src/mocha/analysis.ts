import type { CallStack } from '../call-stack';
import type { AllocationRecord, CaptureReader, CaptureStatistics } from '../capture/capture-reader';
import { measureGrowth } from '../limits/growth';
import { findNotedPeak, findUncertainty, judgeIncrease } from '../limits/increase';
import { judgeLeaks, type LeakLimit } from '../limits/leak-limit';
import { judgeMemory, type Peak } from '../limits/memory-limit';
import { isOfPlatform } from '../limits/platform-memory';
import { sumByCallStack, type TextOptions, type Verdict } from '../limits/verdict';
import { subtractLeft, sumLeft } from '../limits/warm-up';
import { sumByLocation } from '../locations';
import { shareFrame } from '../share-frame';
import { displayPath, isOfHarnessOnly, isUsersOwn, withoutHarness } from '../stack-trace';
import type { AllocationResult, LeakResult, TestResult } from '../test-result';
import type { Limits } from './declarations';

const KEPT_ROWS = 10;
const KEPT_LOCATIONS = 5;

/** What a capture says about its test, apart from names and outcome. */
export type Measurement = Pick<
  TestResult,
  'peak' | 'allocations' | 'topAllocations' | 'topLocations' | 'leaks'
>;

/** One capture, seen with the limits of its test. */
export class Analysis {
  readonly measurement: Measurement;
  /** Of a test with a memory limit, what later runs of it are held to; 0 without one. */
  readonly notedPeakBytes: number = 0;
  readonly #limits: Limits;
  readonly #options: TextOptions;
  /** The peak that the memory limit is about: of all threads, or of the test's. */
  readonly #limitedPeak: Peak = { bytes: 0, rawBytes: 0 };
  /** What was live then. */
  readonly #peakRows: AllocationRecord[] = [];
  /** What of it was live for certain: only that may fail a limit. */
  readonly #certainPeakBytes: number = 0;
  readonly #leakRows: AllocationRecord[] = [];

  /**
   * @param options.seesGarbage whether the peak is confirmed by collecting it
   * @param options.leftBefore what warm-up runs left: what the measured ones left in its place is no leak
   */
  constructor(
    reader: CaptureReader,
    limits: Limits,
    options: TextOptions & { seesGarbage: boolean; leftBefore: ReadonlyMap<string, number> },
  ) {
    const { native } = options;
    this.#limits = limits;
    this.#options = options;
    const rows = reader.highWaterMark({ native });
    if (limits.memory) {
      const { currentThreadOnly } = limits.memory;
      this.#peakRows = currentThreadOnly
        ? reader.highWaterMark({ currentThreadOnly, native })
        : rows;
      const limited = reader.statistics({ currentThreadOnly });
      const { peakBytes, rawPeakBytes, recordedPeakBytes, peakJsHeapBytes } = limited;
      this.#limitedPeak = { bytes: peakBytes, rawBytes: rawPeakBytes };
      this.notedPeakBytes = findNotedPeak(peakBytes, recordedPeakBytes, peakJsHeapBytes);
      this.#certainPeakBytes = options.seesGarbage ? limited.confirmedPeakBytes : limited.peakBytes;
    }
    if (limits.leaks) {
      this.#leakRows = subtractLeft(readLeaks(reader, limits.leaks), options.leftBefore, native);
    }
    this.measurement = this.#measure(rows, reader.statistics());
  }

  #measure(rows: AllocationRecord[], statistics: CaptureStatistics): Measurement {
    const ofTest = rows.filter(isOfTest);
    return {
      peak: {
        bytes: statistics.peakBytes,
        jsHeapBytes: statistics.peakJsHeapBytes,
        nativeBytes: statistics.peakNativeBytes,
        rawBytes: statistics.rawPeakBytes,
        ...(isConfirmed(statistics) && { confirmed: true }),
      },
      allocations: {
        count: statistics.allocationCount,
        bytes: statistics.allocationBytes,
        sizeHistogram: withoutTrailingZeros(statistics.sizeHistogram),
      },
      topAllocations: ofTest.slice(0, KEPT_ROWS).map((row) => toResult(row, this.#options.cwd)),
      topLocations: sumByLocation(ofTest, this.#options).slice(0, KEPT_LOCATIONS),
      leaks: this.#listLeaks().slice(0, KEPT_ROWS),
    };
  }

  /** Of each heap, the call stacks that leaked, largest first. */
  #listLeaks(): LeakResult[] {
    const repeat = this.#limits.leaks?.repeat ?? 1;
    return (['js', 'native'] as const)
      .flatMap((heap) => {
        const rows = this.#leakRows.filter((row) => row.heap === heap);
        return sumByCallStack(rows, this.#options.native).map((sum) => ({
          ...toResult({ ...sum, heap }, this.#options.cwd),
          ...(repeat > 1 && measureGrowth(sum, repeat)),
        }));
      })
      .sort((a, b) => b.bytes - a.bytes);
  }

  /**
   * Holds the test to its limits.
   *
   * @throws whatever the user's filter throws
   */
  judge(): Verdict[] {
    const { memory, increase, leaks } = this.#limits;
    const shown = [this.#peakRows, this.#options] as const;
    const certain = this.#certainPeakBytes;
    const { jsHeapBytes } = this.measurement.peak;
    return [
      memory && certain >= memory.bytes
        ? judgeMemory(memory, this.#limitedPeak, ...shown)
        : increase && certain > increase.allowedBytes + findUncertainty(increase, jsHeapBytes)
          ? judgeIncrease(increase, this.#limitedPeak.bytes, ...shown)
          : undefined,
      leaks && judgeLeaks(leaks, this.#leakRows, this.#options),
    ].filter((verdict) => verdict !== undefined);
  }
}

function readLeaks(reader: CaptureReader, { currentThreadOnly }: LeakLimit): AllocationRecord[] {
  // What allocated natively tells what is not the test's, also on a line that leaks.
  const left = reader.leaks({ currentThreadOnly, native: true });
  return left.filter((row) => !isOfHarnessOnly(row.stack.frames) && !isOfPlatform(row));
}

/**
 * What warm-up runs left, to be compared with what the measured ones leave.
 *
 * @returns bytes by heap and call stack
 */
export function sumLeaks(
  reader: CaptureReader,
  limit: LeakLimit,
  { native }: Pick<TextOptions, 'native'>,
): Map<string, number> {
  return sumLeft(readLeaks(reader, limit), native);
}

/** Whether the test allocated it, and not Mocha around it; nearly always the innermost call tells. */
function isOfTest({ innermost, stack }: AllocationRecord): boolean {
  return (innermost && isUsersOwn(innermost)) || !isOfHarnessOnly(stack.frames);
}

/** Whether the peak is what was left when garbage was collected. */
function isConfirmed({ peakBytes, confirmedPeakBytes }: CaptureStatistics): boolean {
  return confirmedPeakBytes > 0 && confirmedPeakBytes === peakBytes;
}

function withoutTrailingZeros(counts: number[]): number[] {
  return counts.slice(
    0,
    counts.reduce((end, count, index) => (count > 0 ? index + 1 : end), 0),
  );
}

function toResult(
  { bytes, count, heap, stack }: Omit<AllocationResult, 'stack'> & { stack: CallStack },
  cwd: string,
): AllocationResult {
  const frames = withoutHarness(stack.frames).map((frame) =>
    shareFrame({ ...frame, filename: displayPath(frame.filename, cwd) }),
  );
  return { bytes, count, heap, stack: frames };
}
