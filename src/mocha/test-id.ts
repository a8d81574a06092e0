import type Crypto from 'node:crypto';
import type Mocha from 'mocha';
import { displayPath } from '../stack-trace';

const MAX_NAME_BYTES = 255;
const DIGEST_LENGTH = 16;

/** What names a test to people and programs. */
export interface TestId {
  /** `test/catalogue.test.js > importer > parses the catalogue` */
  id: string;
  /** Relative to the working directory when inside it; empty when Mocha does not know. */
  file: string;
  titlePath: string[];
}

/** Names a test. */
export function identifyTest(test: Mocha.Test, cwd: string): TestId {
  const file = test.file ? displayPath(test.file, cwd) : '';
  const titlePath = test.titlePath();
  return { id: [file, ...titlePath].filter(Boolean).join(' > '), file, titlePath };
}

/**
 * The name of a test's capture file, at most 255 bytes, which is what file systems take.
 *
 * @param attempt 0 for the first, so that each retry keeps its own
 */
export function nameCaptureFile(prefix: string, id: string, attempt: number): string {
  const safe = id.replaceAll(' > ', '-').replace(/[^\p{L}\p{M}\p{N}._()[\]-]+/gu, '-');
  const name = `${prefix}-${safe}${attempt > 0 ? `-retry${attempt}` : ''}`;
  const end = '.bin';
  if (Buffer.byteLength(name + end) <= MAX_NAME_BYTES) return name + end;
  const suffix = `-${digestOf(name)}${end}`;
  return cutToBytes(name, MAX_NAME_BYTES - suffix.length) + suffix;
}

function digestOf(text: string): string {
  // Few names are so long, and to load it takes milliseconds of every start.
  const { createHash } = require('node:crypto') as typeof Crypto;
  return createHash('sha256').update(text).digest('hex').slice(0, DIGEST_LENGTH);
}

function cutToBytes(text: string, maxBytes: number): string {
  let bytes = 0;
  let cut = '';
  for (const character of text) {
    bytes += Buffer.byteLength(character);
    if (bytes > maxBytes) break;
    cut += character;
  }
  return cut;
}
