/**
 * Applies the hot records, and UNMAP, to what is live.
 *
 * Among millions of live blocks, each event's block is somewhere in memory that is in no cache,
 * and an event at a time would be a wait for memory at a time. So block events are collected;
 * a loop that does nothing else loads the slots of all of them, which the processor does side by
 * side; then they are applied, in their order.
 */
import { findSite, getSite } from './allocation-sites';
import { fail, readDefinedNumber, readVarint } from './byte-cursor';
import { VALUE_OUT_OF_RANGE } from './error-codes';
import { lastCallStack } from './frame-tree';
import { grow, shrink } from './high-water-mark';
import { endedSite, endedSize, putBlock, takeBlock, touchSlot } from './live-allocations';
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

@unmanaged
class BlockEvent {
  address: u64;
  size: u64;
  /** Whose allocation it is; 0 if the block at the address only ends. */
  site: u32;
  isDeallocation: bool;
}

const MAX_EVENTS: u32 = 64;
const EVENT_BYTES: u32 = offsetof<BlockEvent>();
const MAX_THREAD: u32 = 0x7fffffff;

/** All hot records of their kind, counted or not: END's counts are checked against them. */
export let allocationRecords: u64 = 0;
export let deallocationRecords: u64 = 0;

const events: usize = heap.alloc((MAX_EVENTS + 1) * EVENT_BYTES);
let eventCount: u32 = 0;

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
  // One that does not count still ends what lived at its address.
  addEvent(isCounted() ? findCountedSite() : 0, false);
}

/** DEALLOCATION: the block at an address ends, if there is one. */
export function deallocate(tag: u32): void {
  readHotAddress(tag);
  deallocationRecords++;
  addEvent(0, true);
}

/** UNMAP: whatever is mapped in a range ends. */
export function unmap(): void {
  const start = readVarint();
  endMappings(start, readVarint());
}

/** Applies the events collected; to be called before anything else looks at what is live. */
export function applyEvents(): void {
  touchSlots();
  const end = eventAt(eventCount);
  for (let at = events; at < end; at += EVENT_BYTES) applyEvent(changetype<BlockEvent>(at));
  eventCount = 0;
}

function addEvent(site: u32, isDeallocation: bool): void {
  const event = changetype<BlockEvent>(eventAt(eventCount));
  event.address = address;
  event.size = size;
  event.site = site;
  event.isDeallocation = isDeallocation;
  if (++eventCount == MAX_EVENTS) applyEvents();
}

/** The sum is of no use, but keeps the compiler from leaving the loads out. */
function touchSlots(): void {
  const end = eventAt(eventCount);
  let sum: u32 = 0;
  for (let at = events; at < end; at += EVENT_BYTES) {
    sum += touchSlot(changetype<BlockEvent>(at).address);
  }
  store<u32>(end, sum);
}

function applyEvent(event: BlockEvent): void {
  if (event.site != 0) putBlock(event.address, event.size, event.site);
  else takeBlock(event.address);
  if (endedSite != 0) {
    shrink(getSite(endedSite), endedSize, 1);
    if (event.isDeallocation) countDeallocation();
  }
  if (event.site != 0) grow(getSite(event.site), event.size);
}

function eventAt(index: u32): usize {
  return events + <usize>index * EVENT_BYTES;
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

function endMappings(start: u64, length: u64): void {
  if (start + length < start) return fail(VALUE_OUT_OF_RANGE, length);
  applyEvents();
  const parts = endRange(start, start + length);
  for (let number: u32 = 1; number <= parts; number++) {
    const part = getEndedPart(number);
    shrink(getSite(part.site), part.bytes, part.pieces);
  }
}
