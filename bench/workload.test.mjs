// Run by Mocha, in a process of its own for each run: one workload in one mode.
import { writeFileSync } from 'node:fs';
import { setFlagsFromString } from 'node:v8';
import { runInNewContext } from 'node:vm';
import { after, before, describe, it } from 'mocha';
import { modes } from './modes.mjs';
import { readPeakRss } from './peak-rss.mjs';
import { workloads } from './workloads/index.mjs';

const { BENCH_WORKLOAD, BENCH_MODE, BENCH_RESULT = '' } = process.env;
const workload = find(workloads, BENCH_WORKLOAD);
const mode = find(modes, BENCH_MODE);

describe('bench', function () {
  mode.limit?.(this);
  /** @type {() => unknown} */
  let body;
  /** @type {ReturnType<typeof look>} */
  let start;
  /** @type {ReturnType<typeof look> | undefined} */
  let end;

  before(async () => {
    body = await workload.prepare();
    await mode.start?.();
    collectGarbage();
    start = look();
  });

  if (workload.emptyTests) {
    for (let i = 0; i < workload.emptyTests; i++) it(`is empty ${i}`, () => {});
  } else {
    it('runs', async () => {
      start = look();
      await body();
      end = look();
    });
  }

  after(() => report(start, end ?? look()));
});

/**
 * @template {{ name: string }} T
 * @param {T[]} list
 * @param {string | undefined} name
 * @returns {T}
 */
function find(list, name) {
  const found = list.find((each) => each.name === name);
  if (!found) throw new Error(`Expected one of ${list.map((each) => each.name)}, got ${name}.`);
  return found;
}

/**
 * So that each body begins with the same heap. Else start-up comes near to V8's first full collection, and chance
 * says whether that is over before the body, slows it down, or waits until it has ended.
 */
function collectGarbage() {
  setFlagsFromString('--expose-gc');
  runInNewContext('gc')();
  setFlagsFromString('--no-expose-gc');
}

function look() {
  const { user, system } = process.cpuUsage();
  return {
    wallMs: performance.now(),
    cpuMs: (user + system) / 1000,
    rssBytes: process.memoryUsage.rss(),
    peakRssBytes: readPeakRss(),
  };
}

/**
 * @param {ReturnType<typeof look>} start
 * @param {ReturnType<typeof look>} end
 */
function report(start, end) {
  const result = {
    startUpMs: start.wallMs,
    wallMs: end.wallMs - start.wallMs,
    cpuMs: end.cpuMs - start.cpuMs,
    afterMs: performance.now() - end.wallMs,
    grownBytes: end.rssBytes - start.rssBytes,
    peakRssBytes: end.peakRssBytes,
  };
  writeFileSync(BENCH_RESULT, JSON.stringify(result));
}
