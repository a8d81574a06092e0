import assert from 'node:assert/strict';
import { read } from '../../helpers/capture-source';
import { CaptureWriter } from '../../helpers/capture-writer';
import { drawHistogram, mergeBuckets } from '../../../dist/reporters/histogram';

describe('drawHistogram', function () {
  const histograms: [number[], string][] = [
    [[], ''],
    [[0, 0, 7], '█'],
    [[4, 1], '█▂'],
    [[8, 1, 1, 0, 1], '█▁▁ ▁'],
    [[1000, 0, 0, 0, 1], '█   ▁'],
    [[0, 4, 4, 0, 0, 0, 0, 2, 1, 0, 1, 0], '█  ▃▁'],
  ];
  for (const [buckets, bars] of histograms) {
    it(`draws [${buckets.join(', ')}] as |${bars}|`, function () {
      assert.equal(drawHistogram(buckets), bars);
    });
  }
});

describe('the histogram of a capture', function () {
  for (const [sizes, bars] of [
    [[0, 100, 990, 1000, 50_000], '▄▄█ ▄'],
    [[0, 0, 0, 0], '█'],
  ] as const) {
    it(`counts allocations of no bytes: ${sizes.join(', ')}`, function () {
      const writer = new CaptureWriter().thread(1);
      for (const [index, size] of sizes.entries()) writer.allocation(16 * (index + 1), size);
      assert.equal(drawHistogram(read(writer.end()).statistics().sizeHistogram), bars);
    });
  }
});

describe('mergeBuckets', function () {
  it('loses nothing', function () {
    for (let width = 1; width <= 48; width++) {
      const bins = mergeBuckets(new Array<number>(width).fill(1), 10);
      assert.equal(
        bins.reduce((sum, { count }) => sum + count, 0),
        width,
      );
      assert.equal(bins.at(-1)!.endBytes, 2 ** width);
    }
  });

  it('says where a bin ends', function () {
    assert.deepEqual(mergeBuckets([0, 0, 1, 2, 3, 4], 2), [
      { endBytes: 16, count: 3 },
      { endBytes: 64, count: 7 },
    ]);
  });
});
