import type { AllocationRecord } from './capture/capture-reader';
import { keyOfPlace, type Frame } from './call-stack';
import { displayPath, isUsersOwn, visibleFrames, type StackView } from './stack-trace';
import type { LocationResult } from './test-result';

/** Sums rows per line of one function, the first that is shown of a call stack; largest first. */
export function sumByLocation(rows: AllocationRecord[], view: StackView): LocationResult[] {
  const sums = new Map<string, LocationResult>();
  // Most rows share their frame with others.
  const sumOfFrame = new Map<Frame, LocationResult>();
  for (const row of rows) {
    const frame = findShownFrame(row, view);
    if (!frame) continue;
    const sum = sumOfFrame.get(frame) ?? findSum(sums, frame, row.nativeCaller, view);
    if (frame.filename) sumOfFrame.set(frame, sum);
    sum.bytes += row.bytes;
    sum.count += row.count;
  }
  return [...sums.values()].sort((a, b) => b.bytes - a.bytes);
}

/** The frame that is shown of a call stack: nearly always the most recent one, and then no other is made. */
function findShownFrame({ innermost, stack }: AllocationRecord, view: StackView) {
  return innermost && isUsersOwn(innermost) ? innermost : visibleFrames(stack, view)[0];
}

function findSum(
  sums: Map<string, LocationResult>,
  { functionName, filename: file, lineNumber }: Frame,
  nativeCaller: string,
  { cwd }: StackView,
): LocationResult {
  const filename = displayPath(file || nativeCaller, cwd);
  const key = keyOfPlace({ functionName, filename, lineNumber });
  const sum = sums.get(key) ?? { functionName, filename, lineNumber, bytes: 0, count: 0 };
  sums.set(key, sum);
  return sum;
}
