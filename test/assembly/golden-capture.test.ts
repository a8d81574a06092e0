// What the captures that native/test/golden_captures.cc wrote hold: the two ends of the format.
import assert from 'node:assert/strict';
import { join } from 'node:path';
import { CaptureReader, type AllocationRecord } from '../../dist/capture/capture-reader';
import { MemoryModel } from '../helpers/memory-model';

const FOLDER = join(__dirname, '..', 'captures');

/** Rows as `bytes count caller: function:file:line < ...`. */
function shorten(rows: AllocationRecord[]): string[] {
  return rows.map(({ bytes, count, nativeCaller, stack }) => {
    const frames = stack.frames.map((f) => `${f.functionName}:${f.filename}:${f.lineNumber}`);
    return `${bytes} ${count} ${nativeCaller}: ${frames.join(' < ')}`;
  });
}

describe('the golden capture', () => {
  describe('every-record.bin', () => {
    let reader: CaptureReader;
    before(() => (reader = new CaptureReader(join(FOLDER, 'every-record.bin'))));
    after(() => reader.close());

    const main = 'main:/app/catalogue.js:3';
    const addon = 'fixture.node: <unknown>:/app/fixture.node:0';

    it('says what it is', () => {
      assert.deepEqual(reader.metadata, {
        version: 3,
        pid: 4711,
        startedAtMs: 1_700_000_000_000,
        durationMs: 1500,
        mainThreadId: 1,
        nativeFrames: false,
        traceJs: false,
        complete: true,
        node: 'v20.20.0',
        v8: '11.3.244.8-node.33',
        arch: 'x64',
        platform: 'linux',
        commandLine: 'node mocha 📦',
        cwd: '/app',
      });
    });

    it('has the totals', () => {
      const { sizeHistogram, allocators, ...totals } = reader.statistics();
      assert.deepEqual(totals, {
        peakBytes: 2000 + 4096 + 64 + 0x20000 + 256,
        peakJsHeapBytes: 0,
        peakNativeBytes: 2000 + 4096 + 64 + 0x20000 + 256,
        confirmedPeakBytes: 0,
        rawPeakBytes: 2000 + 4096 + 64 + 0x20000 + 256,
        recordedPeakBytes: 2000 + 4096 + 64 + 0x20000 + 256,
        allocationCount: 9,
        allocationBytes: 1000 + 3000 + 500 + 2000 + 0x10000 + 4096 + 64 + 0x20000 + 256,
        deallocationCount: 4,
        leakedBytes: 2000 + 4096 + 256,
        minSizeBytes: 64,
        maxSizeBytes: 0x20000,
      });
      assert.equal(
        sizeHistogram.reduce((sum, count) => sum + count),
        9,
      );
      assert.deepEqual(
        allocators.map(({ allocator, count, bytes }) => `${allocator} ${count} ${bytes}`),
        [
          'mremap 1 131072',
          'mmap 1 65536',
          'mprotect 1 4096',
          'calloc 1 3000',
          'realloc 1 2000',
          'malloc 2 1064',
          'operator new 1 500',
          'posix_memalign 1 256',
        ],
      );
    });

    it('has the call stacks of the peak, of the leaks, and of everything', () => {
      assert.deepEqual(shorten(reader.highWaterMark()), [
        `${4096 + 0x20000} 2 node: ${main}`,
        `2000 1 node: parseRow:/app/catalogue.js:43 < ${main}`,
        `256 1 ${addon}`,
        '64 1 node: V8: garbage collection::0',
      ]);
      assert.deepEqual(shorten(reader.leaks()), [
        `4096 1 node: ${main}`,
        `2000 1 node: parseRow:/app/catalogue.js:43 < ${main}`,
        `256 1 ${addon}`,
      ]);
      assert.deepEqual(shorten(reader.allocations()), [
        `${0x10000 + 4096 + 0x20000} 3 node: ${main}`,
        `3000 2 node: parseRow:/app/catalogue.js:43 < ${main}`,
        `3000 1 node: parseRow:/app/row s.ts:52 < ${main}`,
        `756 2 ${addon}`,
        '64 1 node: V8: garbage collection::0',
      ]);
    });

    it('has the main thread’s part', () => {
      const { peakBytes, leakedBytes } = reader.statistics({ currentThreadOnly: true });
      assert.equal(peakBytes, 2000 + 4096 + 64 + 0x20000);
      assert.equal(leakedBytes, 2000 + 4096);
    });
  });

  it('js-heap.bin has the objects of the peak, and of the end', () => {
    const reader = new CaptureReader(join(FOLDER, 'js-heap.bin'));
    const { peakBytes, peakJsHeapBytes, confirmedPeakBytes, rawPeakBytes, leakedBytes } =
      reader.statistics();
    assert.deepEqual(
      { peakBytes, peakJsHeapBytes, confirmedPeakBytes, rawPeakBytes, leakedBytes },
      {
        peakBytes: 2_005_000,
        peakJsHeapBytes: 2_000_000,
        confirmedPeakBytes: 2_005_000,
        rawPeakBytes: 3_005_000,
        leakedBytes: 5300,
      },
    );
    const rows = (records: AllocationRecord[]) =>
      records.map(({ heap, bytesAtMark }, i) => `${shorten(records)[i]} ${heap} ${bytesAtMark}`);
    assert.deepEqual(rows(reader.highWaterMark()), [
      '1900000 38000 : keep:/app/cache.js:3 js 300',
      '90000 900 : drop:/app/cache.js:9 js 0',
      '5000 1 : keep:/app/cache.js:3 native 0',
    ]);
    assert.deepEqual(rows(reader.leaks()), [
      '5000 1 : keep:/app/cache.js:3 native 0',
      '300 6 : keep:/app/cache.js:3 js 300',
    ]);
    reader.close();
  });

  it('several-blocks.bin holds what its loop did', () => {
    const model = new MemoryModel();
    for (let i = 0; i < 15_000; i++) {
      const address = 0x100000 + i * 48;
      model.allocateBlock(address, 32 + (i % 64), `${2 + (i % 3)}`);
      if (i % 5 !== 0) model.deallocate(address);
    }
    const reader = new CaptureReader(join(FOLDER, 'several-blocks.bin'));
    const expect = (rows: AllocationRecord[], sums: typeof model.peak) => {
      const found = rows.map(({ bytes, count, stack }) => {
        return [`${stack.frames[0]!.lineNumber}`, { bytes, count }] as const;
      });
      assert.deepEqual(new Map(found), sums);
    };
    assert.equal(reader.statistics().peakBytes, model.peakBytes);
    expect(reader.highWaterMark(), model.peak);
    expect(reader.leaks(), model.live());
    expect(reader.allocations(), model.total);
    reader.close();
  });
});
