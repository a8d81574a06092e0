import fs from 'node:fs';
import { resolve } from 'node:path';
import { max } from '../builtins';
import { readBaseline, writeBaseline, type Peaks } from './baseline-file';

// Tests may replace functions of fs, and leave them so.
const { existsSync } = fs;

// What Node itself allocates around a body differs by so much from one run to the next.
const NOISE_BYTES = 4096;
const NOISE_SHARE = 0.01;

/** A peak of a test that passed. */
export interface Peak {
  key: string;
  bytes: number;
  /** Whether the baseline follows to a lower peak, without being told to. */
  isFollowed: boolean;
}

/** The tests that there are in some files, whether they ran or not. */
export interface KnownTests {
  files: string[];
  keys: string[];
}

/** What a run found out for the baseline. */
export interface BaselineFindings {
  peaks: Peak[];
  tests: KnownTests[];
}

/** How a baseline is kept. */
export interface BaselineSetting {
  /** Absolute. */
  file: string;
  /** How texts name it. */
  shownFile: string;
  cwd: string;
  /** Accept every peak, and forget tests that are gone. */
  isUpdate: boolean;
  /** Write nothing, unless it is an update. */
  isReadOnly: boolean;
}

/** How much more than `peakBytes` is no increase. */
export function noiseOf(peakBytes: number): number {
  return max(NOISE_BYTES, peakBytes * NOISE_SHARE);
}

/**
 * Writes what a run found out.
 *
 * @returns what there is to say about it, a line each
 * @throws MemrayMochaError when the file cannot be read or written
 */
export function saveBaseline(findings: BaselineFindings, setting: BaselineSetting): string[] {
  const { file, shownFile, isUpdate, isReadOnly } = setting;
  const before = readBaseline(file);
  const obsolete = findObsolete(before, findings.tests, setting.cwd);
  const changed = findings.peaks.filter((peak) => isNews(peak, before.get(peak.key), isUpdate));
  if (isReadOnly && !isUpdate) {
    return [...tellMissing(changed, before, shownFile), ...tellObsolete(obsolete, shownFile)];
  }
  const after = new Map(before);
  for (const { key, bytes } of changed) after.set(key, bytes);
  if (isUpdate) for (const key of obsolete) after.delete(key);
  const removed = isUpdate ? obsolete.length : 0;
  if (changed.length + removed > 0) writeBaseline(file, after);
  return [
    ...(changed.length > 0 ? [`Wrote ${count(changed.length, 'peak')} to ${shownFile}.`] : []),
    ...(removed > 0
      ? [`Removed ${count(removed, 'peak')} of tests that are gone from ${shownFile}.`]
      : tellObsolete(obsolete, shownFile)),
  ];
}

/** Differences that are noise would only make work for whoever reviews the file. */
function isNews(peak: Peak, known: number | undefined, isUpdate: boolean): boolean {
  if (known === undefined) return true;
  const isLower = peak.bytes < known - noiseOf(known);
  const isHigher = peak.bytes > known + noiseOf(known);
  return isUpdate ? isLower || isHigher : peak.isFollowed && isLower;
}

/** A test is gone when its file was loaded without it, or is gone itself. */
function findObsolete(peaks: Peaks, tests: KnownTests[], cwd: string): string[] {
  const files = new Set(tests.flatMap((each) => each.files));
  const keys = new Set(tests.flatMap((each) => each.keys));
  return [...peaks.keys()].filter((key) => {
    const file = key.split(' > ', 1)[0]!;
    return !keys.has(key) && (files.has(file) || !existsSync(resolve(cwd, file)));
  });
}

function tellMissing(peaks: Peak[], known: Peaks, shownFile: string): string[] {
  const missing = peaks.map(({ key }) => key).filter((key) => !known.has(key));
  if (missing.length === 0) return [];
  return [
    `${shownFile} has no peak of ${list(missing)}, and in continuous integration none is written: ` +
      'run Mocha elsewhere or with --memray-update-baseline, and commit the file.',
  ];
}

function tellObsolete(keys: string[], shownFile: string): string[] {
  if (keys.length === 0) return [];
  return [
    `${shownFile} has peaks of tests that are gone: ${list(keys)}. --memray-update-baseline removes them.`,
  ];
}

function list([first, ...others]: string[]): string {
  return others.length > 0 ? `${first} and ${others.length} more` : first!;
}

function count(number: number, noun: string): string {
  return `${number} ${noun}${number === 1 ? '' : 's'}`;
}
