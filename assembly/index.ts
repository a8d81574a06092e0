/**
 * The reader of captures, as its host sees it. The host writes the capture, piece by piece, to
 * where `openInput` says and calls `feed` for each; then `finish`, and takes the results out of the
 * memory. An instance reads one capture, and after `reset` another. Records are applied, never
 * kept: memory grows with what is live at one time and with distinct call stacks, not with the
 * length of the capture.
 */
import { complete, readBlock } from './block-reader';
import { fail, failAt, failure, failurePosition, openBlock, READ_AHEAD } from './byte-cursor';
import { crc32 } from './crc32';
import {
  BAD_BLOCK_LENGTH,
  CHECKSUM_MISMATCH,
  DATA_AFTER_END,
  NOT_A_CAPTURE,
  OK,
} from './error-codes';
import { resolveFrames } from './frame-tree';
import { finishJsHeap } from './js-heap';
import { readHeader } from './metadata';
import { BlockHeader, Header, MAX_PAYLOAD_LENGTH } from './records';

export { ALLOCATIONS, HIGH_WATER_MARK, LEAKS } from './call-stack-rows';
export { complete, durationMs } from './block-reader';
export { failure, failureDetail } from './byte-cursor';
export * from './error-codes';
export { JS_KIND, WASM_KIND } from './frame-tree';
export {
  confirmedPeakBytes,
  liveBytes,
  peakBytes,
  peakJsBytes,
  rawPeakBytes,
  recordedPeakBytes,
} from './high-water-mark';
export { countMainThreadOnly } from './live-memory';
export { mainThread, nativeFrames, pid, startedAtMs, traceJs, version } from './metadata';
export * from './result-buffer';
export {
  allocationBytes,
  allocationCount,
  deallocationCount,
  maxSize,
  minSize,
  nextAllocator,
  SIZE_BUCKETS,
} from './statistics';

const HEADER_BYTES: u32 = offsetof<Header>();
const BLOCK_HEADER_BYTES: u32 = offsetof<BlockHeader>();
/** The longest part of a block that waits, ahead of the input, for the rest. */
const MAX_PARTIAL_BYTES: u32 = BLOCK_HEADER_BYTES + MAX_PAYLOAD_LENGTH;

/** Where pieces of the capture are written to. */
let input: usize = 0;
/** What is not read yet begins here, at most MAX_PARTIAL_BYTES ahead of the input. */
let unread: usize = 0;
/** Where in the capture that is. */
let unreadOffset: f64 = 0;
let hasHeader: bool = false;

/** Makes room for pieces of the capture, up to `capacity` bytes each. To be called before `feed`. */
export function openInput(capacity: u32): usize {
  input = heap.alloc(MAX_PARTIAL_BYTES + capacity + READ_AHEAD) + MAX_PARTIAL_BYTES;
  unread = input;
  return input;
}

/** Reads what can be read with the next `length` bytes. Gives OK or an error code. */
export function feed(length: u32): u32 {
  const end = input + length;
  let read = unread;
  if (!hasHeader && end - read >= HEADER_BYTES) read += takeHeader(read);
  if (hasHeader) while (failure == OK && hasWholeBlock(read, end)) read += takeBlock(read);
  if (complete && read < end) failAt(read, DATA_AFTER_END);
  if (failure != OK) return failure;
  unreadOffset += <f64>(read - unread);
  unread = input - (end - read);
  memory.copy(unread, read, end - read);
  return OK;
}

/** After the last piece: makes the frames. What is left of a last, partial block is lost. */
export function finish(): u32 {
  if (!hasHeader) fail(NOT_A_CAPTURE);
  if (failure == OK) {
    finishJsHeap();
    resolveFrames();
  }
  return failure;
}

/** Where in the capture the failure was found. */
export function failureOffset(): f64 {
  return unreadOffset + <f64>(failurePosition - unread);
}

function takeHeader(address: usize): u32 {
  openBlock(address, HEADER_BYTES);
  readHeader(address);
  hasHeader = true;
  return HEADER_BYTES;
}

function hasWholeBlock(address: usize, end: usize): bool {
  if (end - address < BLOCK_HEADER_BYTES) return false;
  const length = changetype<BlockHeader>(address).payloadLength;
  return length > MAX_PAYLOAD_LENGTH || end - address - BLOCK_HEADER_BYTES >= length;
}

function takeBlock(address: usize): u32 {
  const header = changetype<BlockHeader>(address);
  const payload = address + BLOCK_HEADER_BYTES;
  openBlock(address, 0);
  if (header.payloadLength - 1 >= MAX_PAYLOAD_LENGTH) {
    fail(BAD_BLOCK_LENGTH, header.payloadLength);
  } else if (crc32(payload, header.payloadLength) != header.crc32) {
    fail(CHECKSUM_MISMATCH, header.crc32);
  } else {
    readBlock(payload, header.payloadLength);
  }
  return BLOCK_HEADER_BYTES + header.payloadLength;
}
