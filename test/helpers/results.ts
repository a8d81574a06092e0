import type { TestResult } from '../../dist/test-result';

/** The result of a test that passed, with a peak of this many bytes. */
export function createResult(
  id: string,
  peakBytes: number,
  more: Partial<TestResult> = {},
): TestResult {
  return {
    id,
    file: 'a.test.js',
    titlePath: [id],
    state: 'passed',
    durationMs: 1,
    retry: 0,
    runs: 1,
    peak: { bytes: peakBytes, jsHeapBytes: 0, nativeBytes: peakBytes, rawBytes: peakBytes },
    allocations: { count: 1, bytes: peakBytes, sizeHistogram: [0, 1] },
    violations: [],
    topAllocations: [],
    topLocations: [
      { functionName: 'f', filename: 'a.js', lineNumber: 1, bytes: peakBytes, count: 1 },
    ],
    leaks: [],
    capture: null,
    ...more,
  };
}
