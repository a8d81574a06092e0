// One run: a workload in a mode, in a fresh process.
import { mkdtempSync, readdirSync, readFileSync, rmSync, statSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { CaptureReader } from '../dist/index.js';
import { root, run } from '../scripts/run.mjs';

/** @import { Mode } from './modes.mjs' */
/** @import { Workload } from './workloads/index.mjs' */

/**
 * @typedef {object} Measurement
 * @property {number} wallMs of the workload, without start-up and without what comes after it
 * @property {number} afterMs from then until its test has been judged
 * @property {number} cpuMs of all threads of the process meanwhile
 * @property {number} peakRssBytes of the process up to then
 * @property {number} grownBytes how much larger rss was after the workload
 * @property {number} startUpMs from the start of the process until it could run
 */

const mocha = join(root, 'node_modules/mocha/bin/mocha.js');
/**
 * For every run, tracked or not. On Node 20 V8 else collects all garbage 2 to 220 times in one and the same
 * workload (W2), by differences in the size of the heap of a few kilobytes.
 */
const heapOptions = ['--initial-old-space-size=256'];
const mochaOptions = ['--no-config', '--no-package', '--timeout=0', '--reporter=dot', '--exit'];

/**
 * @param {string} node
 * @param {Workload} workload
 * @param {Mode} mode
 * @returns {Promise<Measurement>}
 * @throws {Error} with all it printed, when it does not end well
 */
export function measure(node, workload, mode) {
  return inTemporaryFolder((folder) => launch(node, workload, mode, folder));
}

/**
 * How many allocations and deallocations a workload makes, and the size of the capture of them.
 *
 * @param {string} node
 * @param {Workload} workload
 * @param {Mode} mode one of ours
 */
export function countEvents(node, workload, mode) {
  return inTemporaryFolder(async (folder) => {
    const options = [...(mode.options ?? []), `--memray-bin-path=${folder}`];
    await launch(node, workload, { ...mode, options }, folder);
    const file = join(folder, readdirSync(folder).find((name) => name.endsWith('.bin')) ?? '');
    const reader = new CaptureReader(file);
    const { allocationCount, deallocationCount } = reader.statistics();
    reader.close();
    return { events: allocationCount + deallocationCount, captureBytes: statSync(file).size };
  });
}

/**
 * @param {string} node
 * @param {Workload} workload
 * @param {Mode} mode
 * @param {string} folder
 * @returns {Promise<Measurement>}
 */
async function launch(node, workload, mode, folder) {
  const result = join(folder, 'result.json');
  const plugin = mode.options && ['--require=./dist/register.js', ...mode.options];
  const [command = '', ...parameters] = [
    ...(mode.command?.(join(folder, mode.name)) ?? []),
    node,
    ...heapOptions,
    ...(mode.nodeOptions?.(folder) ?? []),
    mocha,
    ...mochaOptions,
    ...(plugin ?? []),
    'bench/workload.test.mjs',
  ];
  const env = {
    ...process.env,
    BENCH_WORKLOAD: workload.name,
    BENCH_MODE: mode.name,
    BENCH_RESULT: result,
  };
  await run(command, parameters, { env, quiet: true });
  return JSON.parse(readFileSync(result, 'utf8'));
}

/**
 * @template T
 * @param {(folder: string) => Promise<T>} use
 */
async function inTemporaryFolder(use) {
  const folder = mkdtempSync(join(tmpdir(), 'memray-mocha-bench-'));
  try {
    return await use(folder);
  } finally {
    rmSync(folder, { recursive: true });
  }
}
