import assert from 'node:assert/strict';
import { createStats, formatStats } from '../../../dist/reporters/stats-report';
import { row } from '../../helpers/rows';

const view = { cwd: '/app', native: false };
const statistics = {
  peakBytes: 3_786_000,
  peakJsHeapBytes: 0,
  peakNativeBytes: 3_786_000,
  confirmedPeakBytes: 0,
  rawPeakBytes: 3_786_000,
  recordedPeakBytes: 3_786_000,
  allocationCount: 656,
  allocationBytes: 13_043_000,
  deallocationCount: 5,
  leakedBytes: 1,
  sizeHistogram: [0, 0, 1, 0, 654, 1],
  minSizeBytes: 5,
  maxSizeBytes: 40,
  allocators: [
    { allocator: 'mmap', count: 56, bytes: 5 },
    { allocator: 'malloc', count: 600, bytes: 4 },
  ],
};

describe('statistics', function () {
  const allocations = [
    row(2048, ['big:/app/a.js:1'], { count: 1 }),
    row(1024, ['many:/app/b.js:2'], { count: 600 }),
  ];
  const highWaterMark = [
    row(3072, ['objects:/app/c.js:3'], { heap: 'js', count: 600 }),
    row(2048, ['big:/app/a.js:1']),
  ];

  it("have the original's layout", function () {
    assert.equal(
      formatStats(createStats(statistics, { highWaterMark, allocations }, view, 1)),
      [
        '📏 Total native allocations:',
        '\t656',
        '',
        '📦 Total native memory allocated:',
        '\t12.4MiB',
        '',
        '📈 Peak memory usage:',
        '\t3.6MiB',
        '',
        '📊 Histogram of native allocation size:',
        '\tmin: 5.0B',
        '\t------------------------------------------',
        '\t< 8.0B     :   1 ▇',
        '\t< 16.0B    :   0',
        '\t< 32.0B    : 654 ▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇▇',
        '\t< 64.0B    :   1 ▇',
        '\t------------------------------------------',
        '\tmax: 40.0B',
        '',
        '📂 Allocator type distribution:',
        '\t malloc: 600',
        '\t mmap: 56',
        '',
        '🥇 Top 1 largest locations at the peak:',
        '\t- objects:c.js:3 -> 3.0KiB',
        '',
        '🥇 Top 1 largest allocating locations (native, by size):',
        '\t- big:a.js:1 -> 2.0KiB',
        '',
        '🥇 Top 1 largest allocating locations (native, by number of allocations):',
        '\t- many:b.js:2 -> 600',
        '',
      ].join('\n'),
    );
  });
});
