import { inspect } from 'node:util';

// Tests may replace these.
const { abs } = Math;
const { isFinite: isFiniteNumber } = Number;

const SIZE = /^\s*\+?(\d+\.?\d*|\.\d+)\s*(?:([KMGTP])I?)?B\s*$/i;
const UNITS = ['', 'K', 'M', 'G', 'T', 'P'];
const PRINTED_UNITS = ['B', 'KiB', 'MiB', 'GiB', 'TiB', 'PiB', 'EiB'];

/**
 * Reads a memory size: `"24 MB"`, `"1.5KiB"` (case and spaces do not matter, K is 1024), or a
 * number of bytes.
 *
 * @returns bytes
 * @throws TypeError with code `ERR_MEMRAY_INVALID_SIZE` for anything else
 */
export function parseMemorySize(limit: string | number): number {
  if (typeof limit === 'number' && isFiniteNumber(limit) && limit >= 0) return limit;
  const match = typeof limit === 'string' && SIZE.exec(limit);
  if (!match) throw createInvalidSizeError(limit);
  const [, quantity, unit = ''] = match;
  return Number(quantity) * 1024 ** UNITS.indexOf(unit.toUpperCase());
}

/** Prints bytes as `117.2KiB`: one decimal, K is 1024. */
export function formatMemorySize(bytes: number): string {
  let size = bytes;
  let unit = 0;
  while (abs(size) >= 1024 && unit < PRINTED_UNITS.length - 1) {
    size /= 1024;
    unit += 1;
  }
  return `${size.toFixed(1)}${PRINTED_UNITS[unit]}`;
}

function createInvalidSizeError(got: unknown): TypeError {
  const shown = got === undefined ? 'nothing' : `${inspect(got, { depth: 0 })} (${typeof got})`;
  return Object.assign(
    new TypeError(
      'Expected a memory size such as "24 MB" (a number and B, KB, MB, GB, TB or PB, where K is 1024) ' +
        `or a number of bytes, got ${shown}.`,
    ),
    { code: 'ERR_MEMRAY_INVALID_SIZE' },
  );
}
