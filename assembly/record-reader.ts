/**
 * Decodes the hot records. What they leave out (expected sizes, near addresses...) is kept here from
 * record to record and from block to block, as the format's page says.
 *
 * Many are decoded at once, to be applied at once: of a loop that only decodes, the processor
 * begins the next record before it is done with this one.
 */
import { continueAt, end, failAt, position, toSigned, Varint } from './byte-cursor';
import { VALUE_OUT_OF_RANGE } from './error-codes';
import {
  ADDRESS_FOLLOWS,
  ADDRESS_REGIONS,
  ADDRESS_SLOTS,
  ALLOCATION,
  EXPECTATIONS,
  EXPECTED_ALLOCATOR,
  EXPECTED_CALL_STACK,
  EXPECTED_SIZE,
  isDefinedAllocator,
  isHotTag,
  MAX_SIZE,
  NO_ALLOCATOR,
} from './records';
import { allocateZeros } from './zeros';

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

/** What followed the latest ALLOCATION of a call stack, modulo EXPECTATIONS. */
@unmanaged
class Expectation {
  size: u64;
  callStack: u32;
  allocator: u32;
}

const slots = allocateZeros(ADDRESS_SLOTS * sizeof<u64>());
const regions = allocateZeros(ADDRESS_REGIONS * sizeof<u64>());
const expectations = allocateZeros(EXPECTATIONS * offsetof<Expectation>());

let address: u64 = 0;
/** Of the latest ALLOCATION. */
let callStack: u32 = 0;

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
    const expected = changetype<Expectation>(
      expectations + (callStack % EXPECTATIONS) * offsetof<Expectation>(),
    );
    if (!(tag & EXPECTED_SIZE)) cursor = readSize(cursor, expected);
    if (!(tag & EXPECTED_ALLOCATOR)) expected.allocator = load<u8>(cursor++);
    if (!(tag & EXPECTED_CALL_STACK)) cursor = readCallStack(cursor, expected, lastCallStack);
    const allocator = expected.allocator;
    if (!isDefinedAllocator(allocator)) failAt(cursor, VALUE_OUT_OF_RANGE, allocator);
    callStack = expected.callStack;
    record.size = expected.size;
    record.callStack = callStack;
    record.thread = thread;
    record.allocator = allocator;
  }
  continueAt(cursor);
  return at;
}

/** As all that read a field, it gives the address of the next one. */
function readAddress(cursor: usize, tag: u32): usize {
  if (!(tag & ADDRESS_FOLLOWS)) {
    address = load<u64>(slots + (tag % ADDRESS_SLOTS) * sizeof<u64>());
    return cursor;
  }
  const region = regions + (tag % ADDRESS_REGIONS) * sizeof<u64>();
  const length = Varint.findLength(cursor);
  address = ((load<u64>(region) >> 3) + <u64>toSigned(Varint.decode(cursor, length))) << 3;
  store<u64>(region, address);
  store<u64>(slots + (<usize>(address >> 4) % ADDRESS_SLOTS) * sizeof<u64>(), address);
  return cursor + length;
}

function readSize(cursor: usize, expected: Expectation): usize {
  const length = Varint.findLength(cursor);
  const size = Varint.decode(cursor, length);
  if (size > MAX_SIZE) failAt(cursor, VALUE_OUT_OF_RANGE, size);
  expected.size = size;
  return cursor + length;
}

function readCallStack(cursor: usize, expected: Expectation, lastCallStack: u32): usize {
  const length = Varint.findLength(cursor);
  const index = <i64>expected.callStack + toSigned(Varint.decode(cursor, length));
  if (<u64>index > lastCallStack) failAt(cursor, VALUE_OUT_OF_RANGE, index);
  expected.callStack = <u32>index;
  return cursor + length;
}
