import type { Frame } from './call-stack';

/** What a test did that its limits do not allow. */
export interface Violation {
  kind: 'limitMemory' | 'limitLeaks' | 'limitLeakedObjects' | 'increase';
  /** Of an increase: what the test may use, by its peak before; of leaked objects 0: none may be. */
  limitBytes: number;
  /** The peak, the bytes leaked by the call stack that leaked most, or those of all leaked objects. */
  actualBytes: number;
  message: string;
  /** The user's calls in the call stack that counts most, most recent first; of leaked objects none. */
  stack: Frame[];
}

/** Memory allocated by one call stack. Paths are relative to the working directory when inside it. */
export interface AllocationResult {
  /** Of the JS heap an estimate by samples, as the count: their sum need not be `peak.jsHeapBytes`. */
  bytes: number;
  count: number;
  heap: 'js' | 'native';
  /** Most recent call first. */
  stack: Frame[];
}

/** Memory that one call stack leaked. */
export interface LeakResult extends AllocationResult {
  /** With `repeat`: how much more it becomes with each run of the body, and whether it grows at all. */
  bytesPerRun?: number;
  grows?: boolean;
}

/** Memory allocated on one line of one function, of the JS heap an estimate by samples. */
export interface LocationResult {
  functionName: string;
  filename: string;
  lineNumber: number;
  bytes: number;
  count: number;
}

/**
 * One attempt at one test, as `--memray-json` writes it and `test.memray` holds it. Fields may be
 * added, never renamed.
 */
export interface TestResult {
  /** File, suites and title: `test/catalogue.test.js > importer > parses the catalogue`. */
  id: string;
  file: string;
  titlePath: string[];
  state: 'passed' | 'failed' | 'pending';
  durationMs: number;
  /** 0 for the first attempt, 1 for the first retry. */
  retry: number;
  /** How often the body ran and was measured: more than once with `repeat`. */
  runs: number;
  /** At the high-water mark. */
  peak: {
    bytes: number;
    jsHeapBytes: number;
    nativeBytes: number;
    /** The largest total there was, garbage that nobody had collected included. */
    rawBytes: number;
    /** There when all garbage was collected at the peak: then no garbage is among the bytes. */
    confirmed?: true;
  };
  /**
   * All native memory ever allocated; objects of V8's heap are not counted one by one. `sizeHistogram[i]` counts
   * allocations of 2^i bytes or more and less than 2^(i+1).
   */
  allocations: { count: number; bytes: number; sizeHistogram: number[] };
  violations: Violation[];
  /** The call stacks that held most at the peak, largest first. */
  topAllocations: AllocationResult[];
  /** The same summed per line. */
  topLocations: LocationResult[];
  /** The call stacks that leaked most; only for a test with a leak limit. */
  leaks: LeakResult[];
  /** The capture file, when it is kept. */
  capture: string | null;
}
