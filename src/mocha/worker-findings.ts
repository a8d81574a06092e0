import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join, sep } from 'node:path';
import { createPathNotWritableError } from '../errors';
import { shareFrame } from '../share-frame';
import type { TestResult } from '../test-result';
import type { BaselineFinding } from './baseline-keeper';
import type { Options } from './options';

// Tests may replace functions of fs while they run.
const { closeSync, mkdtempSync, openSync, readdirSync, readFileSync, rmSync, writeSync } = fs;

const VARIABLE = 'MEMRAY_MOCHA_RUN';
const WORKER_SCRIPT = /[\\/]mocha[\\/]lib[\\/]nodejs[\\/]worker\.c?js$/;

/** What a parallel run tells its workers through the environment: their argv is empty. */
export interface Handover {
  parentPid: number;
  /** The folder that takes the workers' results; null where there is none, and nothing is measured. */
  folder: string | null;
  options: Options;
}

/** Something a worker has to tell. */
export type Finding =
  | { result: TestResult }
  | { unmeasured: { id: string; reason: string } }
  | { baseline: BaselineFinding };

/** What the parent of this process handed down, if it is a worker of a parallel run. */
export function receiveHandover(): Handover | undefined {
  const text = process.env[VARIABLE];
  if (text === undefined || !WORKER_SCRIPT.test(process.argv[1] ?? '')) return undefined;
  const handover = JSON.parse(text) as Handover;
  // A test may start a Mocha of its own, which inherits the environment but is not a worker of this run.
  return handover.parentPid === process.ppid ? handover : undefined;
}

/** The parent's end: hands down options and collects what workers found. */
export class WorkerFindings {
  readonly #folder = createFolder();

  constructor(options: Options) {
    const handover: Handover = {
      parentPid: process.pid,
      folder: this.#folder,
      options: this.#folder === null ? { ...options, memray: 'off' } : options,
    };
    process.env[VARIABLE] = JSON.stringify(handover);
  }

  /** Everything found so far. A file of tests runs in one worker: sorted by file, order is Mocha's. */
  read(): Finding[] {
    const folder = this.#folder;
    if (folder === null) return [];
    try {
      return readdirSync(folder)
        .flatMap((name) => splitLines(readFileSync(join(folder, name))).flatMap(parseLine))
        .sort((a, b) => compare(fileOf(a), fileOf(b)));
    } catch (error) {
      const reason = `a test must have removed what workers had found: ${String(error)}`;
      return [{ unmeasured: { id: 'what ran in workers', reason } }];
    }
  }

  /** Removes the folder. */
  dispose(): void {
    delete process.env[VARIABLE];
    if (this.#folder !== null) rmSync(this.#folder, { recursive: true, force: true });
  }
}

/** Gives null, and says so, where there is no folder for temporary files: no user asked for it. */
function createFolder(): string | null {
  try {
    return mkdtempSync(join(tmpdir(), 'memray-mocha-'));
  } catch (error) {
    const { code, message } = createPathNotWritableError(
      'TMPDIR, or the system,',
      'folder',
      tmpdir(),
      error,
    );
    process.emitWarning(`${message} Until then, tests run as usual, and no limit fails.`, { code });
    return null;
  }
}

/**
 * A worker's end: one line per finding, at once, so that a crash loses only what was under way.
 *
 * @param folder the handover's
 * @returns what sends a finding; it never throws
 */
export function openFindings(folder: string | null): (finding: Finding) => void {
  if (folder === null) return () => {};
  let file: number | undefined;
  let unsent = '';
  const send = (): void => {
    try {
      file ??= openSync(join(folder, `${process.pid}.jsonl`), 'a');
      if (unsent) writeSync(file, unsent);
      unsent = '';
    } catch {
      // A test has put other files in the place of all: next time it may have taken them back.
    }
  };
  // Before a test can.
  send();
  process.once('exit', send);
  return (finding) => {
    unsent += `${JSON.stringify(finding)}\n`;
    send();
  };
}

/** A worker's, too: whether no other one has claimed the name. */
export function claimName(folder: string | null, name: string): boolean {
  try {
    closeSync(openSync(`${folder}${sep}${name}`, 'wx'));
    return true;
  } catch (error) {
    return (error as NodeJS.ErrnoException).code !== 'EEXIST';
  }
}

/** All together may be longer than a string can be. */
function splitLines(text: Buffer): Buffer[] {
  const lines: Buffer[] = [];
  for (let start = 0, end; (end = text.indexOf('\n', start)) >= 0; start = end + 1) {
    lines.push(text.subarray(start, end));
  }
  return lines;
}

/** The last line of a worker that died may be torn. */
function parseLine(line: Buffer): Finding[] {
  try {
    const finding = JSON.parse(line.toString()) as Finding;
    if ('result' in finding) shareFrames(finding.result);
    return [finding];
  } catch {
    return [];
  }
}

function shareFrames({ topAllocations, leaks, violations }: TestResult): void {
  for (const each of [...topAllocations, ...leaks, ...violations]) {
    each.stack = each.stack.map(shareFrame);
  }
}

function fileOf(finding: Finding): string {
  if ('result' in finding) return finding.result.file;
  return 'unmeasured' in finding ? finding.unmeasured.id : '';
}

function compare(a: string, b: string): number {
  return a < b ? -1 : Number(a > b);
}
