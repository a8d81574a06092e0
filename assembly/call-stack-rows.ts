/**
 * The rows of a result: sites summed per call stack as a reader sees it, thread and heap. One
 * sum is of what was live at the peak, one of what still is (the leaks), one of everything.
 */
import { getSite, lastSite, Site } from './allocation-sites';
import { addNativeCaller, getCallStack, getLineStack, getRecordedCallStack } from './frame-tree';
import { isTold, notePeak, peakJsBytes } from './high-water-mark';
import { nativeFrames } from './metadata';
import { PairIndex } from './pair-index';
import { Table } from './table';

export const HIGH_WATER_MARK: u32 = 0;
export const LEAKS: u32 = 1;
export const ALLOCATIONS: u32 = 2;

@unmanaged
export class Row {
  bytes: f64;
  count: f64;
  /** What was live at the latest mark. */
  markedBytes: f64;
  /** What the largest contributor shows: its call stack, and the text of its native caller. */
  callStack: u32;
  nativeCaller: u32;
  /** 0 when the row sums several. */
  thread: u32;
  isJs: u32;
  /** The largest contributor's bytes. */
  largest: f64;
}

let measuredBytes: f64 = 0;
let measuredCount: f64 = 0;

/**
 * Sums what a measure says of the sites; those it says nothing of make no row. But what is marked
 * counts where a row is of several sites, as when V8 has compiled a function meanwhile: of leaks
 * there are rows of nothing, too.
 */
export function sumRows(measure: u32, splitByNativeFrames: bool, mergeThreads: bool): Table {
  const rows = new Table(offsetof<Row>());
  const numbers = new PairIndex();
  for (let i: u32 = 1; i <= lastSite(); i++) {
    const site = getSite(i);
    measureSite(site, measure);
    if (measuredCount == 0 && (measure != LEAKS || site.markedBytes == 0)) continue;
    const identity = getLineStack(
      getCallStack(site.callStack, splitByNativeFrames && nativeFrames),
    );
    const threadAndHeap = mergeThreads ? site.isJs : (site.thread << 1) | site.isJs;
    const number = numbers.add(identity, threadAndHeap);
    if (number > rows.last) startRow(changetype<Row>(rows.at(rows.add())), site);
    addToRow(changetype<Row>(rows.at(number)), site);
  }
  return rows;
}

function measureSite(site: Site, measure: u32): void {
  if (measure == HIGH_WATER_MARK) {
    notePeak(site);
    // Samples tell of peaks that are told, and not where the JS heap was taken for none.
    const counts = (isTold && peakJsBytes > 0) || site.isJs == 0;
    measuredBytes = counts ? <f64>site.peakBytes : 0;
    measuredCount = counts ? <f64>site.peakCount : 0;
  } else if (measure == LEAKS) {
    measuredBytes = <f64>site.liveBytes;
    measuredCount = <f64>site.liveCount;
  } else {
    measuredBytes = <f64>site.totalBytes;
    measuredCount = <f64>site.totalCount;
  }
}

function startRow(row: Row, site: Site): void {
  row.isJs = site.isJs;
  row.largest = -1;
}

function addToRow(row: Row, site: Site): void {
  row.bytes += measuredBytes;
  row.count += measuredCount;
  row.markedBytes += <f64>site.markedBytes;
  if (measuredCount == 0) return;
  if (row.largest < 0) row.thread = site.thread;
  else if (row.thread != site.thread) row.thread = 0;
  if (measuredBytes <= row.largest) return;
  row.largest = measuredBytes;
  row.callStack = getCallStack(site.callStack, nativeFrames);
  row.nativeCaller = addNativeCaller(getRecordedCallStack(site.callStack));
}
