/**
 * The live blocks, by address: open addressing with linear probing over slots of 16 bytes, four
 * to a cache line. When a block is taken out, the slots behind it move up (backward-shift
 * deletion), so there are no tombstones: however long a program churns, a search stays as short
 * as the number of live blocks allows.
 */
import { Table } from './table';

@unmanaged
class Slot {
  address: u64;
  /** In bytes, or LARGE and the number of a record of `largeSizes`. */
  size: u32;
  /** 0 in an empty slot. */
  site: u32;
}

const FIRST_SLOTS: u32 = 256;
const SLOT_BYTES: usize = offsetof<Slot>();
const GOLDEN_RATIO: u64 = 0x9e3779b97f4a7c15;
const LARGE: u32 = 0x80000000;

/** The site and size of the block that the last call ended; the site is 0 if it ended none. */
export let endedSite: u32 = 0;
export let endedSize: u64 = 0;

let slots: usize = 0;
let mask: u32 = 0;
/** How far a hash is shifted to leave the number of a slot. */
let shift: u64 = 0;
let blocks: u32 = 0;
let maxBlocks: u32 = 0;
setSlots(FIRST_SLOTS);

/** Sizes that do not fit into a slot; the free records are a list, linked by their content. */
const largeSizes = new Table(sizeof<u64>());
let freeLargeSize: u32 = 0;

/** Loads the slot where a search for an address begins. */
export function touchSlot(address: u64): u32 {
  return at(hash(address)).site;
}

/** Puts a block in, and ends the one that was at its address: its deallocation was missed. */
export function putBlock(address: u64, size: u64, site: u32): void {
  let index = hash(address);
  let slot = at(index);
  while (slot.site != 0 && slot.address != address) {
    index = (index + 1) & mask;
    slot = at(index);
  }
  endedSite = slot.site;
  if (endedSite != 0) endedSize = releaseSize(slot.size);
  slot.address = address;
  slot.size = size < LARGE ? <u32>size : keepLargeSize(size);
  slot.site = site;
  if (endedSite == 0 && ++blocks > maxBlocks) grow();
}

/** Takes the block at an address out, if there is one. */
export function takeBlock(address: u64): void {
  let index = hash(address);
  let slot = at(index);
  while (slot.site != 0 && slot.address != address) {
    index = (index + 1) & mask;
    slot = at(index);
  }
  endedSite = slot.site;
  if (endedSite == 0) return;
  endedSize = releaseSize(slot.size);
  blocks--;
  fillGap(index);
}

/** Moves each block behind a gap into it that may stand there, which leaves the next gap. */
function fillGap(gap: u32): void {
  let index = gap;
  while (true) {
    index = (index + 1) & mask;
    const slot = at(index);
    if (slot.site == 0) break;
    const distanceFromHome = (index - hash(slot.address)) & mask;
    if (distanceFromHome < ((index - gap) & mask)) continue;
    copySlot(gap, slot);
    gap = index;
  }
  at(gap).site = 0;
}

function copySlot(index: u32, from: Slot): void {
  const slot = at(index);
  slot.address = from.address;
  slot.size = from.size;
  slot.site = from.site;
}

function grow(): void {
  const old = slots;
  const oldEnd = old + <usize>(mask + 1) * SLOT_BYTES;
  setSlots((mask + 1) * 2);
  for (let address = old; address < oldEnd; address += SLOT_BYTES) {
    const slot = changetype<Slot>(address);
    if (slot.site == 0) continue;
    let index = hash(slot.address);
    while (at(index).site != 0) index = (index + 1) & mask;
    copySlot(index, slot);
  }
  heap.free(old);
}

function setSlots(count: u32): void {
  const bytes = <usize>count * SLOT_BYTES;
  slots = heap.alloc(bytes);
  memory.fill(slots, 0, bytes);
  mask = count - 1;
  shift = 64 - <u64>ctz(count);
  maxBlocks = count - count / 4;
}

function hash(address: u64): u32 {
  return <u32>((address * GOLDEN_RATIO) >> shift);
}

function at(index: u32): Slot {
  return changetype<Slot>(slots + <usize>index * SLOT_BYTES);
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
