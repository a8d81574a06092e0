/**
 * Decodes the hot records. What they leave out (same size, near address...) is kept here from
 * record to record and from block to block, as the format's page says.
 */
import { fail, readByte, readVarint, readZigZag } from './byte-cursor';
import { VALUE_OUT_OF_RANGE } from './error-codes';
import {
  ADDRESS_CACHE_MISS,
  ADDRESS_CACHE_SLOTS,
  ADDRESS_SLOT,
  isDefinedAllocator,
  SAME_ALLOCATOR,
  SAME_CALL_STACK,
  SAME_SIZE,
} from './records';

/** The largest size a JavaScript number holds exactly; nothing that large can be allocated. */
const MAX_SIZE: u64 = 0x1fffffffffffff;

export let address: u64 = 0;
export let size: u64 = 0;
export let allocator: u32 = 0;
export let callStack: i64 = 0;

const addressCache: usize = heap.alloc(ADDRESS_CACHE_SLOTS * sizeof<u64>());
memory.fill(addressCache, 0, ADDRESS_CACHE_SLOTS * sizeof<u64>());

/** Reads what follows an ALLOCATION's tag. `callStack` is not checked: its table is elsewhere. */
export function readAllocation(tag: u32): void {
  readHotAddress(tag);
  if (!(tag & SAME_SIZE)) readSize();
  if (!(tag & SAME_ALLOCATOR)) allocator = readByte();
  if (!(tag & SAME_CALL_STACK)) callStack += readZigZag();
  if (!isDefinedAllocator(allocator)) fail(VALUE_OUT_OF_RANGE, allocator);
}

/** Reads what follows a DEALLOCATION's tag, as an ALLOCATION's. */
export function readHotAddress(tag: u32): void {
  const slot = tag & ADDRESS_SLOT;
  if (slot != ADDRESS_CACHE_MISS) {
    address = load<u64>(addressCache + slot * sizeof<u64>());
    return;
  }
  address = ((address >> 3) + <u64>readZigZag()) << 3;
  store<u64>(addressCache + modulo15(address >> 4) * sizeof<u64>(), address);
}

/** 16, and so each power of it, is 1 modulo 15: the halves may be added up before dividing. */
function modulo15(value: u64): u32 {
  const sum = (value >> 32) + (value & 0xffffffff);
  return (<u32>(sum >> 16) + ((<u32>sum) & 0xffff)) % ADDRESS_CACHE_SLOTS;
}

function readSize(): void {
  size = readVarint();
  if (size > MAX_SIZE) fail(VALUE_OUT_OF_RANGE, size);
}
