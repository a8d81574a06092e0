/**
 * Decodes the hot records. What they leave out (same size, near address...) is kept here from
 * record to record and from block to block, as the format's page says.
 *
 * Many are decoded at once, to be applied at once: of a loop that only decodes, the processor
 * begins the next record before it is done with this one.
 */
import { continueAt, end, failAt, position, toSigned, Varint } from './byte-cursor';
import { VALUE_OUT_OF_RANGE } from './error-codes';
import {
  ADDRESS_CACHE_MISS,
  ADDRESS_CACHE_SLOTS,
  ADDRESS_SLOT,
  ALLOCATION,
  isDefinedAllocator,
  isHotTag,
  NO_ALLOCATOR,
  SAME_ALLOCATOR,
  SAME_CALL_STACK,
  SAME_SIZE,
} from './records';

/** A decoded ALLOCATION or DEALLOCATION. */
@unmanaged
export class HotRecord {
  address: u64;
  size: u64;
  callStack: u32;
  thread: u32;
  /** NO_ALLOCATOR in a DEALLOCATION. */
  allocator: u32;
  /** For who applies it: the number of the allocation's site. */
  site: u32;
}

/** The largest size a JavaScript number holds exactly; nothing that large can be allocated. */
const MAX_SIZE: u64 = 0x1fffffffffffff;

let address: u64 = 0;
let size: u64 = 0;
let allocator: u32 = 0;
let callStack: i64 = 0;

const addressCache: usize = heap.alloc(ADDRESS_CACHE_SLOTS * sizeof<u64>());
memory.fill(addressCache, 0, ADDRESS_CACHE_SLOTS * sizeof<u64>());

/**
 * Decodes hot records up to another one or the block's end, from `at` on and not beyond `limit`.
 * Gives where the decoded ones end. After a failure they are of no use.
 */
export function readHotRecords(at: usize, limit: usize, thread: u32, lastCallStack: u32): usize {
  // In a local variable the cursor is in a register.
  let cursor = position;
  for (; at < limit && cursor < end; at += offsetof<HotRecord>()) {
    const tag: u32 = load<u8>(cursor);
    if (!isHotTag(tag)) break;
    const record = changetype<HotRecord>(at);
    cursor = readAddress(cursor + 1, tag);
    record.address = address;
    record.allocator = NO_ALLOCATOR;
    if (tag < ALLOCATION) continue;
    if (!(tag & SAME_SIZE)) cursor = readSize(cursor);
    if (!(tag & SAME_ALLOCATOR)) allocator = load<u8>(cursor++);
    if (!(tag & SAME_CALL_STACK)) cursor = readCallStack(cursor, lastCallStack);
    if (!isDefinedAllocator(allocator)) failAt(cursor, VALUE_OUT_OF_RANGE, allocator);
    record.size = size;
    record.callStack = <u32>callStack;
    record.thread = thread;
    record.allocator = allocator;
  }
  continueAt(cursor);
  return at;
}

/** As all that read a field, it gives the address of the next one. */
function readAddress(cursor: usize, tag: u32): usize {
  const slot = tag & ADDRESS_SLOT;
  if (slot != ADDRESS_CACHE_MISS) {
    address = load<u64>(addressCache + slot * sizeof<u64>());
    return cursor;
  }
  const length = Varint.findLength(cursor);
  address = ((address >> 3) + <u64>toSigned(Varint.decode(cursor, length))) << 3;
  store<u64>(addressCache + modulo15(address >> 4) * sizeof<u64>(), address);
  return cursor + length;
}

/** 16, and so each power of it, is 1 modulo 15: the halves may be added up before dividing. */
function modulo15(value: u64): u32 {
  const sum = (value >> 32) + (value & 0xffffffff);
  return (<u32>(sum >> 16) + ((<u32>sum) & 0xffff)) % ADDRESS_CACHE_SLOTS;
}

function readSize(cursor: usize): usize {
  const length = Varint.findLength(cursor);
  size = Varint.decode(cursor, length);
  if (size > MAX_SIZE) failAt(cursor, VALUE_OUT_OF_RANGE, size);
  return cursor + length;
}

function readCallStack(cursor: usize, lastCallStack: u32): usize {
  const length = Varint.findLength(cursor);
  callStack += toSigned(Varint.decode(cursor, length));
  if (<u64>callStack > lastCallStack) failAt(cursor, VALUE_OUT_OF_RANGE, callStack);
  return cursor + length;
}
