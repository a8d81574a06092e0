const BARS = ' ▁▂▃▄▅▆▇█';
const BINS = 5;

/**
 * Draws allocation sizes as a row of bars, the smallest sizes first, on a logarithmic scale.
 *
 * @param buckets how many allocations are in each power of two
 */
export function drawHistogram(buckets: readonly number[]): string {
  const bins = mergeBuckets(buckets);
  const highest = Math.max(...bins);
  return bins.map((count) => BARS[Math.ceil((count / highest) * (BARS.length - 1))]).join('');
}

/** At most five bins, evenly over the sizes that occur. */
function mergeBuckets(buckets: readonly number[]): number[] {
  const occurring = buckets.flatMap((count, bucket) => (count > 0 ? bucket : []));
  const first = occurring[0];
  if (first === undefined) return [];
  const width = occurring[occurring.length - 1]! - first + 1;
  const bins = new Array<number>(Math.min(width, BINS)).fill(0);
  for (const bucket of occurring) {
    bins[Math.floor(((bucket - first) * bins.length) / width)]! += buckets[bucket]!;
  }
  return bins;
}
