/**
 * An allocation site is what allocations are summed by while the capture is read: a recorded
 * call stack, a thread and a heap. Nearly always a call stack has one site, so each call stack
 * keeps a list of its sites, not a hash table.
 */
import { getRecordedCallStack } from './frame-tree';
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
  /** The call stack's next site, 0 at the list's end. */
  next: u32;
}

const sites = new Table(offsetof<Site>());

export function lastSite(): u32 {
  return sites.last;
}

export function getSite(number: u32): Site {
  return changetype<Site>(sites.at(number));
}

/** The number of a site, which is made when it is new. */
export function findSite(callStack: u32, thread: u32, isJs: bool): u32 {
  const owner = getRecordedCallStack(callStack);
  for (let number = owner.firstSite; number != 0;) {
    const site = getSite(number);
    if (site.thread == thread && site.isJs == <u32>isJs) return number;
    number = site.next;
  }
  const number = sites.add();
  const site = getSite(number);
  site.callStack = callStack;
  site.thread = thread;
  site.isJs = isJs;
  site.next = owner.firstSite;
  owner.firstSite = number;
  return number;
}
