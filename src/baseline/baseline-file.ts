import fs from 'node:fs';
import { dirname } from 'node:path';
import { isFiniteNumber } from '../builtins';
import { createBaselineUnreadableError, createPathNotWritableError } from '../errors';
import { makeFolder } from '../make-folder';

// Tests may replace functions of fs, and leave them so.
const { readFileSync, renameSync, writeFileSync } = fs;

const VERSION = 1;

/** The peak of each test by its key, in bytes. */
export type Peaks = ReadonlyMap<string, number>;

/** What the file holds: one line for each test, in order, so that changes can be read and merged. */
interface Contents {
  version: typeof VERSION;
  peakBytes: Record<string, number>;
}

/**
 * Reads a baseline; one that is not there yet is empty.
 *
 * @throws MemrayMochaError for a file that is no baseline, as after a merge with conflicts
 */
export function readBaseline(file: string): Map<string, number> {
  let text: string;
  try {
    text = readFileSync(file, 'utf8');
  } catch (error) {
    if ((error as NodeJS.ErrnoException).code === 'ENOENT') return new Map();
    throw createBaselineUnreadableError(file, error);
  }
  try {
    return parse(JSON.parse(text));
  } catch (error) {
    throw createBaselineUnreadableError(file, error);
  }
}

/**
 * Writes a baseline at once: who reads it meanwhile sees the old one or the new one, never half.
 *
 * @throws MemrayMochaError when it cannot be written
 */
export function writeBaseline(file: string, peaks: Peaks): void {
  const sorted = [...peaks].sort(([a], [b]) => (a < b ? -1 : 1));
  const contents: Contents = { version: VERSION, peakBytes: Object.fromEntries(sorted) };
  const draft = `${file}.${process.pid}.tmp`;
  try {
    makeFolder(dirname(file));
    writeFileSync(draft, `${JSON.stringify(contents, null, 2)}\n`);
    renameSync(draft, file);
  } catch (error) {
    throw createPathNotWritableError('the option `baseline`', 'file', file, error);
  }
}

function parse(contents: unknown): Map<string, number> {
  const { version, peakBytes } = (contents ?? {}) as Partial<Contents>;
  if (version !== VERSION) throw new Error(`its version is ${String(version)}, not ${VERSION}`);
  if (typeof peakBytes !== 'object' || peakBytes === null) throw new Error('it has no peakBytes');
  const peaks = Object.entries(peakBytes);
  for (const [key, bytes] of peaks) {
    if (!isFiniteNumber(bytes) || bytes < 0) throw new Error(`the peak of ${key} is no size`);
  }
  return new Map(peaks);
}
