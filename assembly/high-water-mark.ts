/**
 * The moment of peak memory, and what was live then, exactly and in one pass.
 *
 * Peaks come in rows: while a program grows, each allocation is a new peak, and to note what all
 * sites hold at each would take forever. But from one peak to the next only few sites change.
 * So peaks are numbered, and each site notes what it held at the latest one only when it is
 * about to change for the first time after it: until then what it holds *is* what it held.
 *
 *     site.peak == peak    the site has changed since the peak: peakBytes is what it held then
 *     site.peak != peak    it has not: liveBytes is
 *
 * An event costs one comparison for this. At the end, one look at each site gives the peak's set.
 */
import { Site } from './allocation-sites';

export let liveBytes: u64 = 0;
export let peakBytes: u64 = 0;
/** The part of `peakBytes` that is the JS heap's. */
export let peakJsBytes: u64 = 0;
/** The largest total there was, garbage that was not collected included. */
export let rawPeakBytes: u64 = 0;
/** The same without native memory that was found to be garbage: it ends as it begins. */
export let recordedPeakBytes: u64 = 0;
/** The largest total that was seen right after garbage was collected. */
export let confirmedPeakBytes: u64 = 0;
/** What the JS heap held when it was last told. */
let jsBytes: u64 = 0;
/** Whether the capture says which moment the peak is; else it is the largest total. */
export let isTold: bool = false;
/** Whether a peak was told that is confirmed. */
let hasConfirmed: bool = false;
/** The number of the latest peak. */
let peak: u64 = 0;

/** A block, or a mapping, of that many bytes begins to live. */
export function grow(site: Site, bytes: u64): void {
  notePeak(site);
  site.liveBytes += bytes;
  site.liveCount++;
  liveBytes += bytes;
  noteTotal();
}

/** HEAP: the JS heap holds that much. */
export function changeJsHeap(bytes: u64): void {
  jsBytes = bytes;
  noteTotal();
}

/**
 * The capture says that this moment is a peak: it is the peak if none was higher. Garbage may have
 * made an unconfirmed one higher: that does not stand against a confirmed one after it.
 */
export function takePeak(isConfirmed: bool): void {
  const total = liveBytes + jsBytes;
  const isHighest = isConfirmed
    ? !hasConfirmed || total > confirmedPeakBytes
    : !isTold || total > peakBytes;
  if (isHighest) setPeak(total);
  isTold = true;
  if (!isConfirmed) return;
  confirmedPeakBytes = max(confirmedPeakBytes, total);
  hasConfirmed = true;
}

/** At the end: the largest total there was, of all threads. */
export function takeRawPeak(bytes: u64): void {
  rawPeakBytes = max(rawPeakBytes, bytes);
}

/** Objects that are left at the end. */
export function addLeaked(bytes: u64): void {
  liveBytes += bytes;
}

function noteTotal(): void {
  const total = liveBytes + jsBytes;
  if (total <= recordedPeakBytes) return;
  recordedPeakBytes = rawPeakBytes = total;
  if (!isTold) setPeak(total);
}

function setPeak(total: u64): void {
  peakBytes = total;
  peakJsBytes = jsBytes;
  peak++;
}

/** Bytes of a site end. `pieces` is by how many its live blocks or ranges become fewer. */
export function shrink(site: Site, bytes: u64, pieces: i32): void {
  notePeak(site);
  site.liveBytes -= bytes;
  site.liveCount -= pieces;
  liveBytes -= bytes;
}

/** Makes `peakBytes` and `peakCount` of a site what it held at the latest peak. */
export function notePeak(site: Site): void {
  if (site.peak == peak) return;
  site.peak = peak;
  site.peakBytes = site.liveBytes;
  site.peakCount = site.liveCount;
}
