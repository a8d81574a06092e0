import assert from 'node:assert/strict';
import { type Body, findLine, type Truth } from './bodies';
import type { Measurement } from './run-body';

export function checkPeak(
  { atLeastBytes = 0, atMostBytes = Infinity }: Body,
  { peak, statistics }: Measurement,
) {
  const bytes = statistics.peakBytes;
  if (peak) assertNear(bytes, peak, 'the peak');
  assert.ok(bytes >= atLeastBytes && bytes <= atMostBytes, `${bytes} bytes`);
}

/** The line that the body is about holds nearly all. */
export function checkPeakLine(
  { line, linePart = 0.9 }: Body,
  byLine: Record<string, number>,
  of = '',
) {
  const total = Object.values(byLine).reduce((sum, bytes) => sum + bytes, 0);
  const part = (byLine[findLine(line!)] ?? 0) / total;
  assert.ok(
    part >= linePart,
    `${of} line ${findLine(line!)} has ${part}: ${JSON.stringify(byLine)}`,
  );
}

export function checkLeaks({ leaks, leaksByLine }: Measurement, of = '') {
  for (const [comment, truth] of Object.entries(leaks)) {
    const line = findLine(comment);
    const what = `${of} line ${line} of ${JSON.stringify(leaksByLine)}`;
    assertNear(leaksByLine[line] ?? 0, truth, what);
  }
}

export function assertNear(bytes: number, truth: Truth, what: string) {
  const error = bytes / truth.bytes - 1;
  const text = `${what}: ${bytes} bytes, truth ${truth.bytes}, ${(error * 100).toFixed(2)}% off`;
  assert.ok(Math.abs(error) <= truth.tolerance, text);
}
