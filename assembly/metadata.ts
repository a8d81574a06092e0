/** What a capture says about itself: its header and METADATA. */
import { fail } from './byte-cursor';
import { crc32 } from './crc32';
import {
  CHECKSUM_MISMATCH,
  NOT_A_CAPTURE,
  UNSUPPORTED_VERSION,
  VALUE_OUT_OF_RANGE,
} from './error-codes';
import {
  FORMAT_VERSION,
  Header,
  MAGIC,
  MAIN_THREAD,
  NATIVE_FRAMES_FLAG,
  TRACE_JS_FLAG,
} from './records';
import { Table } from './table';
import { readText } from './texts';

/** Numbers of texts. */
@unmanaged
export class MetadataEntry {
  key: u32;
  value: u32;
}

export let version: u32 = 0;
export let pid: u32 = 0;
export let startedAtMs: f64 = 0;
export let mainThread: u32 = 0;
export let nativeFrames: bool = false;
export let traceJs: bool = false;

export const metadataEntries = new Table(offsetof<MetadataEntry>());

export function readHeader(bytes: usize): void {
  const header = changetype<Header>(bytes);
  version = header.version;
  if (header.magic != MAGIC) return fail(NOT_A_CAPTURE);
  if (version != FORMAT_VERSION) return fail(UNSUPPORTED_VERSION, version);
  const checksum = crc32(bytes, offsetof<Header>('crc32'));
  if (checksum != header.crc32) return fail(CHECKSUM_MISMATCH, header.crc32);
  if (header.mainThread != MAIN_THREAD) return fail(VALUE_OUT_OF_RANGE, header.mainThread);
  pid = header.pid;
  startedAtMs = <f64>header.startedAtMs;
  mainThread = header.mainThread;
  nativeFrames = (header.flags & NATIVE_FRAMES_FLAG) != 0;
  traceJs = (header.flags & TRACE_JS_FLAG) != 0;
}

/** A call stack has two native frames in a row: from there on, at least, they are recorded in full. */
export function noteNativeFrames(): void {
  nativeFrames = true;
}

/** METADATA: a key and its value. */
export function defineMetadata(): void {
  const entry = changetype<MetadataEntry>(metadataEntries.at(metadataEntries.add()));
  entry.key = readText();
  entry.value = readText();
}
