/**
 * Reads integers from the block that is being read. There is one cursor, so its state is the
 * module's. Nothing here checks the end of the block at each byte: the block's owner keeps
 * READ_AHEAD bytes readable behind it, and checks at each record's end.
 */
import { VALUE_OUT_OF_RANGE, VARINT_TOO_LONG, RECORD_TOO_LONG, OK } from './error-codes';

/** How far behind a block's end its last, broken record may make a reader look. */
export const READ_AHEAD: u32 = 256;

const MAX_VARINT_LENGTH: u32 = 10;

export let position: usize = 0;
export let end: usize = 0;

/** The first failure: one of error-codes.ts, its detail, and the address it was found at. */
export let failure: u32 = OK;
export let failureDetail: f64 = 0;
export let failurePosition: usize = 0;

export function openBlock(payload: usize, length: u32): void {
  position = payload;
  end = payload + length;
}

/** Stops reading: the block counts as read, what has been read of it must not be used. */
export function fail(code: u32, detail: u64 = 0): void {
  if (failure == OK) {
    failure = code;
    failureDetail = <f64>detail;
    failurePosition = position;
  }
  position = end;
}

export function readByte(): u32 {
  const byte = load<u8>(position);
  position += 1;
  return byte;
}

export function readAddress(): u64 {
  const address = load<u64>(position);
  position += 8;
  return address;
}

export function readVarint(): u64 {
  const first = load<u8>(position);
  if (first < 0x80) {
    position += 1;
    return first;
  }
  return readLongVarint();
}

/**
 * Up to eight bytes at once, without a branch per byte (their number is hard to predict): finds
 * the first byte without a continuation bit, then closes the gaps between the groups of seven bits.
 */
function readLongVarint(): u64 {
  let bits = load<u64>(position);
  const ends = ~bits & 0x8080808080808080;
  if (ends == 0) return readLongestVarint();
  position += ((<usize>ctz(ends)) >> 3) + 1;
  bits &= (ends ^ (ends - 1)) & 0x7f7f7f7f7f7f7f7f;
  bits = (bits & 0x007f007f007f007f) | ((bits & 0x7f007f007f007f00) >> 1);
  bits = (bits & 0x00003fff00003fff) | ((bits & 0x3fff00003fff0000) >> 2);
  return (bits & 0x000000000fffffff) | ((bits & 0x0fffffff00000000) >> 4);
}

function readLongestVarint(): u64 {
  let value: u64 = 0;
  for (let i: u32 = 0; i < MAX_VARINT_LENGTH; i++) {
    const byte = load<u8>(position + i);
    if (i == MAX_VARINT_LENGTH - 1 && byte > 1) break;
    value |= (<u64>(byte & 0x7f)) << (7 * i);
    if (byte < 0x80) {
      position += i + 1;
      return value;
    }
  }
  fail(VARINT_TOO_LONG);
  return 0;
}

export function readZigZag(): i64 {
  const value = readVarint();
  return (<i64>(value >> 1)) ^ -(<i64>(value & 1));
}

/** Reads a number of at most `max`; anything else fails and gives 0, which every table has. */
export function readVarintUpTo(max: u32): u32 {
  const value = readVarint();
  if (value <= max) return <u32>value;
  fail(VALUE_OUT_OF_RANGE, value);
  return 0;
}

/** Reads the number of something that is defined: 1 to `last`. Anything else fails and gives 0. */
export function readDefinedNumber(last: u32): u32 {
  const number = readVarintUpTo(last);
  if (number == 0) fail(VALUE_OUT_OF_RANGE);
  return number;
}

/** Reads the length of the bytes that follow, which must lie within the block. */
export function readLength(): u32 {
  const length = readVarint();
  if (position <= end && length <= <u64>(end - position)) return <u32>length;
  fail(RECORD_TOO_LONG, length);
  return 0;
}

export function skip(length: u32): void {
  position += length;
}
