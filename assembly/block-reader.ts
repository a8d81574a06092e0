/** Reads one block: hands each record to what knows its fields. */
import { defineCode, defineOriginal, definePosition, defineScript } from './code-map';
import {
  end,
  fail,
  openBlock,
  peekByte,
  position,
  readByte,
  readLength,
  readVarint,
  skip,
} from './byte-cursor';
import { COUNT_MISMATCH, DATA_AFTER_END, RECORD_TOO_LONG, UNDEFINED_TAG } from './error-codes';
import { defineCallStack, defineJsFrame, defineNativeFrame, defineSymbol } from './frame-tree';
import { readHeap, readSamples } from './js-heap';
import {
  allocationRecords,
  applyRecords,
  changeThread,
  collectRecords,
  deallocationRecords,
  unmap,
} from './live-memory';
import { defineMetadata } from './metadata';
import {
  CODE,
  END,
  HEAP,
  isHotTag,
  JS_FRAME,
  METADATA,
  NATIVE_FRAME,
  ORIGINAL,
  POSITION,
  SAMPLES,
  SCRIPT,
  STACK,
  STRING,
  SYMBOL,
  THREAD,
  THREAD_NAME,
  UNMAP,
} from './records';
import { defineString } from './texts';

/** Whether END was read. */
export let complete: bool = false;
/** From END. */
export let durationMs: f64 = 0;

export function readBlock(payload: usize, length: u32): void {
  openBlock(payload, length);
  if (complete) fail(DATA_AFTER_END);
  while (position < end) {
    if (isHotTag(peekByte())) collectRecords();
    else readOther(readByte());
  }
  applyRecords();
  if (position > end) fail(RECORD_TOO_LONG);
}

function readOther(tag: u32): void {
  switch (tag) {
    case END:
      return readEnd();
    case THREAD:
      return changeThread();
    case THREAD_NAME:
      return skipThreadName();
    case STRING:
      return defineString();
    case SCRIPT:
      return defineScript();
    case CODE:
      return defineCode();
    case JS_FRAME:
      return defineJsFrame();
    case NATIVE_FRAME:
      return defineNativeFrame();
    case STACK:
      return defineCallStack();
    case UNMAP:
      return unmap();
    case POSITION:
      return definePosition();
    case ORIGINAL:
      return defineOriginal();
    case SYMBOL:
      return defineSymbol();
    case METADATA:
      return defineMetadata();
    case HEAP:
      return readHeap();
    case SAMPLES:
      return readSamples();
    default:
      fail(UNDEFINED_TAG, tag);
  }
}

function skipThreadName(): void {
  readVarint();
  skip(readLength());
}

function readEnd(): void {
  const allocations = readVarint();
  const deallocations = readVarint();
  durationMs = <f64>readVarint();
  applyRecords();
  if (position < end) return fail(DATA_AFTER_END);
  if (allocations != allocationRecords) fail(COUNT_MISMATCH, allocations);
  if (deallocations != deallocationRecords) fail(COUNT_MISMATCH, deallocations);
  complete = true;
}
