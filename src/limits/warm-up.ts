import { max, min } from '../builtins';
import type { AllocationRecord } from '../capture/capture-reader';
import { keyOf } from './verdict';

/**
 * Sums what warm-up runs left.
 *
 * @returns bytes by heap and call stack
 */
export function sumLeft(rows: AllocationRecord[], native: boolean): Map<string, number> {
  const sums = new Map<string, number>();
  for (const row of rows) {
    const key = row.heap + keyOf(row.stack, native);
    sums.set(key, (sums.get(key) ?? 0) + row.bytes);
  }
  return sums;
}

/**
 * Takes as much as warm-up runs left off what the measured ones left: these may have replaced it.
 *
 * @param leftBefore as {@link sumLeft} gives it
 */
export function subtractLeft(
  rows: AllocationRecord[],
  leftBefore: ReadonlyMap<string, number>,
  native: boolean,
): AllocationRecord[] {
  if (leftBefore.size === 0) return rows;
  const rest = new Map(leftBefore);
  const reduced = rows.map((row) => {
    const key = row.heap + keyOf(row.stack, native);
    const before = rest.get(key) ?? 0;
    const bytes = min(row.bytes, before);
    rest.set(key, before - bytes);
    return { ...row, bytes: row.bytes - bytes, bytesAtMark: max(0, row.bytesAtMark - bytes) };
  });
  return reduced.filter(({ bytes }) => bytes > 0);
}
