import kleur from 'kleur';
import { formatMemorySize } from '../memory-size';
import { formatPlace, toPrintable } from '../stack-trace';
import type { TestResult } from '../test-result';
import { drawHistogram } from './histogram';

/** When the raw peak is that many times the peak, it is worth a word. */
const MUCH_LARGER = 2;

/** What the report of a run needs besides its results. */
export interface ReportOptions {
  /** How many tests to show, 0 for all. */
  mostAllocations: number;
  /** Characters in a line. */
  width: number;
  /** Where captures are kept, or null. */
  binPath: string | null;
  binPrefix: string;
  /** Tests that could not be measured, and why. */
  unmeasured: readonly { id: string; reason: string }[];
}

/** The report at the end of a run: the tests with the highest peaks. Empty without any. */
export function reportSummary(results: readonly TestResult[], options: ReportOptions): string {
  const shown = rankByPeak(results, options.mostAllocations);
  const parts = [
    ...shown.map(reportTest),
    ...describeCaptures(results, options),
    ...describeUnmeasured(options.unmeasured),
  ];
  if (parts.length === 0) return '';
  return [kleur.bold(drawRule('MEMRAY REPORT', options.width)), ...parts, ''].join('\n');
}

/**
 * The tests whose peaks say something, highest first.
 *
 * @param count how many, 0 for all
 */
export function rankByPeak(results: readonly TestResult[], count: number): TestResult[] {
  const ranked = lastAttempts(results)
    .filter(isReported)
    .sort((a, b) => b.peak.bytes - a.peak.bytes);
  return ranked.slice(0, count || ranked.length);
}

function reportTest(result: TestResult): string {
  const { id, peak, allocations, topLocations } = result;
  return [
    `Allocation results for ${kleur.cyan(toLine(id))} at the high-water mark`,
    '',
    `\t 📦 Peak memory: ${kleur.bold(formatMemorySize(peak.bytes))} (${describePeak(peak)})`,
    `\t 📏 Total native allocations: ${allocations.count}`,
    `\t 📊 Histogram of native allocation sizes: |${drawHistogram(allocations.sizeHistogram)}|`,
    '\t 🥇 Biggest allocating functions:',
    ...topLocations.map(
      (location) => `\t\t- ${formatPlace(location)} -> ${formatMemorySize(location.bytes)}`,
    ),
    '\n',
  ].join('\n');
}

/** Says no more than was measured. */
export function describePeak(peak: TestResult['peak']): string {
  const { bytes, jsHeapBytes, nativeBytes, rawBytes, confirmed } = peak;
  const heaps =
    jsHeapBytes > 0
      ? `JS heap ${formatMemorySize(jsHeapBytes)}, native ${formatMemorySize(nativeBytes)}`
      : 'native';
  return [
    heaps,
    ...(confirmed ? [] : ['raw, not confirmed']),
    ...(rawBytes < MUCH_LARGER * bytes ? [] : [`${formatMemorySize(rawBytes)} with garbage`]),
  ].join('; ');
}

function describeCaptures(
  results: readonly TestResult[],
  { binPath, binPrefix }: ReportOptions,
): string[] {
  if (binPath === null) return [];
  const { length } = results.filter((result) => result.capture !== null);
  return [
    `Created ${length} ${length === 1 ? 'capture' : 'captures'} at ${binPath} with prefix ${binPrefix}`,
  ];
}

/** Says which tests have no result, and why, in one line if there are any. */
export function describeUnmeasured(unmeasured: ReportOptions['unmeasured']): string[] {
  const first = unmeasured[0];
  if (!first) return [];
  const others = unmeasured.length > 1 ? ` and ${unmeasured.length - 1} more` : '';
  return [kleur.yellow(`Could not measure ${toLine(first.id)}${others}: ${first.reason}`)];
}

/** Titles may be pieces of code. */
function toLine(id: string): string {
  return toPrintable(id.replace(/\s+/g, ' '));
}

/** A retried test counts as it went in the end; its attempts follow one another. */
export function lastAttempts(results: readonly TestResult[]): TestResult[] {
  return results.filter(({ id, retry }, index) => {
    const next = results[index + 1];
    return next === undefined || next.id !== id || next.retry <= retry;
  });
}

/** What a body did before it failed or was skipped says nothing about the test. */
function isReported({ state, violations, topLocations }: TestResult): boolean {
  return (state === 'passed' || violations.length > 0) && topLocations.length > 0;
}

function drawRule(title: string, width: number): string {
  const side = '='.repeat(Math.max(1, Math.floor((width - title.length - 2) / 2)));
  return `${side} ${title} ${side}`;
}
