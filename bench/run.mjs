// How much time and memory memray-mocha costs, and others do: npm run bench
//
//   npm run bench                       every workload in every mode, and the reader of captures
//   npm run bench -- --quick            three runs of each instead of seven, no capture of 100 million events
//   npm run bench -- --workload W2 --mode all --mode native --node <binary> --runs 11
//   npm run bench -- --workload reader
//   npm run bench -- --docs             the same, kept in bench/results and shown in docs/performance.md
//
// What is not measured again stays as it is, so that the tables can be filled step by step.
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { compileAddon } from '../scripts/compile-addon.mjs';
import { root, run } from '../scripts/run.mjs';
import { addonBinary, addonSource } from './addon.mjs';
import { compare } from './comparison.mjs';
import { countEvents, measure } from './launch.mjs';
import { modes, untracked } from './modes.mjs';
import { docsFolder, writeDocs } from './docs.mjs';
import { measureReader } from './reader/measure.mjs';
import { formatComparison, formatReadings } from './report.mjs';
import { ResultsFile } from './results-file.mjs';
import { workloads } from './workloads/index.mjs';

/** @import { Comparison, Pair } from './comparison.mjs' */
/** @import { Mode } from './modes.mjs' */
/** @import { Workload } from './workloads/index.mjs' */

const { values: options } = parseArgs({
  options: {
    workload: { type: 'string', multiple: true, default: [] },
    mode: { type: 'string', multiple: true, default: [] },
    node: { type: 'string', default: process.execPath },
    runs: { type: 'string', default: '7' },
    quick: { type: 'boolean', default: false },
    docs: { type: 'boolean', default: false },
  },
});
/** Of what is slow, and of everything with --quick. */
const FEW_RUNS = 3;

/** What is read with --quick. */
const QUICK_EVENTS = 10e6;

const node = resolve(options.node);
const runs = options.quick ? FEW_RUNS : Number(options.runs);
const others = modes.filter((mode) => mode !== untracked);
const defaultMode = /** @type {Mode} */ (modes.find(({ name }) => name === 'all'));
const reader = { name: 'reader', title: 'captures read' };
const chosen = choose([...workloads, reader], options.workload);
const chosenWorkloads = workloads.filter((workload) => chosen.includes(workload));

await prepare();
const chosenModes = choose(others, options.mode).filter(
  ({ isInstalled }) => isInstalled?.() ?? true,
);
const results = new ResultsFile(options.docs ? docsFolder : join(root, 'build/bench'), node);
for (const workload of chosenWorkloads) {
  const comparison = await compareModes(workload);
  console.log(`\n${formatComparison(comparison)}`);
  results.addComparison(comparison);
  if (options.docs) await writeDocs();
}
if (chosen.includes(reader)) {
  const readings = await measureReader(node, runs, options.quick ? QUICK_EVENTS : Infinity);
  console.log(`\n${formatReadings(readings)}`);
  results.addReadings(readings);
  if (options.docs) await writeDocs();
}

/** Builds for the chosen Node what is not built yet. */
async function prepare() {
  await run(process.execPath, [join(root, 'scripts/build-native.mjs'), '--node', node]);
  await compileAddon(addonSource, addonBinary);
  if (!chosenWorkloads.some(({ needsPackages }) => needsPackages)) return;
  await run(node, [join(import.meta.dirname, 'install-packages.mjs')]);
}

/**
 * Those that were asked for, else those that are for what the workload does.
 *
 * @param {Workload} workload
 */
function modesFor({ allocates }) {
  if (options.mode.length > 0) return chosenModes;
  return chosenModes.filter(
    ({ measures, isOnRequest }) => !isOnRequest && (!measures || allocates.includes(measures)),
  );
}

/**
 * In each round every mode runs once, and right before or after it the workload runs untracked: what
 * else the machine does meets both.
 *
 * @param {Workload} workload
 * @returns {Promise<Comparison>}
 */
async function compareModes(workload) {
  const { name, title, emptyTests, liveBlocks } = workload;
  const counts = emptyTests ? undefined : await countEvents(node, workload, defaultMode);
  const measureUntracked = () => measure(node, workload, untracked);
  /** @type {Map<Mode, Pair[]>} */
  const measured = new Map(modesFor(workload).map((mode) => [mode, []]));
  /** @type {Comparison['failures']} */
  const failures = [];
  for (let round = 0; round < runs; round++) {
    process.stderr.write(`${name}: round ${round + 1} of ${runs}\n`);
    for (const [mode, pairs] of [...measured]) {
      if (mode.isSlow && round >= FEW_RUNS) continue;
      const before = round % 2 === 0 ? await measureUntracked() : undefined;
      try {
        const tracked = await measure(node, workload, mode);
        pairs.push({ tracked, untracked: before ?? (await measureUntracked()) });
      } catch (error) {
        failures.push({ mode: mode.name, message: String(error) });
        measured.delete(mode);
      }
    }
  }
  const ofUntracked = [...measured.values()]
    .flat()
    .map((pair) => ({ ...pair, tracked: pair.untracked }));
  const rows = [...new Map([[untracked, ofUntracked], ...measured])].map(([mode, pairs]) =>
    compare(mode, pairs, counts?.events),
  );
  return { name, title, emptyTests, liveBlocks, ...counts, rows, failures };
}

/**
 * Those whose name is given, or begins with what is given and a hyphen; all when nothing is.
 *
 * @template {{ name: string }} T
 * @param {T[]} list
 * @param {string[]} names
 */
function choose(list, names) {
  const isNamed = (/** @type {T} */ { name }, /** @type {string} */ given) =>
    name === given || name.startsWith(`${given}-`);
  const unknown = names.find((given) => !list.some((each) => isNamed(each, given)));
  if (unknown) throw new Error(`Expected one of ${list.map(({ name }) => name)}, got ${unknown}.`);
  return list.filter((each) => names.length === 0 || names.some((given) => isNamed(each, given)));
}
