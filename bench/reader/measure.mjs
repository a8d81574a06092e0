// How fast captures are read, and what memory that takes. The captures are real ones.
import { mkdtempSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { run } from '../../scripts/run.mjs';
import { median } from '../comparison.mjs';

const MILLION = 1e6;
const FEW_BLOCKS = 1000;
const MANY_BLOCKS = 2 * MILLION;

const cases = [
  { name: '1M', liveBlocks: FEW_BLOCKS, events: MILLION },
  { name: '10M', liveBlocks: FEW_BLOCKS, events: 10 * MILLION },
  { name: '10M-live', liveBlocks: MANY_BLOCKS, events: 10 * MILLION },
  { name: '100M', liveBlocks: FEW_BLOCKS, events: 100 * MILLION },
];

/**
 * @typedef {object} Reading
 * @property {string} name
 * @property {number} liveBlocks
 * @property {number} events
 * @property {number} captureBytes
 * @property {number} ms for the high-water mark, the leaks and the totals
 * @property {number} memoryBytes how much peak rss grew by
 */

/**
 * @param {string} node
 * @param {number} runs of each capture
 * @param {number} maxEvents longer captures are left out
 * @returns {Promise<Reading[]>}
 */
export async function measureReader(node, runs, maxEvents) {
  const folder = mkdtempSync(join(tmpdir(), 'memray-mocha-bench-'));
  const file = join(folder, 'churn.bin');
  /** @type {Reading[]} */
  const readings = [];
  try {
    for (const each of cases.filter(({ events }) => events <= maxEvents)) {
      const { name, liveBlocks, events } = each;
      process.stderr.write(`reader: ${name}\n`);
      await run(node, [script('write-capture'), file, String(liveBlocks), String(events)]);
      /** @type {Reading[]} */
      const ofFile = [];
      for (let i = 0; i < runs; i++) {
        ofFile.push(JSON.parse(await run(node, [script('read-capture'), file], { quiet: true })));
      }
      const ms = median(ofFile.map((reading) => reading.ms));
      const memoryBytes = median(ofFile.map((reading) => reading.memoryBytes));
      readings.push({
        name,
        liveBlocks,
        events,
        captureBytes: statSync(file).size,
        ms,
        memoryBytes,
      });
    }
  } finally {
    rmSync(folder, { recursive: true });
  }
  return readings;
}

/** @param {string} name */
function script(name) {
  return join(import.meta.dirname, `${name}.mjs`);
}
