/**
 * The live blocks, by address: open addressing with linear probing over slots of 16 bytes, four
 * to a cache line. When a block is taken out, the slots behind it move up (backward-shift
 * deletion), so there are no tombstones: however long a program churns, a search stays as short
 * as the number of live blocks allows.
 *
 * The table is made of segments, which grow one by one: growing takes the memory of one segment
 * more, not of a second table, and what a segment leaves behind serves the next ones.
 */
import { hash } from './hash';
import { Table } from './table';
import { allocateZeros } from './zeros';

@unmanaged
class Slot {
  address: u64;
  /** In bytes, or LARGE and the number of a record of `largeSizes`. */
  size: u32;
  /** 0 in an empty slot. */
  site: u32;
}

@unmanaged
class Segment {
  slots: usize;
  mask: u32;
  /** How far a hash is shifted to leave the number of a slot. */
  shift: u32;
  blocks: u32;
}

const FIRST_SLOTS: u32 = 16;
const SLOT_BYTES: u32 = offsetof<Slot>();
/** Segments of so many slots are all in the processor's cache, however empty they are. */
const CACHED_SLOTS: u32 = 512;
const CACHE_LINE_SLOTS: u32 = 4;
const SEGMENT_BITS: u32 = 6;
const SEGMENTS: u32 = 1 << SEGMENT_BITS;
const SEGMENT_BYTES: u32 = offsetof<Segment>();
const LARGE: u32 = 0x80000000;

/** The site and size of the block that the last call ended; the site is 0 if it ended none. */
export let endedSite: u32 = 0;
export let endedSize: u64 = 0;

/** Whether all slots are in the processor's cache, most likely. */
export let areCached: bool = true;

const segments: usize = allocateZeros(SEGMENTS * SEGMENT_BYTES);
for (let number: u32 = 0; number < SEGMENTS; number++) {
  setSlots(changetype<Segment>(segments + number * SEGMENT_BYTES), FIRST_SLOTS);
}

/** Sizes that do not fit into a slot; the free records are a list, linked by their content. */
const largeSizes = new Table(sizeof<u64>());
let freeLargeSize: u32 = 0;

/** Loads where a search for an address begins, and the next cache line: every other one ends there. */
export function touchSlots(address: u64): u32 {
  const segment = segmentOf(address);
  const home = homeOf(segment, address);
  return at(segment, home).site + at(segment, (home + CACHE_LINE_SLOTS) & segment.mask).site;
}

/** Puts a block in, and ends the one that was at its address: its deallocation was missed. */
export function putBlock(address: u64, size: u64, site: u32): void {
  const segment = segmentOf(address);
  const slot = at(segment, find(segment, address));
  endedSite = slot.site;
  if (endedSite != 0) endedSize = releaseSize(slot.size);
  slot.address = address;
  slot.size = size < LARGE ? <u32>size : keepLargeSize(size);
  slot.site = site;
  if (endedSite == 0) countBlock(segment);
}

/** Takes the block at an address out, if there is one. */
export function takeBlock(address: u64): void {
  const segment = segmentOf(address);
  const index = find(segment, address);
  const slot = at(segment, index);
  endedSite = slot.site;
  if (endedSite == 0) return;
  endedSize = releaseSize(slot.size);
  segment.blocks--;
  fillGap(segment, index);
}

/** The slot of a block, or the empty one where it belongs. */
function find(segment: Segment, address: u64): u32 {
  let index = homeOf(segment, address);
  while (true) {
    const slot = at(segment, index);
    if (slot.site == 0 || slot.address == address) return index;
    index = (index + 1) & segment.mask;
  }
}

/** Moves each block behind a gap into it that may stand there, which leaves the next gap. */
function fillGap(segment: Segment, gap: u32): void {
  const mask = segment.mask;
  let index = gap;
  while (true) {
    index = (index + 1) & mask;
    const slot = at(segment, index);
    if (slot.site == 0) break;
    const distanceFromHome = (index - homeOf(segment, slot.address)) & mask;
    if (distanceFromHome < ((index - gap) & mask)) continue;
    copySlot(at(segment, gap), slot);
    gap = index;
  }
  at(segment, gap).site = 0;
}

/** A segment that is too full grows. */
function countBlock(segment: Segment): void {
  const slotCount = segment.mask + 1;
  if (++segment.blocks <= maxBlocks(slotCount)) return;
  const old = segment.slots;
  const oldEnd = old + <usize>slotCount * SLOT_BYTES;
  setSlots(segment, slotCount * 2);
  for (let address = old; address < oldEnd; address += SLOT_BYTES) {
    const slot = changetype<Slot>(address);
    if (slot.site != 0) copySlot(at(segment, find(segment, slot.address)), slot);
  }
  heap.free(old);
}

/** Few blocks to a slot make searches short; many, the table small. */
function maxBlocks(slotCount: u32): u32 {
  return slotCount <= CACHED_SLOTS ? slotCount / 4 : slotCount - slotCount / 4;
}

function setSlots(segment: Segment, count: u32): void {
  if (count > CACHED_SLOTS) areCached = false;
  segment.slots = allocateZeros(<usize>count * SLOT_BYTES);
  segment.mask = count - 1;
  segment.shift = 64 - ctz(count);
}

function copySlot(to: Slot, from: Slot): void {
  to.address = from.address;
  to.size = from.size;
  to.site = from.site;
}

/** The first bits of the hash number the segment, the next ones the slot. */
function segmentOf(address: u64): Segment {
  const number = <usize>(hash(address) >> (64 - SEGMENT_BITS));
  return changetype<Segment>(segments + number * SEGMENT_BYTES);
}

function homeOf(segment: Segment, address: u64): u32 {
  return <u32>((hash(address) << SEGMENT_BITS) >> segment.shift);
}

function at(segment: Segment, index: u32): Slot {
  return changetype<Slot>(segment.slots + <usize>index * SLOT_BYTES);
}

function keepLargeSize(size: u64): u32 {
  const number = freeLargeSize != 0 ? freeLargeSize : largeSizes.add();
  const record = largeSizes.at(number);
  freeLargeSize = <u32>load<u64>(record);
  store<u64>(record, size);
  return LARGE | number;
}

function releaseSize(size: u32): u64 {
  if (size < LARGE) return size;
  const number = size & ~LARGE;
  const record = largeSizes.at(number);
  const largeSize = load<u64>(record);
  store<u64>(record, freeLargeSize);
  freeLargeSize = number;
  return largeSize;
}
