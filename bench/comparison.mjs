// What is made of the runs of one workload.

/** @import { Measurement } from './launch.mjs' */
/** @import { Mode } from './modes.mjs' */
/** @import { Workload } from './workloads/index.mjs' */

/**
 * @typedef {object} Pair of runs, one right after the other
 * @property {Measurement} tracked
 * @property {Measurement} untracked
 */

/**
 * @typedef {object} Row of a mode; ratios and what is added are medians of those of each pair
 * @property {string} name
 * @property {string} title
 * @property {number} runs
 * @property {number} wallMs
 * @property {number} wallRatio
 * @property {number} cpuRatio
 * @property {number} rssRatio of peaks
 * @property {number} addedMs
 * @property {number} addedAfterMs
 * @property {number} addedStartUpMs
 * @property {number} addedBytes how much more rss has grown by
 * @property {number} [addedNsPerEvent]
 * @property {string} [node] the version; of results that are kept
 * @property {string} [date] when it was measured, `YYYY-MM-DD`; of results that are kept
 */

/**
 * @typedef {object} Comparison
 * @property {string} name
 * @property {string} title
 * @property {number} [events] allocations and deallocations
 * @property {number} [captureBytes]
 * @property {number} [emptyTests]
 * @property {number} [liveBlocks]
 * @property {Row[]} rows the first is untracked
 * @property {{ mode: string, message: string }[]} failures
 */

/**
 * @param {Mode} mode
 * @param {Pair[]} pairs
 * @param {number} [events]
 * @returns {Row}
 */
export function compare(mode, pairs, events) {
  const add = (/** @type {keyof Measurement} */ key) =>
    median(pairs.map(({ tracked, untracked }) => tracked[key] - untracked[key]));
  const divide = (/** @type {keyof Measurement} */ key) =>
    median(pairs.map(({ tracked, untracked }) => tracked[key] / untracked[key]));
  const addedMs = add('wallMs');
  return {
    name: mode.name,
    title: mode.title,
    runs: pairs.length,
    wallMs: median(pairs.map(({ tracked }) => tracked.wallMs)),
    wallRatio: divide('wallMs'),
    cpuRatio: divide('cpuMs'),
    rssRatio: divide('peakRssBytes'),
    addedMs,
    addedAfterMs: add('afterMs'),
    addedStartUpMs: add('startUpMs'),
    addedBytes: add('grownBytes'),
    ...(events && mode.seesMalloc && { addedNsPerEvent: (addedMs * 1e6) / events }),
  };
}

/** @param {number[]} values */
export function median(values) {
  const sorted = [...values].sort((a, b) => a - b);
  const middle = sorted.length / 2;
  return (at(sorted, Math.ceil(middle) - 1) + at(sorted, Math.floor(middle))) / 2;
}

/**
 * @template T
 * @param {T[]} list
 * @param {number} index
 * @returns {T}
 */
function at(list, index) {
  return /** @type {T} */ (list[index]);
}
