import { writeSync } from 'node:fs';
import { isatty } from 'node:tty';
import { createOutputLostError } from '../errors';

const STDOUT = 1;
const FULL_PIPE_WAIT_MS = 1;
const waiting = new Int32Array(new SharedArrayBuffer(4));

/**
 * Prints a text and a line break to stdout. Not by Node's console, which loses without a word what
 * cannot be written, and keeps in memory what a pipe does not take yet.
 *
 * @throws MemrayMochaError when it cannot be written; what Node throws, with code `EPIPE`, when nobody reads any more
 */
export function print(text: string): void {
  // Terminals take everything, but not all of them UTF-8.
  if (isatty(STDOUT)) return console.log(text);
  const bytes = Buffer.from(`${text}\n`);
  for (let written = 0; written < bytes.length;) written += write(bytes, written);
}

function write(bytes: Buffer, start: number): number {
  try {
    return writeSync(STDOUT, bytes, start);
  } catch (error) {
    const { code } = error as NodeJS.ErrnoException;
    if (code === 'EPIPE') throw error;
    if (code !== 'EAGAIN') throw createOutputLostError(error);
    // Another process, such as npx, has made the pipe one that does not wait, and it is full.
    Atomics.wait(waiting, 0, 0, FULL_PIPE_WAIT_MS);
    return 0;
  }
}
