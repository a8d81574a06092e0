// How much time and memory memray-mocha costs, and others do: npm run bench
//
//   npm run bench                                        every workload in every mode
//   npm run bench -- --quick                             three runs of each instead of seven
//   npm run bench -- --workload W2 --mode all --mode native --node <binary> --runs 11
import { execFileSync } from 'node:child_process';
import { mkdirSync, writeFileSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { compileAddon } from '../scripts/compile-addon.mjs';
import { root, run } from '../scripts/run.mjs';
import { addonBinary, addonSource } from './addon.mjs';
import { compare } from './comparison.mjs';
import { countEvents, measure } from './launch.mjs';
import { modes, untracked } from './modes.mjs';
import { formatComparison } from './report.mjs';
import { workloads } from './workloads/index.mjs';

/** @import { Comparison } from './comparison.mjs' */
/** @import { Measurement } from './launch.mjs' */
/** @import { Mode } from './modes.mjs' */
/** @import { Workload } from './workloads/index.mjs' */

const { values: options } = parseArgs({
  options: {
    workload: { type: 'string', multiple: true, default: [] },
    mode: { type: 'string', multiple: true, default: [] },
    node: { type: 'string', default: process.execPath },
    runs: { type: 'string', default: '7' },
    quick: { type: 'boolean', default: false },
    output: { type: 'string', default: join(root, 'build/bench') },
  },
});
const node = resolve(options.node);
const runs = options.quick ? 3 : Number(options.runs);
const others = modes.filter((mode) => mode !== untracked);
const defaultMode = /** @type {Mode} */ (modes.find(({ name }) => name === 'all'));
const chosenModes = choose(others, options.mode).filter(
  ({ isInstalled }) => isInstalled?.() ?? true,
);
const chosenWorkloads = choose(workloads, options.workload);

await run(process.execPath, [join(root, 'scripts/build-native.mjs'), '--node', node]);
await compileAddon(addonSource, addonBinary);
/** @type {Comparison[]} */
const comparisons = [];
for (const workload of chosenWorkloads) {
  const comparison = await compareModes(workload);
  comparisons.push(comparison);
  console.log(`\n${formatComparison(comparison)}`);
  save();
}

/**
 * In each round every mode runs once, so that what else the machine does meets them all.
 *
 * @param {Workload} workload
 * @returns {Promise<Comparison>}
 */
async function compareModes(workload) {
  const { name, title, emptyTests, liveBlocks } = workload;
  const counts = emptyTests ? undefined : await countEvents(node, workload, defaultMode);
  /** @type {Map<Mode, Measurement[]>} */
  const measured = new Map([untracked, ...chosenModes].map((mode) => [mode, []]));
  /** @type {Comparison['failures']} */
  const failures = [];
  for (let round = 1; round <= runs; round++) {
    process.stderr.write(`${name}: round ${round} of ${runs}\n`);
    for (const [mode, measurements] of measured) {
      try {
        measurements.push(await measure(node, workload, mode));
      } catch (error) {
        if (mode === untracked) throw error;
        failures.push({ mode: mode.name, message: String(error) });
        measured.delete(mode);
      }
    }
  }
  const reference = measured.get(untracked) ?? [];
  const rows = [...measured].map(([mode, each]) => compare(mode, each, reference, counts?.events));
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

function save() {
  const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
  mkdirSync(options.output, { recursive: true });
  const file = join(options.output, `node-${version.split('.')[0]}`);
  writeFileSync(
    `${file}.json`,
    `${JSON.stringify({ node: version, runs, comparisons }, null, 2)}\n`,
  );
  writeFileSync(`${file}.md`, comparisons.map(formatComparison).join('\n\n'));
}
