import type { AllocationRecord, CaptureReader } from '../../dist/capture/capture-reader';
import type { TrackerClass } from '../../dist/mocha/tracked-test';
import type { TrackerOptions } from '../../dist/native/tracker';

/** Tells no objects. */
export class FakeObjectTracker {
  takeSnapshot(): never {
    throw new Error('no heap to take a snapshot of');
  }

  dispose(): void {}
}

/** What a fake tracker has seen, in order: `start`, `collect`, `mark`, `stop`, `collect and stop`, `close`. */
export interface FakeTracker {
  Tracker: TrackerClass;
  events: string[];
  /** The options of each tracker made. */
  options: TrackerOptions[];
  /** What each tracker was told of limits, with the total from which on the peak is confirmed. */
  memoryLimits: [limitBytes: number, firstBytes: number][];
  sampleIntervals: number[];
}

/** A tracker that finds these rows, live at the peak and leaked; for tests without the native part. */
export function createFakeTracker(
  rows: AllocationRecord[],
  {
    failToStart,
    everyCall = () => {},
    read = () => {},
    live = [],
    leaks = [],
  }: {
    failToStart?: Error;
    everyCall?: () => void;
    read?: () => void;
    /** What is live after each collection, then nothing. */
    live?: number[];
    /** What is left at each stop, then the rows. */
    leaks?: AllocationRecord[][];
  } = {},
): FakeTracker {
  const events: string[] = [];
  const options: TrackerOptions[] = [];
  const memoryLimits: [number, number][] = [];
  const sampleIntervals: number[] = [];
  const bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
  const reader: Partial<CaptureReader> = {
    statistics: () => ({
      peakBytes: bytes,
      peakJsHeapBytes: 0,
      peakNativeBytes: bytes,
      confirmedPeakBytes: bytes,
      rawPeakBytes: bytes,
      recordedPeakBytes: bytes,
      allocationCount: rows.length,
      allocationBytes: bytes,
      deallocationCount: 0,
      leakedBytes: bytes,
      sizeHistogram: [0, 3, 0],
      minSizeBytes: 2,
      maxSizeBytes: 3,
      allocators: [],
    }),
    highWaterMark: () => {
      read();
      return rows;
    },
    leaks: () => leaks.shift() ?? rows,
    close: () => void events.push('close'),
  };
  let liveBytes = 0;
  class Tracker {
    readonly measuresJsHeap = true;
    readonly confirmingMs = 0;

    get liveBytes(): number {
      return liveBytes;
    }

    constructor(given: TrackerOptions = {}) {
      options.push(given);
    }

    static collectGarbage(): void {
      everyCall();
      events.push('collect');
      liveBytes = live.shift() ?? 0;
    }

    start(): void {
      if (failToStart) throw failToStart;
      everyCall();
      events.push('start');
    }

    setMemoryLimit(limitBytes: number, firstBytes: number): void {
      memoryLimits.push([limitBytes, firstBytes]);
    }

    setSampleInterval(intervalBytes: number): void {
      sampleIntervals.push(intervalBytes);
    }

    recordNativeFrames(): void {
      events.push('record native frames');
    }

    notePeak(): void {
      events.push('note peak');
    }

    mark(): void {
      events.push('mark');
    }

    stop({ collectsGarbage = false } = {}): CaptureReader {
      everyCall();
      events.push(collectsGarbage ? 'collect and stop' : 'stop');
      return reader as CaptureReader;
    }
  }
  return { Tracker, events, options, memoryLimits, sampleIntervals };
}
