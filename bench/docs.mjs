// Writes what bench/results holds into docs/performance.md, between its two marks.
import { readdirSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import prettier from 'prettier';
import { root } from '../scripts/run.mjs';
import { modes, untracked } from './modes.mjs';
import { formatTable } from './report.mjs';
import { formatGoal, judge, targets } from './targets.mjs';

/** @import { Results } from './results-file.mjs' */
/** @import { Target } from './targets.mjs' */

const page = join(root, 'docs/performance.md');
/** What is measured less often is marked. */
const MANY_RUNS = 7;
const marks = /(<!-- measured -->\n).*(<!-- end of measured -->)/s;

/** Where the results are that the page shows. */
export const docsFolder = join(import.meta.dirname, 'results');

export async function writeDocs() {
  /** @type {Results[]} */
  const all = readdirSync(docsFolder)
    .filter((name) => name.endsWith('.json'))
    .sort()
    .map((name) => JSON.parse(readFileSync(join(docsFolder, name), 'utf8')));
  const sections = [formatTargets(all), formatMissed(all), ...all.map(formatRatios)];
  const text = readFileSync(page, 'utf8').replace(marks, `$1\n${sections.join('\n\n')}\n\n$2`);
  const options = { ...(await prettier.resolveConfig(page)), filepath: page };
  writeFileSync(page, await prettier.format(text, options));
}

/** @param {Results[]} all */
function formatTargets(all) {
  return formatTable(
    ['measure', 'target', 'elsewhere', ...all.map(majorOf)],
    targets.map((target) => [
      target.measure,
      formatGoal(target),
      target.elsewhere ?? '',
      ...all.map((results) => {
        const verdict = judge(target, results);
        if (!verdict) return 'not measured';
        return verdict.isMet ? verdict.text : `**${verdict.text}, missed**`;
      }),
    ]),
  );
}

/** @param {Results[]} all */
function formatMissed(all) {
  const missed = targets.filter((target) =>
    all.some((results) => judge(target, results)?.isMet === false),
  );
  const lines = missed.map((target) => {
    const { measure, ifMissed = 'The reason is not known yet.' } = target;
    return `- ${measure}, ${formatGoal(target)}. ${ifMissed}`;
  });
  return ['### What misses its target, why, and what comes next', lines.join('\n')].join('\n\n');
}

/**
 * Wall ratios, a row for each mode.
 *
 * @param {Results} results
 */
function formatRatios(results) {
  const { machine, comparisons } = results;
  const all = comparisons.flatMap(({ rows }) => rows);
  const shown = modes.filter(
    (mode) => mode !== untracked && all.some(({ name }) => name === mode.name),
  );
  const lastDate = all
    .map(({ date = '' }) => date)
    .sort()
    .at(-1);
  const table = formatTable(
    ['mode', ...comparisons.map(({ name }) => name)],
    shown.map((mode) => [
      mode.title,
      ...comparisons.map(({ rows }) => {
        const row = rows.find(({ name }) => name === mode.name);
        if (!row) return '';
        return row.date === lastDate ? formatRatio(row) : `_${formatRatio(row)}_`;
      }),
    ]),
  );
  const heading = `### ${majorOf(results)}: wall time, tracked / untracked`;
  const note =
    `${machine}. In brackets: medians of fewer runs than seven. ` +
    `In italics: measured before ${lastDate}, of versions before.`;
  return [heading, note, table].join('\n\n');
}

/** @param {import('./comparison.mjs').Row} row */
function formatRatio(row) {
  const ratio = row.wallRatio.toFixed(2);
  return row.runs < MANY_RUNS ? `(${ratio})` : ratio;
}

/** @param {Results} results */
function majorOf({ node }) {
  return `Node ${node.slice(1).split('.')[0]}`;
}
