/**
 * An allocation site is what allocations are summed by while the capture is read: a recorded
 * call stack, a thread and a heap. Nearly always a call stack has one site, so each call stack
 * keeps its latest one, and the others are looked for only where it is another.
 */
import { getRecordedCallStack } from './frame-tree';
import { PairIndex } from './pair-index';
import { Table } from './table';

@unmanaged
export class Site {
  liveBytes: u64;
  /** What was live at the peak numbered `peak`: high-water-mark.ts says when this is true. */
  peakBytes: u64;
  peak: u64;
  /** What was live at the latest mark. */
  markedBytes: u64;
  /** Everything ever allocated. */
  totalBytes: u64;
  totalCount: u64;
  liveCount: u32;
  peakCount: u32;
  callStack: u32;
  thread: u32;
  isJs: u32;
}

const sites = new Table(offsetof<Site>());
/** (call stack, thread and heap) -> the number of a site. */
const numbers = new PairIndex();

export function lastSite(): u32 {
  return sites.last;
}

export function getSite(number: u32): Site {
  return changetype<Site>(sites.at(number));
}

/** The number of a site, which is made when it is new. */
export function findSite(callStack: u32, thread: u32, isJs: bool): u32 {
  const owner = getRecordedCallStack(callStack);
  const latest = owner.latestSite;
  const site = getSite(latest);
  if (latest != 0 && site.thread == thread && site.isJs == <u32>isJs) return latest;
  const number = numbers.add(callStack, (thread << 1) | (<u32>isJs));
  owner.latestSite = number;
  if (number > sites.last) {
    const site = getSite(sites.add());
    site.callStack = callStack;
    site.thread = thread;
    site.isJs = isJs;
  }
  return number;
}
