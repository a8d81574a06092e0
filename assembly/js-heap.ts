/**
 * The JS heap: HEAP says what it holds at a moment, and the SAMPLES before it of which call stacks
 * that has changed. Objects do not come and go one by one.
 */
import { findSite, getSite, lastSite } from './allocation-sites';
import { fail, readByte, readSize, readVarintUpTo, readZigZag } from './byte-cursor';
import { VALUE_OUT_OF_RANGE } from './error-codes';
import { lastCallStack } from './frame-tree';
import { addLeaked, changeJsHeap, notePeak, takePeak, takeRawPeak } from './high-water-mark';
import { applyRecords, countsAllThreads } from './live-memory';
import { HEAP_CONFIRMED, HEAP_END, HEAP_MARK, HEAP_RAW, MAIN_THREAD, MAX_SIZE } from './records';

const MAX_COUNT: u32 = 0xffffffff;

/** Of the latest SAMPLES. */
let callStack: i64 = 0;
/** What all call stacks hold. */
let sampledBytes: u64 = 0;

/** HEAP: what the JS heap holds now. */
export function readHeap(): void {
  const kind = readByte();
  if (kind > HEAP_MARK) return fail(VALUE_OUT_OF_RANGE, kind);
  const bytes = readSize();
  applyRecords();
  if (kind == HEAP_END) {
    if (countsAllThreads) takeRawPeak(bytes);
    return;
  }
  if (kind == HEAP_MARK) return markAll();
  changeJsHeap(bytes);
  if (kind != HEAP_RAW) takePeak(kind == HEAP_CONFIRMED);
}

/** SAMPLES: what one call stack holds of it from here on. */
export function readSamples(): void {
  callStack += readZigZag();
  const bytes = readSize();
  const count = readVarintUpTo(MAX_COUNT);
  // Rows are of what has a count: such bytes would be in the sums only.
  if (count == 0 && bytes > 0) return fail(VALUE_OUT_OF_RANGE, bytes);
  if (<u64>callStack > lastCallStack()) return fail(VALUE_OUT_OF_RANGE, callStack);
  // A look at the peak needs what happened before.
  applyRecords();
  const site = getSite(findSite(<u32>callStack, MAIN_THREAD, true));
  notePeak(site);
  sampledBytes += bytes - site.liveBytes;
  if (sampledBytes > MAX_SIZE) return fail(VALUE_OUT_OF_RANGE, sampledBytes);
  site.liveBytes = bytes;
  site.liveCount = count;
}

/** After the last record: the objects that were told of last are what is left. */
export function finishJsHeap(): void {
  addLeaked(sampledBytes);
}

function markAll(): void {
  for (let number: u32 = 1; number <= lastSite(); number++) {
    const site = getSite(number);
    site.markedBytes = site.liveBytes;
  }
}
