// What targets.json asks, beside what was measured.
import { readFileSync } from 'node:fs';
import { join } from 'node:path';

/** @import { Results } from './results-file.mjs' */

/**
 * @typedef {object} Target
 * @property {string} measure
 * @property {string} [workload] a comparison; or
 * @property {string} [reading] a capture that was read
 * @property {string} [mode]
 * @property {string} metric
 * @property {string} [versus] the workload or reading that it is divided by
 * @property {number} [atMost]
 * @property {number} [atLeast]
 * @property {string} [elsewhere] the best that was found of others
 * @property {string} [ifMissed] the reason, and the next idea
 */

/** @type {Target[]} */
export const targets = JSON.parse(readFileSync(join(import.meta.dirname, 'targets.json'), 'utf8'));

/**
 * Computed from a reading, or from a comparison with the row of the target's mode.
 *
 * @type {Record<string, { unit: string, digits: number, of: (each: any, versus: any) => number }>}
 */
const metrics = {
  wallRatio: { unit: 'x', digits: 2, of: (each) => each.wallRatio },
  addedStartUpMs: { unit: ' ms', digits: 0, of: (each) => each.addedStartUpMs },
  addedMsPerTest: { unit: ' ms', digits: 2, of: (each) => each.addedMs / each.emptyTests },
  addedNsPerEvent: { unit: ' ns an event', digits: 0, of: (each) => each.addedNsPerEvent },
  addedBytesPerLiveBlock: {
    unit: ' B',
    digits: 0,
    of: (each) => each.addedBytes / each.liveBlocks,
  },
  wallPerEventRatio: {
    unit: 'x',
    digits: 2,
    of: (each, versus) => each.wallMs / each.events / (versus.wallMs / versus.events),
  },
  captureBytesPerEvent: { unit: ' B', digits: 1, of: (each) => each.captureBytes / each.events },
  millionEventsPerSecond: {
    unit: ' million/s',
    digits: 1,
    of: (each) => each.events / 1000 / each.ms,
  },
  memoryBytesPerLiveBlock: {
    unit: ' B',
    digits: 0,
    of: (each) => each.memoryBytes / each.liveBlocks,
  },
  timeRatio: { unit: 'x', digits: 1, of: (each, versus) => each.ms / versus.ms },
  memoryRatio: {
    unit: 'x',
    digits: 2,
    of: (each, versus) => each.memoryBytes / versus.memoryBytes,
  },
};

/** @param {Target} target */
export function formatGoal({ metric, atMost, atLeast }) {
  return atMost === undefined ? `>= ${atLeast}${unitOf(metric)}` : `<= ${atMost}${unitOf(metric)}`;
}

/**
 * What was measured, as text, and whether it meets the target; undefined when it was not measured.
 *
 * @param {Target} target
 * @param {Results} results
 */
export function judge({ workload, reading, mode, metric, versus, atMost, atLeast }, results) {
  const name = workload ?? reading ?? '';
  const each = findNumbers(results, name, mode);
  const other = versus === undefined ? {} : findNumbers(results, versus, mode);
  const value = each && other && metrics[metric]?.of(each, other);
  if (value === undefined || Number.isNaN(value)) return undefined;
  return {
    text: `${value.toFixed(metrics[metric]?.digits)}${unitOf(metric)}`,
    isMet: value <= (atMost ?? Infinity) && value >= (atLeast ?? -Infinity),
  };
}

/**
 * @param {Results} results
 * @param {string} name
 * @param {string | undefined} mode
 */
function findNumbers({ comparisons, readings }, name, mode) {
  const reading = readings.find((each) => each.name === name);
  if (reading) return reading;
  const comparison = comparisons.find((each) => each.name === name);
  const row = comparison?.rows.find((each) => each.name === mode);
  return mode === undefined || row ? comparison && { ...comparison, ...row } : undefined;
}

/** @param {string} metric */
function unitOf(metric) {
  return metrics[metric]?.unit ?? '';
}
