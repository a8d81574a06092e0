/** Applies the hot records, and UNMAP, to what is live. */
import { findSite, getSite } from './allocation-sites';
import { fail, readDefinedNumber, readVarint } from './byte-cursor';
import { VALUE_OUT_OF_RANGE } from './error-codes';
import { lastCallStack } from './frame-tree';
import { grow, shrink } from './high-water-mark';
import { endedSite, endedSize, putBlock, takeBlock } from './live-allocations';
import { endRange, getEndedPart, putMapping } from './live-mappings';
import {
  address,
  allocator,
  callStack,
  readAllocation,
  readHotAddress,
  size,
} from './record-reader';
import { isJsAllocator, isMappingAllocator } from './records';
import { countAllocation, countDeallocation } from './statistics';

const MAX_THREAD: u32 = 0x7fffffff;

/** All hot records of their kind, counted or not: END's counts are checked against them. */
export let allocationRecords: u64 = 0;
export let deallocationRecords: u64 = 0;

let thread: u32 = 0;
/** The thread whose allocations count; 0 for all. */
let countedThread: u32 = 0;

export function countOnlyThread(id: u32): void {
  countedThread = id;
}

/** THREAD: who allocates from here on. */
export function changeThread(): void {
  thread = readDefinedNumber(MAX_THREAD);
}

/** ALLOCATION: a block or a mapping begins to live. */
export function allocate(tag: u32): void {
  readAllocation(tag);
  allocationRecords++;
  if (<u64>callStack > lastCallStack()) return fail(VALUE_OUT_OF_RANGE, callStack);
  if (isMappingAllocator(allocator)) return allocateMapping();
  if (!isCounted()) {
    // Nothing lives on at an address that was given out again.
    takeBlock(address);
    return endBlock();
  }
  const site = findCountedSite();
  putBlock(address, size, site);
  endBlock();
  grow(getSite(site), size);
}

/** DEALLOCATION: the block at an address ends, if there is one. */
export function deallocate(tag: u32): void {
  readHotAddress(tag);
  deallocationRecords++;
  takeBlock(address);
  if (endedSite != 0) countDeallocation();
  endBlock();
}

/** UNMAP: whatever is mapped in a range ends. */
export function unmap(): void {
  const start = readVarint();
  endMappings(start, readVarint());
}

function allocateMapping(): void {
  endMappings(address, size);
  if (!isCounted()) return;
  const site = findCountedSite();
  if (size == 0) return;
  putMapping(address, address + size, site);
  grow(getSite(site), size);
}

function isCounted(): bool {
  return countedThread == 0 || countedThread == thread;
}

function findCountedSite(): u32 {
  countAllocation(size, allocator);
  const site = findSite(<u32>callStack, thread, isJsAllocator(allocator));
  const totals = getSite(site);
  totals.totalBytes += size;
  totals.totalCount++;
  return site;
}

function endBlock(): void {
  if (endedSite != 0) shrink(getSite(endedSite), endedSize, 1);
}

function endMappings(start: u64, length: u64): void {
  if (start + length < start) return fail(VALUE_OUT_OF_RANGE, length);
  const parts = endRange(start, start + length);
  for (let number: u32 = 1; number <= parts; number++) {
    const part = getEndedPart(number);
    shrink(getSite(part.site), part.bytes, part.pieces);
  }
}
