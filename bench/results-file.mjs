import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { modes } from './modes.mjs';
import { formatComparison, formatReadings } from './report.mjs';

/** @import { Comparison } from './comparison.mjs' */
/** @import { Reading } from './reader/measure.mjs' */

/**
 * @typedef {object} Results
 * @property {string} node
 * @property {string} machine
 * @property {Comparison[]} comparisons
 * @property {Reading[]} readings
 */

/** What was measured with one Node, as JSON and Markdown. What is not measured again stays. */
export class ResultsFile {
  /** @type {Results} */
  #results;
  #path;

  /**
   * @param {string} folder
   * @param {string} node a binary
   */
  constructor(folder, node) {
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
    mkdirSync(folder, { recursive: true });
    this.#path = join(folder, `node-${version.split('.')[0]}`);
    const file = `${this.#path}.json`;
    const { comparisons = [], readings = [] } = existsSync(file)
      ? /** @type {Results} */ (JSON.parse(readFileSync(file, 'utf8')))
      : {};
    const machine = `${cpus().length} cores, ${cpus()[0]?.model}`;
    this.#results = { node: version, machine, comparisons, readings };
  }

  /** @param {Comparison} comparison */
  addComparison(comparison) {
    const { comparisons, node } = this.#results;
    const date = new Date().toISOString().slice(0, 10);
    for (const row of comparison.rows) Object.assign(row, { node, date });
    const earlier = comparisons.find(({ name }) => name === comparison.name);
    const others = comparisons.filter((each) => each !== earlier);
    this.#results.comparisons = [...others, merge(earlier, comparison)].sort(byName);
    this.#save();
  }

  /** @param {Reading[]} readings */
  addReadings(readings) {
    const names = readings.map(({ name }) => name);
    const others = this.#results.readings.filter(({ name }) => !names.includes(name));
    this.#results.readings = [...others, ...readings].sort(byName);
    this.#save();
  }

  #save() {
    const { node, machine, comparisons, readings } = this.#results;
    const markdown = [
      `## Node ${node}, ${machine}`,
      ...comparisons.map(formatComparison),
      formatReadings(readings),
    ];
    writeFileSync(`${this.#path}.json`, `${JSON.stringify(this.#results, null, 2)}\n`);
    writeFileSync(`${this.#path}.md`, `${markdown.join('\n\n')}\n`);
  }
}

/** @type {(a: { name: string }, b: { name: string }) => number} */
function byName(a, b) {
  return a.name.localeCompare(b.name, 'en', { numeric: true });
}

/**
 * Keeps what was measured earlier in modes that were not measured now, if the workload is the same.
 *
 * @param {Comparison | undefined} earlier
 * @param {Comparison} now
 * @returns {Comparison}
 */
function merge(earlier, now) {
  if (earlier?.title !== now.title) return now;
  const measured = [...now.rows.map(({ name }) => name), ...now.failures.map(({ mode }) => mode)];
  const rows = [...earlier.rows.filter(({ name }) => !measured.includes(name)), ...now.rows];
  const failures = earlier.failures.filter(({ mode }) => !measured.includes(mode));
  return {
    ...now,
    rows: modes.flatMap((mode) => rows.find(({ name }) => name === mode.name) ?? []),
    failures: [...failures, ...now.failures],
  };
}
