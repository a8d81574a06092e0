/**
 * Hands tables of the result to the host, as stretches of linear memory that it copies whole.
 * The layout of their records is in the constants below, which the host reads from the module:
 * it is written down only here. Record 0 of each table is "none" and comes along.
 */
import { Row, sumRows } from './call-stack-rows';
import { NODE_BYTES, NODE_CALLER_OFFSET, NODE_FRAME_OFFSET } from './call-tree';
import { callStacks, Frame, frames } from './frame-tree';
import { MetadataEntry, metadataEntries } from './metadata';
import { getAllocatorTotals, getBucket } from './statistics';
import { Table } from './table';
import { getText, lastText } from './texts';

export const ROW_BYTES: u32 = offsetof<Row>();
export const ROW_SIZE_OFFSET: u32 = offsetof<Row>('bytes');
export const ROW_COUNT_OFFSET: u32 = offsetof<Row>('count');
export const ROW_MARKED_OFFSET: u32 = offsetof<Row>('markedBytes');
export const ROW_CALL_STACK_OFFSET: u32 = offsetof<Row>('callStack');
export const ROW_NATIVE_CALLER_OFFSET: u32 = offsetof<Row>('nativeCaller');
export const ROW_THREAD_OFFSET: u32 = offsetof<Row>('thread');
export const ROW_IS_JS_OFFSET: u32 = offsetof<Row>('isJs');

export const FRAME_BYTES: u32 = offsetof<Frame>();
export const FRAME_FUNCTION_OFFSET: u32 = offsetof<Frame>('functionText');
export const FRAME_FILE_OFFSET: u32 = offsetof<Frame>('fileText');
export const FRAME_LINE_OFFSET: u32 = offsetof<Frame>('line');
export const FRAME_COLUMN_OFFSET: u32 = offsetof<Frame>('column');
export const FRAME_KIND_OFFSET: u32 = offsetof<Frame>('kind');

/** A call stack is its caller's call stack (0 at the outermost frame) and its frame. */
export const CALL_STACK_BYTES: u32 = NODE_BYTES;
export const CALL_STACK_CALLER_OFFSET: u32 = NODE_CALLER_OFFSET;
export const CALL_STACK_FRAME_OFFSET: u32 = NODE_FRAME_OFFSET;

export const METADATA_BYTES: u32 = offsetof<MetadataEntry>();
export const METADATA_KEY_OFFSET: u32 = offsetof<MetadataEntry>('key');
export const METADATA_VALUE_OFFSET: u32 = offsetof<MetadataEntry>('value');

let bytesShown: u32 = 0;

/** The length of what the last `show...` gave the address of. */
export function shownBytes(): u32 {
  return bytesShown;
}

export function showRows(measure: u32, splitByNativeFrames: bool, mergeThreads: bool): usize {
  return showTable(sumRows(measure, splitByNativeFrames, mergeThreads), ROW_BYTES);
}

export function showFrames(): usize {
  return showTable(frames, FRAME_BYTES);
}

export function showCallStacks(): usize {
  return showTable(callStacks.nodes, CALL_STACK_BYTES);
}

export function showMetadata(): usize {
  return showTable(metadataEntries, METADATA_BYTES);
}

/** Texts one after the other; `showTextEnds` says where each ends. After all rows: they add some. */
export function showTexts(): usize {
  let length: u32 = 0;
  for (let number: u32 = 1; number <= lastText(); number++) length += getText(number).length;
  const joined = heap.alloc(length);
  let to = joined;
  for (let number: u32 = 1; number <= lastText(); number++) {
    memory.copy(to, getText(number).bytes, getText(number).length);
    to += getText(number).length;
  }
  return show(joined, length);
}

/** The end of each text among the texts' bytes, a u32. */
export function showTextEnds(): usize {
  const ends = heap.alloc((lastText() + 1) * sizeof<u32>());
  let end: u32 = 0;
  for (let number: u32 = 0; number <= lastText(); number++) {
    end += getText(number).length;
    store<u32>(ends + number * sizeof<u32>(), end);
  }
  return show(ends, (lastText() + 1) * sizeof<u32>());
}

export function countAllocations(allocator: u32): f64 {
  return <f64>getAllocatorTotals(allocator).count;
}

export function sumAllocations(allocator: u32): f64 {
  return <f64>getAllocatorTotals(allocator).bytes;
}

export function countSizesInBucket(bucket: u32): f64 {
  return <f64>getBucket(bucket);
}

function showTable(table: Table, recordBytes: u32): usize {
  return show(table.base, (table.last + 1) * recordBytes);
}

function show(address: usize, bytes: u32): usize {
  bytesShown = bytes;
  return address;
}
