'use strict';

// Runs one body in this process, as one test would, and prints what its memory is by each method:
//
//   node measure.js <name of the body> [--warm]     --warm runs it once before
const { parseArgs } = require('node:util');
const { Tracker } = require('../../dist');
const { bodies, findLine, release } = require('./bodies');

const LEAK_SAMPLE_INTERVAL_BYTES = 256; // as with limitLeaks('1 MB')

/** @param {import('./bodies').Body} body */
async function measure(body) {
  const tracker = new Tracker(
    body.leaks
      ? { jsHeap: true, native: true, sampleIntervalBytes: LEAK_SAMPLE_INTERVAL_BYTES }
      : { jsHeap: true },
  );
  tracker.start();
  await body.run();
  if (body.leaks) {
    // As in src/mocha/tracked-test.ts.
    for (let round = 0; round < 2; round++) {
      await new Promise((resolve) => setImmediate(resolve));
      Tracker.collectGarbage();
    }
  }
  const reader = tracker.stop();
  const statistics = reader.statistics();
  const result = {
    statistics,
    peakByLine: sumByLine(reader.highWaterMark()),
    leaksByLine: sumByLine(reader.leaks()),
  };
  reader.close();
  return result;
}

/** Bytes by the line of bodies.js that allocated them, and those of none. */
function sumByLine(rows) {
  const sums = {};
  for (const { bytes, stack } of rows) {
    const frame = stack.frames.find(
      ({ filename, kind }) => kind === 'js' && !filename.startsWith('node:') && filename !== '',
    );
    const line = frame?.filename.endsWith('bodies.js')
      ? frame.lineNumber
      : (stack.frames[0]?.functionName ?? '');
    sums[line] = (sums[line] ?? 0) + bytes;
  }
  return sums;
}

/** What people do without this package. */
async function measureProcess(body) {
  const before = process.memoryUsage();
  await body.run();
  const after = process.memoryUsage();
  return { heapUsedBytes: after.heapUsed - before.heapUsed, rssBytes: after.rss - before.rss };
}

async function main() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { warm: { type: 'boolean' }, process: { type: 'boolean' } },
  });
  const body = bodies.find(({ name }) => name === positionals[0]);
  if (!body) throw new Error(`Expected the name of a body, got \`${positionals[0]}\`.`);
  if (values.warm) {
    await body.run();
    release();
  }
  const result = values.process ? await measureProcess(body) : await measure(body);
  console.log(JSON.stringify(result));
  // Timers and workers must not keep it.
  process.exit(0);
}

module.exports = { findLine };
void main();
