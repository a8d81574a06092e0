/**
 * The live mappings: ranges that never overlap. They are a treap, a search tree by address in which
 * a node's priority is at most its parent's. Priorities are as good as random, so the tree is about
 * as deep as it can be expected to be of random order, in whatever order mappings come: Linux maps
 * each below the one before, and buffers grow upwards. R. Seidel, C. Aragon, "Randomized Search
 * Trees", 1996.
 */
import { hash } from './hash';
import { Table } from './table';

@unmanaged
class Mapping {
  start: u64;
  end: u64;
  site: u32;
  priority: u32;
  /** The mappings below in the tree: before this one, of a free record the next one; and behind. */
  left: u32;
  right: u32;
}

/** What a call of `endRange` took from a site. */
@unmanaged
export class EndedPart {
  bytes: u64;
  site: u32;
  /** By how many the site's ranges become fewer: -1 where one was cut in two. */
  pieces: i32;
}

const mappings = new Table(offsetof<Mapping>());
const endedParts = new Table(offsetof<EndedPart>());
let root: u32 = 0;
let firstFree: u32 = 0;

/** The trees that `split` made of one. */
let leftTree: u32 = 0;
let rightTree: u32 = 0;

export function getEndedPart(number: u32): EndedPart {
  return changetype<EndedPart>(endedParts.at(number));
}

/** Puts a mapping in, whose range `endRange` has cleared. */
export function putMapping(start: u64, end: u64, site: u32): void {
  const number = addRecord();
  const mapping = getMapping(number);
  mapping.start = start;
  mapping.end = end;
  mapping.site = site;
  mapping.priority = prioritize(start);
  mapping.left = 0;
  mapping.right = 0;
  split(root, start);
  root = join(join(leftTree, number), rightTree);
}

/** Ends all mappings, or parts of them, in a range. Gives the number of ended parts, from 1. */
export function endRange(start: u64, end: u64): u32 {
  endedParts.last = 0;
  const last = findBefore(end);
  if (start == end || last == 0 || getMapping(last).end <= start) return 0;
  cut(start);
  cut(end);
  split(root, end);
  const behind = rightTree;
  split(leftTree, start);
  root = join(leftTree, behind);
  endAll(rightTree);
  return endedParts.last;
}

/** The last mapping that begins before an address, 0 if there is none. */
function findBefore(address: u64): u32 {
  let found: u32 = 0;
  let number = root;
  while (number != 0) {
    const mapping = getMapping(number);
    if (mapping.start < address) found = number;
    number = mapping.start < address ? mapping.right : mapping.left;
  }
  return found;
}

/** Makes two of the mapping around an address. */
function cut(address: u64): void {
  const number = findBefore(address);
  if (number == 0 || getMapping(number).end <= address) return;
  const mapping = getMapping(number);
  const end = mapping.end;
  mapping.end = address;
  noteEnded(mapping.site, 0, -1);
  putMapping(address, end, mapping.site);
}

function endAll(number: u32): void {
  if (number == 0) return;
  const mapping = getMapping(number);
  endAll(mapping.left);
  endAll(mapping.right);
  noteEnded(mapping.site, mapping.end - mapping.start, 1);
  mapping.left = firstFree;
  firstFree = number;
}

function noteEnded(site: u32, bytes: u64, pieces: i32): void {
  const part = getEndedPart(endedParts.add());
  part.bytes = bytes;
  part.site = site;
  part.pieces = pieces;
}

/** Makes two trees of one: of what begins before an address, and of the rest. */
function split(number: u32, address: u64): void {
  leftTree = 0;
  rightTree = 0;
  if (number == 0) return;
  const mapping = getMapping(number);
  if (mapping.start < address) {
    split(mapping.right, address);
    mapping.right = leftTree;
    leftTree = number;
  } else {
    split(mapping.left, address);
    mapping.left = rightTree;
    rightTree = number;
  }
}

/** Makes one tree of two, the first of which is of lower addresses. */
function join(left: u32, right: u32): u32 {
  if (left == 0) return right;
  if (right == 0) return left;
  const lower = getMapping(left);
  const upper = getMapping(right);
  if (lower.priority > upper.priority) {
    lower.right = join(lower.right, right);
    return left;
  }
  upper.left = join(left, upper.left);
  return right;
}

/** Twice, as the hashes of addresses at even distances come in order where one is nearly the next. */
function prioritize(start: u64): u32 {
  return <u32>(hash(hash(start) >> 32) >> 32);
}

function addRecord(): u32 {
  if (firstFree == 0) return mappings.add();
  const number = firstFree;
  firstFree = getMapping(number).left;
  return number;
}

function getMapping(number: u32): Mapping {
  return changetype<Mapping>(mappings.at(number));
}
