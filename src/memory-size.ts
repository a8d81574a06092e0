import { abs, isFiniteNumber } from './builtins';
import { createInvalidSizeError } from './errors';

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
  return readSize(limit);
}

/** Reads the limit of one of the methods, which an error is to name, with what else may stand there. */
export function parseLimit(limit: string | number, method: string, others: string[]): number {
  return readSize(limit, `the limit of ${method}`, others);
}

function readSize(size: string | number, of?: string, others?: string[]): number {
  const bytes = typeof size === 'string' ? parseText(size) : size;
  if (isFiniteNumber(bytes) && bytes >= 0) return bytes;
  throw createInvalidSizeError(size, of, others);
}

/** Gives NaN for what is no size. */
function parseText(text: string): number {
  const [, quantity, unit = ''] = SIZE.exec(text) ?? [];
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
