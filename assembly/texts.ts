/**
 * Texts are UTF-8 bytes. The capture's own strings are kept as they came; texts of the result
 * (a function's name within V8's name of its code, say) are numbered by what they say, and
 * point into the capture's strings where they can.
 */
import { position, readLength, readVarintUpTo, skip } from './byte-cursor';
import { seed } from './hash';
import { PairIndex } from './pair-index';
import { Table } from './table';

@unmanaged
export class Text {
  bytes: usize;
  length: u32;
}

const FNV_PRIME: u64 = 0x100000001b3;
const FNV_OFFSET: u64 = 0xcbf29ce484222325;

const strings = new Table(offsetof<Text>());
const numbers = new PairIndex();
/** Text n is what pair n of `numbers` was made of. */
const texts = new Table(offsetof<Text>());

/** STRING: defines the next string. */
export function defineString(): void {
  const length = readLength();
  const string = getString(strings.add());
  string.bytes = copyBytes(position, length);
  string.length = length;
  skip(length);
}

/** Reads the number of a string that is defined. */
export function readStringNumber(): u32 {
  return readVarintUpTo(strings.last);
}

export function getString(number: u32): Text {
  return changetype<Text>(strings.at(number));
}

export function lastText(): u32 {
  return texts.last;
}

export function getText(number: u32): Text {
  return changetype<Text>(texts.at(number));
}

/** Reads a `str` and gives its number among the result's texts. */
export function readText(): u32 {
  const length = readLength();
  const bytes = copyBytes(position, length);
  skip(length);
  return addText(bytes, length);
}

/** The text of a string of the capture. */
export function addStringText(number: u32): u32 {
  const string = getString(number);
  return addText(string.bytes, string.length);
}

/** A text of this program: ASCII. */
export function addOwnText(own: string): u32 {
  const bytes = heap.alloc(own.length);
  for (let i = 0; i < own.length; i++) store<u8>(bytes + i, own.charCodeAt(i));
  return addText(bytes, own.length);
}

/** The number of the text with these bytes, which must stay where they are; 0 for no bytes. */
export function addText(bytes: usize, length: u32): u32 {
  if (length == 0) return 0;
  let hash = hashBytes(bytes, length);
  while (true) {
    const known = numbers.last;
    const number = numbers.add(<u32>hash, <u32>(hash >> 32));
    if (number > known) {
      const text = getText(texts.add());
      text.bytes = bytes;
      text.length = length;
      return number;
    }
    if (equals(getText(number), bytes, length)) return number;
    hash++;
  }
}

function equals(text: Text, bytes: usize, length: u32): bool {
  return text.length == length && memory.compare(text.bytes, bytes, length) == 0;
}

function copyBytes(bytes: usize, length: u32): usize {
  const copy = heap.alloc(length);
  memory.copy(copy, bytes, length);
  return copy;
}

function hashBytes(bytes: usize, length: u32): u64 {
  let hash = FNV_OFFSET ^ seed;
  for (let i: u32 = 0; i < length; i++) hash = (hash ^ load<u8>(bytes + i)) * FNV_PRIME;
  return hash;
}
