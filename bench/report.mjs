// The comparisons as Markdown, one table and one plot for each workload.

/** @import { Comparison, Row } from './comparison.mjs' */

const BAR_PER_DOUBLING = 8;

/** @param {Comparison} comparison */
export function formatComparison({ name, title, rows, events, failures }) {
  const wall = Math.round(rows[0]?.wallMs ?? 0);
  const counted = events ? `, ${events.toLocaleString('en')} events` : '';
  return [
    `### ${name}: ${title}`,
    `Untracked: ${wall} ms${counted}.`,
    formatTable(
      ['mode', 'wall', 'cpu', 'rss', 'ns per event'],
      rows.map((row) => [
        row.title,
        ...[row.wallRatio, row.cpuRatio, row.rssRatio].map((ratio) => `${ratio.toFixed(2)}x`),
        row.addedNsPerEvent?.toFixed(0) ?? '',
      ]),
    ),
    ...failures.map(({ mode, message }) => `${mode} failed: ${message.trim().split('\n').at(-1)}`),
    formatPlot(rows),
  ].join('\n\n');
}

/**
 * @param {string[]} heading
 * @param {string[][]} rows
 */
export function formatTable(heading, rows) {
  const lines = [heading, heading.map((_, i) => (i === 0 ? '---' : '---:')), ...rows];
  return lines.map((cells) => `| ${cells.join(' | ')} |`).join('\n');
}

/**
 * Bars of wall time. Each doubling is as long as the one before.
 *
 * @param {Row[]} rows
 */
function formatPlot(rows) {
  const width = Math.max(...rows.map(({ name }) => name.length));
  const lines = rows.map(({ name, wallRatio }) => {
    const bar = '█'.repeat(Math.max(0, Math.round(BAR_PER_DOUBLING * Math.log2(wallRatio))));
    return `${name.padEnd(width)} ▏${bar} ${wallRatio.toFixed(2)}`;
  });
  return ['```text', ...lines, '```'].join('\n');
}
