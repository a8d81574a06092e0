/**
 * The live mappings: ranges that never overlap, sorted by address. There are hundreds of them
 * where there are millions of blocks, so an array with binary search does.
 */
import { Table } from './table';

@unmanaged
class Mapping {
  start: u64;
  end: u64;
  site: u32;
}

/** What a call of `endRange` took from a site. */
@unmanaged
export class EndedPart {
  bytes: u64;
  site: u32;
  /** By how many the site's ranges become fewer: -1 when one was split. */
  pieces: i32;
}

const MAPPING_BYTES: u32 = offsetof<Mapping>();

const mappings = new Table(MAPPING_BYTES);
const endedParts = new Table(offsetof<EndedPart>());

export function getEndedPart(number: u32): EndedPart {
  return changetype<EndedPart>(endedParts.at(number));
}

/** Puts a mapping in, whose range `endRange` has cleared. */
export function putMapping(start: u64, end: u64, site: u32): void {
  insert(findBehind(start), start, end, site);
}

/** Ends all mappings, or parts of them, in a range. Gives the number of ended parts, from 1. */
export function endRange(start: u64, end: u64): u32 {
  endedParts.last = 0;
  let number = findBehind(start);
  if (start == end || number > mappings.last || getMapping(number).start >= end) return 0;
  if (getMapping(number).start < start) {
    if (getMapping(number).end > end) split(number, end);
    noteEnded(getMapping(number), start, getMapping(number).end, 0);
    getMapping(number).end = start;
    number++;
  }
  const firstWhole = number;
  while (number <= mappings.last && getMapping(number).end <= end) {
    noteEnded(getMapping(number), getMapping(number).start, getMapping(number).end, 1);
    number++;
  }
  remove(firstWhole, number);
  if (firstWhole <= mappings.last && getMapping(firstWhole).start < end) {
    noteEnded(getMapping(firstWhole), getMapping(firstWhole).start, end, 0);
    getMapping(firstWhole).start = end;
  }
  return endedParts.last;
}

/** The number of the first mapping that ends behind an address. */
function findBehind(address: u64): u32 {
  let low: u32 = 1;
  let high = mappings.last + 1;
  while (low < high) {
    const middle = (low + high) >> 1;
    if (getMapping(middle).end > address) high = middle;
    else low = middle + 1;
  }
  return low;
}

function split(number: u32, address: u64): void {
  insert(number + 1, address, getMapping(number).end, getMapping(number).site);
  getMapping(number).end = address;
  noteEnded(getMapping(number), address, address, -1);
}

function noteEnded(mapping: Mapping, start: u64, end: u64, pieces: i32): void {
  const part = getEndedPart(endedParts.add());
  part.bytes = end - start;
  part.site = mapping.site;
  part.pieces = pieces;
}

function insert(number: u32, start: u64, end: u64, site: u32): void {
  const behind = mappings.add() - number;
  const address = mappings.at(number);
  memory.copy(address + MAPPING_BYTES, address, <usize>behind * MAPPING_BYTES);
  const mapping = getMapping(number);
  mapping.start = start;
  mapping.end = end;
  mapping.site = site;
}

function remove(from: u32, to: u32): void {
  const behind = mappings.last + 1 - to;
  memory.copy(mappings.at(from), mappings.at(to), <usize>behind * MAPPING_BYTES);
  mappings.last -= to - from;
}

function getMapping(number: u32): Mapping {
  return changetype<Mapping>(mappings.at(number));
}
