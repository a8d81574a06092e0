'use strict';

// Runs one body in this process, as one test would, and prints what its memory is by each method:
//
//   node measure.js <name of the body>
//   node measure.js <name of the body> --process     as people do without this package
//   node measure.js <name of the body> --snapshot    by V8's heap snapshots
const { parseArgs } = require('node:util');
const { getHeapSnapshot } = require('node:v8');
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
  // So that garbage that reaches it is collected.
  if (body.atMostBytes) tracker.setMemoryLimit(body.atMostBytes);
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
    peak: body.peak,
    leaks: body.leaks ?? {},
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

/** What the body keeps by V8's own account: the sizes of all that a heap snapshot has. */
async function measureSnapshot(body) {
  await sumSnapshot(); // what the first one leaves behind
  await body.run();
  const kept = await sumSnapshot();
  release();
  const sum = Object.values(body.leaks).reduce((total, { bytes }) => total + bytes, 0);
  return {
    keptBytes: kept - (await sumSnapshot()),
    truthBytes: sum - (body.bytesOutsideSnapshots ?? 0),
  };
}

/** A snapshot is of live objects only. */
async function sumSnapshot() {
  let text = '';
  for await (const chunk of getHeapSnapshot()) text += chunk;
  const { snapshot, nodes } = JSON.parse(text);
  const { node_fields: fields, node_types: types } = snapshot.meta;
  const [type, size] = [fields.indexOf('type'), fields.indexOf('self_size')];
  const code = types[type].indexOf('code');
  let sum = 0;
  for (let node = 0; node < nodes.length; node += fields.length) {
    if (nodes[node + type] !== code) sum += nodes[node + size];
  }
  return sum;
}

async function main() {
  const { positionals, values } = parseArgs({
    allowPositionals: true,
    options: { process: { type: 'boolean' }, snapshot: { type: 'boolean' } },
  });
  const body = bodies.find(({ name }) => name === positionals[0]);
  if (!body) throw new Error(`Expected the name of a body, got \`${positionals[0]}\`.`);
  const result = values.process
    ? await measureProcess(body)
    : values.snapshot
      ? await measureSnapshot(body)
      : await measure(body);
  console.log(JSON.stringify(result));
  // Timers and workers must not keep it.
  process.exit(0);
}

module.exports = { findLine };
void main();
