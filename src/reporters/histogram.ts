const BARS = ' ▁▂▃▄▅▆▇█';
const BINS = 5;

/** Allocations of sizes in one range. */
export interface SizeBin {
  /** Sizes are less than this. */
  endBytes: number;
  count: number;
}

/**
 * Draws allocation sizes as a row of five bars, smallest sizes first, on a logarithmic scale.
 *
 * @param buckets how many allocations are in each power of two
 */
export function drawHistogram(buckets: readonly number[]): string {
  const bins = mergeBuckets(buckets, BINS);
  const highest = Math.max(...bins.map(({ count }) => count));
  return bins.map(({ count }) => BARS[Math.ceil((count / highest) * (BARS.length - 1))]).join('');
}

/** Divides the sizes that occur evenly into at most `maxBins` bins. */
export function mergeBuckets(buckets: readonly number[], maxBins: number): SizeBin[] {
  const occurring = buckets.flatMap((count, bucket) => (count > 0 ? bucket : []));
  const first = occurring[0] ?? 0;
  const width = (occurring.at(-1) ?? -1) - first + 1;
  const bins = Array.from({ length: Math.min(width, maxBins) }, (_, bin, count = 0) => ({
    endBytes: 2 ** (first + Math.ceil(((bin + 1) * width) / Math.min(width, maxBins))),
    count,
  }));
  for (const bucket of occurring) {
    bins[Math.floor(((bucket - first) * bins.length) / width)]!.count += buckets[bucket]!;
  }
  return bins;
}
