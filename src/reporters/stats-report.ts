import type { AllocationRecord, CaptureStatistics } from '../capture/capture-reader';
import { sumByLocation } from '../locations';
import { formatMemorySize } from '../memory-size';
import { formatPlace, type StackView } from '../stack-trace';
import type { LocationResult } from '../test-result';
import { mergeBuckets } from './histogram';

const BINS = 10;
const BAR_WIDTH = 25;
const RULE = '-'.repeat(42);

/** What `memray-mocha stats` shows. */
export interface Stats extends CaptureStatistics {
  /** What was live at the peak, of both heaps. */
  topAtPeak: LocationResult[];
  /** Everything ever allocated: native memory. */
  topBySize: LocationResult[];
  topByCount: LocationResult[];
}

/** Puts statistics together. */
export function createStats(
  statistics: CaptureStatistics,
  rows: { highWaterMark: AllocationRecord[]; allocations: AllocationRecord[] },
  view: StackView,
  topCount: number,
): Stats {
  const bySize = sumByLocation(rows.allocations, view);
  const byCount = [...bySize].sort((a, b) => b.count - a.count);
  return {
    ...statistics,
    topAtPeak: sumByLocation(rows.highWaterMark, view).slice(0, topCount),
    topBySize: bySize.slice(0, topCount),
    topByCount: byCount.slice(0, topCount),
  };
}

/** Statistics as text. */
export function formatStats(stats: Stats): string {
  const { topAtPeak, topBySize, topByCount } = stats;
  const allocators = [...stats.allocators].sort((a, b) => b.count - a.count);
  return [
    ...section('📏 Total native allocations:', [String(stats.allocationCount)]),
    ...section('📦 Total native memory allocated:', [formatMemorySize(stats.allocationBytes)]),
    ...section('📈 Peak memory usage:', [formatMemorySize(stats.peakBytes)]),
    ...section('📊 Histogram of native allocation size:', drawSizes(stats)),
    ...section(
      '📂 Allocator type distribution:',
      allocators.map(({ allocator, count }) => ` ${allocator}: ${count}`),
    ),
    ...section(
      `🥇 Top ${topAtPeak.length} largest locations at the peak:`,
      topAtPeak.map((each) => `- ${formatPlace(each)} -> ${formatMemorySize(each.bytes)}`),
    ),
    ...section(
      `🥇 Top ${topBySize.length} largest allocating locations (native, by size):`,
      topBySize.map((each) => `- ${formatPlace(each)} -> ${formatMemorySize(each.bytes)}`),
    ),
    ...section(
      `🥇 Top ${topByCount.length} largest allocating locations (native, by number of allocations):`,
      topByCount.map((each) => `- ${formatPlace(each)} -> ${each.count}`),
    ),
  ].join('\n');
}

function section(title: string, lines: string[]): string[] {
  return [title, ...lines.map((line) => `\t${line}`), ''];
}

function drawSizes({ sizeHistogram, minSizeBytes, maxSizeBytes }: Stats): string[] {
  const bins = mergeBuckets(sizeHistogram, BINS);
  const highest = Math.max(...bins.map(({ count }) => count));
  const countWidth = String(highest).length;
  const bars = bins.map(({ endBytes, count }) => {
    const bar = '▇'.repeat(Math.ceil((count / highest) * BAR_WIDTH));
    return `< ${formatMemorySize(endBytes).padEnd(9)}: ${String(count).padStart(countWidth)} ${bar}`;
  });
  return [
    `min: ${formatMemorySize(minSizeBytes)}`,
    RULE,
    ...bars.map((bar) => bar.trimEnd()),
    RULE,
    `max: ${formatMemorySize(maxSizeBytes)}`,
  ];
}
