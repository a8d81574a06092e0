/**
 * Applies the hot records, and UNMAP, to what is live.
 *
 * Among millions of live blocks, each record's block is somewhere in memory that is in no cache,
 * and a record at a time would be a wait for memory at a time. So hot records are collected; a
 * loop that does little else loads the slots of all of them, which the processor does side by
 * side; then they are applied, in their order.
 */
import { findSite, getSite } from './allocation-sites';
import { fail, failure, readDefinedNumber, readVarint } from './byte-cursor';
import { OK, VALUE_OUT_OF_RANGE } from './error-codes';
import { lastCallStack } from './frame-tree';
import { grow, shrink } from './high-water-mark';
import {
  areCached,
  endedSite,
  endedSize,
  putBlock,
  takeBlock,
  touchSlots,
} from './live-allocations';
import { endRange, getEndedPart, putMapping } from './live-mappings';
import { HotRecord, readHotRecords } from './record-reader';
import { isMappingAllocator, MAIN_THREAD, MAX_SIZE, NO_ALLOCATOR } from './records';
import { allocationBytes, countAllocation, countDeallocation } from './statistics';

const MAX_RECORDS: u32 = 64;
const RECORD_BYTES: u32 = offsetof<HotRecord>();
const MAX_THREAD: u32 = 0x7fffffff;

/** All hot records of their kind, counted or not: END's counts are checked against them. */
export let allocationRecords: u64 = 0;
export let deallocationRecords: u64 = 0;

/** The records collected end at `recordsEnd`; behind the last place is one for a sum. */
const records: usize = heap.alloc((MAX_RECORDS + 1) * RECORD_BYTES);
const recordsLimit: usize = records + MAX_RECORDS * RECORD_BYTES;
let recordsEnd: usize = records;

let thread: u32 = 0;
/** Whether allocations of all threads count, not only of the one that started the tracker. */
export let countsAllThreads: bool = true;

/** To be called before anything is read. */
export function countMainThreadOnly(): void {
  countsAllThreads = false;
}

/** THREAD: who allocates from here on. */
export function changeThread(): void {
  thread = readDefinedNumber(MAX_THREAD);
}

/** Collects the hot records at the cursor. */
export function collectRecords(): void {
  recordsEnd = readHotRecords(recordsEnd, recordsLimit, thread, lastCallStack());
  if (recordsEnd == recordsLimit) applyRecords();
}

/** UNMAP: whatever is mapped in a range ends. */
export function unmap(): void {
  const start = readVarint();
  const length = readVarint();
  applyRecords();
  endMappings(start, length);
}

/** Applies the records collected; to be called before anything else looks at what is live. */
export function applyRecords(): void {
  const end = recordsEnd;
  recordsEnd = records;
  if (failure != OK) return;
  for (let at = records; at < end; at += RECORD_BYTES) countRecord(changetype<HotRecord>(at));
  if (!areCached) touchAll(end);
  for (let at = records; at < end; at += RECORD_BYTES) applyRecord(changetype<HotRecord>(at));
  // So no sum wraps.
  if (allocationBytes > MAX_SIZE) fail(VALUE_OUT_OF_RANGE, allocationBytes);
}

/** The sum is of no use, but keeps the compiler from leaving the loads out. */
function touchAll(end: usize): void {
  let sum: u32 = 0;
  for (let at = records; at < end; at += RECORD_BYTES) {
    sum += touchSlots(changetype<HotRecord>(at).address);
  }
  store<u32>(recordsLimit, sum);
}

function countRecord(record: HotRecord): void {
  if (record.allocator == NO_ALLOCATOR) deallocationRecords++;
  else {
    allocationRecords++;
    record.site = isCounted(record) ? findCountedSite(record) : 0;
  }
}

function applyRecord(record: HotRecord): void {
  if (record.allocator == NO_ALLOCATOR) {
    takeBlock(record.address);
    if (endedSite == 0) return;
    shrink(getSite(endedSite), endedSize, 1);
    countDeallocation();
  } else if (isMappingAllocator(record.allocator)) {
    allocateMapping(record);
  } else {
    allocateBlock(record);
  }
}

/** One that does not count still ends what lived at its address. */
function allocateBlock(record: HotRecord): void {
  if (record.site != 0) putBlock(record.address, record.size, record.site);
  else takeBlock(record.address);
  if (endedSite != 0) shrink(getSite(endedSite), endedSize, 1);
  if (record.site != 0) grow(getSite(record.site), record.size);
}

function allocateMapping(record: HotRecord): void {
  const address = record.address;
  const size = record.size;
  endMappings(address, size);
  if (record.site == 0 || size == 0) return;
  putMapping(address, address + size, record.site);
  grow(getSite(record.site), size);
}

function isCounted(record: HotRecord): bool {
  return countsAllThreads || record.thread == MAIN_THREAD;
}

function findCountedSite(record: HotRecord): u32 {
  const size = record.size;
  countAllocation(size, record.allocator);
  const site = findSite(record.callStack, record.thread, false);
  const totals = getSite(site);
  totals.totalBytes += size;
  totals.totalCount++;
  return site;
}

function endMappings(start: u64, length: u64): void {
  if (start + length < start) return fail(VALUE_OUT_OF_RANGE, length);
  const parts = endRange(start, start + length);
  for (let number: u32 = 1; number <= parts; number++) {
    const part = getEndedPart(number);
    shrink(getSite(part.site), part.bytes, part.pieces);
  }
}
