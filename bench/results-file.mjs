import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, readFileSync, writeFileSync } from 'node:fs';
import { cpus } from 'node:os';
import { join } from 'node:path';
import { formatComparison, formatReadings } from './report.mjs';

/** @import { Comparison } from './comparison.mjs' */
/** @import { Reading } from './reader/measure.mjs' */

/**
 * @typedef {object} Results
 * @property {string} node
 * @property {string} machine
 * @property {number} runs
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
   * @param {number} runs
   */
  constructor(folder, node, runs) {
    const version = execFileSync(node, ['--version'], { encoding: 'utf8' }).trim();
    mkdirSync(folder, { recursive: true });
    this.#path = join(folder, `node-${version.split('.')[0]}`);
    const file = `${this.#path}.json`;
    const { comparisons = [], readings = [] } = existsSync(file)
      ? /** @type {Results} */ (JSON.parse(readFileSync(file, 'utf8')))
      : {};
    const machine = `${cpus().length} cores, ${cpus()[0]?.model}`;
    this.#results = { node: version, machine, runs, comparisons, readings };
  }

  /** @param {Comparison} comparison */
  addComparison(comparison) {
    const others = this.#results.comparisons.filter(({ name }) => name !== comparison.name);
    this.#results.comparisons = [...others, comparison].sort((a, b) =>
      a.name.localeCompare(b.name, 'en', { numeric: true }),
    );
    this.#save();
  }

  /** @param {Reading[]} readings */
  addReadings(readings) {
    this.#results.readings = readings;
    this.#save();
  }

  #save() {
    const { node, machine, runs, comparisons, readings } = this.#results;
    const markdown = [
      `## Node ${node}, ${machine}, median of ${runs}`,
      ...comparisons.map(formatComparison),
      formatReadings(readings),
    ];
    writeFileSync(`${this.#path}.json`, `${JSON.stringify(this.#results, null, 2)}\n`);
    writeFileSync(`${this.#path}.md`, `${markdown.join('\n\n')}\n`);
  }
}
