/**
 * Reads integers from the block that is being read. There is one cursor, so its state is the
 * module's. Nothing here checks the end of the block at each byte: the block's owner keeps
 * READ_AHEAD bytes readable behind it, and checks at each record's end.
 */
import { VALUE_OUT_OF_RANGE, VARINT_TOO_LONG, RECORD_TOO_LONG, OK } from './error-codes';
import { MAX_SIZE, MAX_TEXT_LENGTH } from './records';

/** How far behind a block's end its last, broken record may make a reader look. */
export const READ_AHEAD: u32 = 256;

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
  failAt(position, code, detail);
}

/** The same, for what was found where the cursor is not. */
export function failAt(address: usize, code: u32, detail: u64 = 0): void {
  if (failure == OK) {
    failure = code;
    failureDetail = <f64>detail;
    failurePosition = address;
  }
  position = end;
}

/** Goes on behind what was read without the cursor, unless that failed. */
export function continueAt(address: usize): void {
  if (failure == OK) position = address;
}

export function peekByte(): u32 {
  return load<u8>(position);
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
  const length = Varint.findLength(position);
  const value = Varint.decode(position, length);
  position += length;
  return value;
}

/**
 * Varints in memory. They are static methods, not functions, since a formatter of TypeScript knows
 * decorators of those only; and inlined, since every hot record has one or two.
 */
export class Varint {
  /**
   * How many bytes there are: finds the first without a continuation bit among eight at once. A
   * branch for each would be slower, as their number is hard to predict.
   */
  @inline static findLength(address: usize): u32 {
    const ends = ~load<u64>(address) & 0x8080808080808080;
    return ends != 0 ? ((<u32>ctz(ends)) >> 3) + 1 : findLongVarintLength(address);
  }

  /** Closes the gaps between the groups of seven bits. */
  @inline static decode(address: usize, length: u32): u64 {
    if (length > 8) return decodeLongVarint(address, length);
    let bits = load<u64>(address) & ((<u64>0x7f7f7f7f7f7f7f7f) >> (64 - 8 * length));
    bits = (bits & 0x007f007f007f007f) | ((bits & 0x7f007f007f007f00) >> 1);
    bits = (bits & 0x00003fff00003fff) | ((bits & 0x3fff00003fff0000) >> 2);
    return (bits & 0x000000000fffffff) | ((bits & 0x0fffffff00000000) >> 4);
  }
}

function findLongVarintLength(address: usize): u32 {
  if (load<u8>(address, 8) < 0x80) return 9;
  if (load<u8>(address, 9) > 1) failAt(address, VARINT_TOO_LONG);
  return 10;
}

function decodeLongVarint(address: usize, length: u32): u64 {
  let value: u64 = 0;
  for (let i: u32 = 0; i < length; i++) value |= (<u64>(load<u8>(address + i) & 0x7f)) << (7 * i);
  return value;
}

export function readZigZag(): i64 {
  return toSigned(readVarint());
}

/** What a zig-zag number stands for. */
export function toSigned(value: u64): i64 {
  return (<i64>(value >> 1)) ^ -(<i64>(value & 1));
}

/** Reads a number of at most `max`; anything else fails and gives 0, which every table has. */
export function readVarintUpTo(max: u32): u32 {
  const value = readVarint();
  if (value <= max) return <u32>value;
  fail(VALUE_OUT_OF_RANGE, value);
  return 0;
}

/** Reads a number of bytes. */
export function readSize(): u64 {
  const size = readVarint();
  if (size > MAX_SIZE) fail(VALUE_OUT_OF_RANGE, size);
  return size;
}

/** Reads the number of something that is defined: 1 to `last`. Anything else fails and gives 0. */
export function readDefinedNumber(last: u32): u32 {
  const number = readVarintUpTo(last);
  if (number == 0) fail(VALUE_OUT_OF_RANGE);
  return number;
}

/** Reads the length of the text that follows, which must lie within the block. */
export function readLength(): u32 {
  const length = readVarintUpTo(MAX_TEXT_LENGTH);
  if (position <= end && length <= <u32>(end - position)) return length;
  fail(RECORD_TOO_LONG, length);
  return 0;
}

export function skip(length: u32): void {
  position += length;
}
