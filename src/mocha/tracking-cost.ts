import { runInThisContext } from 'node:vm';
import { arrayFrom, max, min, round } from '../builtins';
import { formatMemorySize } from '../memory-size';
import type { TestResult } from '../test-result';
import type { TrackerClass } from './tracked-test';

// Tests may fake it.
const now = process.hrtime.bigint.bind(process.hrtime);

/** A share of the timeout that is worth a word. */
const CONSIDERABLE = 0.1;
/** Less is what any test may wait for on a machine that is busy. */
const MIN_CONFIRMING_MS = 50;
/** Recording one allocation hardly takes longer: what few allocations take needs no measurement. */
const MAX_COST_MS = 0.1;
const SAMPLE_SIZE = 500;
/** Of several samples the shortest, since other programs run as well. */
const SAMPLES = 10;
const MAX_DEPTH = 50;

type Allocate = (depth: number, count: number) => void;

// Not of this file: what this package's own files allocate is not recorded.
const ALLOCATE = `(function allocate(depth, count) {
  if (depth > 1) allocate(depth - 1, count);
  else for (let i = 0; i < count; i++) new ArrayBuffer(16);
})`;

/** Mocha's error of a test that takes too long. */
interface TimeoutError extends Error {
  code: string;
  timeout: number;
}

/** What a test that timed out has done, and what it waited for. */
type TimedOut = Pick<TestResult, 'peak' | 'allocations' | 'topAllocations' | 'durationMs'> & {
  confirmingMs: number;
  /** Infinity without a limit. */
  memoryLimitBytes: number;
};

/** Says in a timeout's error how much of the time was ours, if that is considerable. */
export function explainTimeout(
  error: unknown,
  test: TimedOut,
  createTracker: () => InstanceType<TrackerClass>,
): void {
  if (!isTimeout(error)) return;
  const costs = [
    {
      ms: estimateRecordingMs(test, error.timeout * CONSIDERABLE, createTracker),
      what: `record ${test.allocations.count} allocations`,
    },
    {
      ms: test.confirmingMs >= MIN_CONFIRMING_MS ? test.confirmingMs : 0,
      what: `collect garbage and confirm the peak${describeExcess(test)}`,
    },
  ]
    .filter(({ ms }) => ms >= error.timeout * CONSIDERABLE)
    .map(({ ms, what }) => `about ${round(ms)}ms of it to ${what}`);
  if (costs.length === 0) return;
  const { message } = error;
  const stack: unknown = error.stack;
  error.message = `${message} memray-mocha took ${costs.join(' and ')}: raise the timeout, or run without it (MEMRAY=off).`;
  // Not where a test's Error.prepareStackTrace makes something else of it.
  if (typeof stack === 'string') error.stack = stack.replace(message, () => error.message);
}

/** That is what the test would have failed of. */
function describeExcess({ peak, memoryLimitBytes }: TimedOut): string {
  if (!peak.confirmed || peak.bytes < memoryLimitBytes) return '';
  const [limit, actual] = [memoryLimitBytes, peak.bytes].map(formatMemorySize);
  return `, ${actual}, which reaches the test's limit of ${limit}`;
}

function estimateRecordingMs(
  { allocations: { count }, topAllocations, durationMs }: TimedOut,
  considerableMs: number,
  createTracker: () => InstanceType<TrackerClass>,
): number {
  if (count * MAX_COST_MS < considerableMs) return 0;
  const depth = topAllocations[0]?.stack.length ?? 0;
  return min(count * measureCost(createTracker(), depth), durationMs);
}

function isTimeout(error: unknown): error is TimeoutError {
  return error instanceof Error && (error as TimeoutError).code === 'ERR_MOCHA_TIMEOUT';
}

/** @returns milliseconds for each allocation at this depth of calls */
function measureCost(tracker: InstanceType<TrackerClass>, depth: number): number {
  const allocate = runInThisContext(ALLOCATE, { filename: 'memray-sample' }) as Allocate;
  const timeOnce = (): number => {
    const start = now();
    allocate(min(depth, MAX_DEPTH), SAMPLE_SIZE);
    return Number(now() - start) / 1e6;
  };
  const time = (): number => min(...arrayFrom({ length: SAMPLES }, timeOnce));
  // Untracked once more at the end: the first code to run is compiled least, and may take longer than tracked code does.
  const coldMs = time();
  try {
    tracker.start();
  } catch {
    // The test has failed already, and not of this.
    return 0;
  }
  let trackedMs;
  let allocationCount;
  try {
    trackedMs = time();
  } finally {
    // Left running, it would be in the way of every later test's.
    const reader = tracker.stop();
    ({ allocationCount } = reader.statistics());
    reader.close();
  }
  const untrackedMs = min(coldMs, time());
  return ((trackedMs - untrackedMs) * SAMPLES) / max(1, allocationCount);
}
