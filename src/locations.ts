import type { AllocationRecord } from './capture/capture-reader';
import { displayPath, shortenName, visibleFrames, type StackView } from './stack-trace';
import type { LocationResult } from './test-result';

/** Sums rows per line of one function, the first that is shown of a call stack; largest first. */
export function sumByLocation(rows: AllocationRecord[], view: StackView): LocationResult[] {
  const sums = new Map<string, LocationResult>();
  for (const { bytes, count, stack, nativeCaller } of rows) {
    const frame = visibleFrames(stack, view)[0];
    if (!frame) continue;
    const { functionName, lineNumber } = frame;
    const filename = displayPath(frame.filename || nativeCaller, view.cwd);
    const key = `${functionName}\0${filename}\0${lineNumber}`;
    const sum = sums.get(key) ?? { functionName, filename, lineNumber, bytes: 0, count: 0 };
    sums.set(key, { ...sum, bytes: sum.bytes + bytes, count: sum.count + count });
  }
  return [...sums.values()].sort((a, b) => b.bytes - a.bytes);
}

/** A location in a text: `parseRow:src/catalogue.ts:41`. */
export function formatLocation({ functionName, filename, lineNumber }: LocationResult): string {
  return `${shortenName(functionName)}:${filename}:${lineNumber}`;
}
