/**
 * The JS heap: HEAP says what it holds at a moment, SAMPLES by which call stacks. Objects do not
 * come and go one by one; only the moment of the peak, marks and the end are told.
 */
import { findSite, getSite, lastSite, Site } from './allocation-sites';
import { fail, readByte, readVarint, readVarintUpTo } from './byte-cursor';
import { VALUE_OUT_OF_RANGE } from './error-codes';
import { lastCallStack } from './frame-tree';
import { addLeaked, changeJsHeap, notePeak, peakIsHere, takePeak } from './high-water-mark';
import { applyRecords } from './live-memory';
import { mainThread } from './metadata';
import { HEAP_CONFIRMED, HEAP_END, HEAP_MARK, HEAP_RAW } from './records';

const MAX_COUNT: u32 = 0xffffffff;

let kind: u32 = HEAP_RAW;

/** HEAP: what the JS heap holds now. */
export function readHeap(): void {
  kind = readByte();
  if (kind > HEAP_MARK) return fail(VALUE_OUT_OF_RANGE, kind);
  const bytes = readVarint();
  applyRecords();
  if (kind == HEAP_END) return;
  if (kind == HEAP_MARK) return markAll();
  changeJsHeap(bytes);
  if (kind != HEAP_RAW) takePeak(kind == HEAP_CONFIRMED);
}

/** SAMPLES: what one call stack holds of it. */
export function readSamples(): void {
  const callStack = readVarintUpTo(lastCallStack());
  const bytes = readVarint();
  const count = readVarintUpTo(MAX_COUNT);
  const site = getSite(findSite(callStack, mainThread, true));
  if (kind == HEAP_END) addToLeaks(site, bytes, count);
  else if (kind == HEAP_MARK) site.markedBytes += bytes;
  else if (peakIsHere) addToPeak(site, bytes, count);
}

function addToLeaks(site: Site, bytes: u64, count: u32): void {
  // What is left at the end was not there at the peak.
  notePeak(site);
  site.liveBytes += bytes;
  site.liveCount += count;
  addLeaked(bytes);
}

function addToPeak(site: Site, bytes: u64, count: u32): void {
  // Nothing is live of a JS site until the end: this makes zero of an older peak's numbers.
  notePeak(site);
  site.peakBytes += bytes;
  site.peakCount += count;
}

/** Of the JS heap, samples will tell. */
function markAll(): void {
  for (let number: u32 = 1; number <= lastSite(); number++) {
    const site = getSite(number);
    site.markedBytes = site.liveBytes;
  }
}
