// The comparisons as Markdown, one table and one plot for each workload.

/** @import { Comparison, Row } from './comparison.mjs' */
/** @import { Reading } from './reader/measure.mjs' */

const BAR_PER_DOUBLING = 8;

/** Elsewhere the time is hardly that of the events. */
const MIN_EVENTS_PER_MS = 100;

/** @param {Comparison} comparison */
export function formatComparison({ name, title, rows, events, failures }) {
  const wallMs = Math.round(rows[0]?.wallMs ?? 0);
  const isMadeOfEvents = (events ?? 0) >= MIN_EVENTS_PER_MS * wallMs;
  const counted = events ? `, ${events.toLocaleString('en')} events` : '';
  return [
    `### ${name}: ${title}`,
    `Untracked: ${wallMs} ms${counted}.`,
    formatTable(
      ['mode', 'wall', 'cpu', 'rss', 'ns per event', 'ms after it'],
      rows.map((row) => [
        row.title,
        ...[row.wallRatio, row.cpuRatio, row.rssRatio].map((ratio) => `${ratio.toFixed(2)}x`),
        (isMadeOfEvents && row.addedNsPerEvent?.toFixed(0)) || '',
        row.addedAfterMs?.toFixed(0) ?? '',
      ]),
    ),
    ...failures.map(({ mode, message }) => `${mode} failed: ${message.trim().split('\n').at(-1)}`),
    formatPlot(rows),
  ].join('\n\n');
}

/** @param {Reading[]} readings */
export function formatReadings(readings) {
  return [
    '### Reader: the high-water mark and the leaks of a capture',
    formatTable(
      [
        'capture',
        'events',
        'live blocks',
        'bytes per event',
        'ms',
        'million events/s',
        'MB of memory',
      ],
      readings.map(({ name, events, liveBlocks, captureBytes, ms, memoryBytes }) => [
        name,
        events.toLocaleString('en'),
        liveBlocks.toLocaleString('en'),
        (captureBytes / events).toFixed(2),
        ms.toFixed(0),
        (events / 1000 / ms).toFixed(1),
        (memoryBytes / 1e6).toFixed(1),
      ]),
    ),
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
