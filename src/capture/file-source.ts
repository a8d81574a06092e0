import fs from 'node:fs';
import { createCaptureUnreadableError } from '../errors';
import type { CaptureSource } from './capture-reader';

// Tests may replace functions of fs while they run.
const { closeSync, fstatSync, openSync, readvSync } = fs;

/** A kept capture file, open from construction to `close()`. */
export class FileSource implements CaptureSource {
  readonly sizeBytes: number;
  private readonly descriptor: number;

  /** @throws MemrayMochaError when there is no such file, or it may not be read */
  constructor(private readonly path: string) {
    try {
      this.descriptor = openSync(path, 'r');
      this.sizeBytes = fstatSync(this.descriptor).size;
    } catch (error) {
      throw createCaptureUnreadableError(path, error);
    }
  }

  read(offset: number, target: Uint8Array): number {
    try {
      // Not `readSync`, whose garbage is all that would grow with the capture.
      return readvSync(this.descriptor, [target], offset);
    } catch (error) {
      throw createCaptureUnreadableError(this.path, error);
    }
  }

  close(): void {
    closeSync(this.descriptor);
  }
}
