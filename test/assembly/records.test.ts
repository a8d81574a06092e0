import assert from 'node:assert/strict';
import { CaptureWriter, CALLOC, CONFIRMED, MALLOC, REALLOC } from '../helpers/capture-writer';
import { CaptureReader } from '../../dist/capture/capture-reader';
import { createSource, read } from '../helpers/capture-source';

describe('records', () => {
  it('of the header and METADATA become the metadata', () => {
    const writer = new CaptureWriter({ flags: 3, pid: 12, startedAtMs: 1_722_000_000_123 });
    const texts = { node: 'v24.1.0', v8: '13.6', arch: 'x64', platform: 'linux', cwd: '/app/é' };
    for (const [key, value] of Object.entries(texts)) writer.metadata(key, value);
    writer.metadata('commandLine', 'node mocha').metadata('later', 'unknown').end(1500);
    assert.deepEqual(read(writer).metadata, {
      version: 3,
      pid: 12,
      startedAtMs: 1_722_000_000_123,
      durationMs: 1500,
      mainThreadId: 1,
      nativeFrames: true,
      traceJs: true,
      complete: true,
      ...texts,
      commandLine: 'node mocha',
    });
  });

  it('are read to the last whole block of a capture that was cut off', () => {
    const writer = new CaptureWriter().thread(1).allocation(16, 100).flush();
    const whole = writer.toBytes().length;
    const bytes = writer.allocation(32, 200).end().toBytes();
    for (let length = whole; length < bytes.length; length++) {
      const reader = read(bytes.subarray(0, length));
      assert.equal(reader.metadata.complete, false);
      assert.equal(reader.metadata.durationMs, 0);
      assert.equal(reader.statistics().leakedBytes, 100);
    }
    assert.equal(read(bytes).metadata.complete, true);
    assert.equal(read(bytes.subarray(0, 32)).statistics().allocationCount, 0);
  });

  it('are the same however they come in pieces and blocks', () => {
    const write = (blockBytes: number): Buffer => {
      const writer = new CaptureWriter({}, blockBytes).thread(1);
      const code = writer.code('JS:~f /a.js:1:2');
      const stack = writer.stack(0, writer.jsFrame(code));
      for (let i = 1; i < 300; i++) writer.allocation(i * 48, i * i, MALLOC, i % 3 ? stack : 0);
      return writer
        .deallocation(48 * 7)
        .end()
        .toBytes();
    };
    const expected = read(write(65_536));
    for (const [blockBytes, chunkBytes] of [
      [64, 1],
      [64, 37],
      [1000, 999],
      [65_536, 3],
    ] as const) {
      const reader = new CaptureReader(createSource(write(blockBytes), chunkBytes));
      assert.deepEqual(reader.statistics(), expected.statistics());
      assert.deepEqual(reader.leaks(), expected.leaks());
    }
  });

  it('may fill a block to nearly its last byte', () => {
    const writer = new CaptureWriter().thread(1);
    // Sixteen to a block; the writer leaves some bytes for lengths to grow.
    for (let i = 1; i <= 8 * 16; i++) writer.metadata('k', 'x'.repeat(i % 16 ? 4091 : 4084));
    writer.allocation(8, 1).end();
    assert.equal(read(writer).statistics().leakedBytes, 1);
  });

  it('keep the expected size, allocator and call stack across each other', () => {
    const { allocationCount, allocationBytes, allocators } = read(
      new CaptureWriter()
        .thread(1)
        .allocation(0x7fff_ffff_fff8, 2 ** 40, CALLOC)
        .deallocation(0x1_0000)
        .allocation(0x1_0000, 2 ** 40, CALLOC)
        .thread(2)
        .deallocation(0x1_0000)
        .allocation(0x1_0000, 5, REALLOC)
        .end(),
    ).statistics();
    assert.equal(allocationCount, 3);
    assert.equal(allocationBytes, 2 ** 41 + 5);
    assert.deepEqual(allocators, [
      { allocator: 'calloc', count: 2, bytes: 2 ** 41 },
      { allocator: 'realloc', count: 1, bytes: 5 },
    ]);
  });

  it('find addresses in the cache slot that the format says, for any address', () => {
    const addresses = [
      8,
      0x80, // another of its slot and region
      0x1_0000, // another of its slot, and of another region
      0x10, // of another slot
      0x8_0010, // of that slot, and of region 0
      0x1_0000_0008,
      0x7fff_ffff_fff8,
      2 ** 52 - 8,
      16 * 0xffff_ffff,
    ];
    const writer = new CaptureWriter().thread(1);
    for (const address of addresses) {
      writer.allocation(address, 1).deallocation(address).allocation(address, 2);
    }
    for (const address of addresses) writer.deallocation(address);
    assert.equal(read(writer.end()).statistics().leakedBytes, 0);
  });

  it('have addresses that wrap at 64 bits', () => {
    // Down by 8 in region 7, which begins at 0: 2^64 - 8; in units of eight, zig-zag: 1.
    const writer = new CaptureWriter().thread(1).allocation(8, 1);
    writer
      .raw(0x80 | 0x70 | 8 | 7, 1)
      .raw(0x40 | 0)
      .raw(0x40 | 7);
    writer.end(0, { allocations: 2, deallocations: 2 });
    const { leakedBytes, deallocationCount } = read(writer).statistics();
    assert.deepEqual({ leakedBytes, deallocationCount }, { leakedBytes: 0, deallocationCount: 2 });
  });

  it('may have numbers of ten bytes', () => {
    const ten = [0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0xff, 0x01];
    const longZero = [0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x80, 0x00];
    // The largest zig-zag number is -2^63: times eight that is 0.
    const writer = new CaptureWriter().thread(1).raw(0x80 | 0x60 | 8, ...ten, ...longZero);
    writer.end(0, { allocations: 1, deallocations: 0 });
    assert.throws(() => read(writer).statistics(), { code: 'ERR_MEMRAY_CAPTURE_CORRUPT' });
    const valid = new CaptureWriter().thread(1).raw(0x80 | 0x40 | 8, ...ten, ...longZero, MALLOC);
    valid.end(0, { allocations: 1, deallocations: 0 });
    assert.equal(read(valid).statistics().allocationCount, 1);
  });

  it('count sizes in powers of two', () => {
    const sizes = [0, 1, 2, 3, 4, 1023, 1024, 2 ** 47 - 1, 2 ** 47, 2 ** 52];
    const writer = new CaptureWriter().thread(1);
    sizes.forEach((size, index) => writer.allocation(16 * index + 16, size));
    const { sizeHistogram, minSizeBytes, maxSizeBytes } = read(writer.end()).statistics();
    const expected = new Array<number>(48).fill(0);
    Object.assign(expected, { 0: 2, 1: 2, 2: 1, 9: 1, 10: 1, 46: 1, 47: 2 });
    assert.deepEqual(sizeHistogram, expected);
    assert.equal(minSizeBytes, 0);
    assert.equal(maxSizeBytes, 2 ** 52);
  });

  it('of the JS heap and of native memory are told apart', () => {
    const statistics = read(
      new CaptureWriter()
        .thread(1)
        .allocation(0x10000, 50, MALLOC)
        .heap(CONFIRMED, 1000)
        .deallocation(0x10000)
        .allocation(0x20000, 40, MALLOC)
        .end(),
    ).statistics();
    assert.equal(statistics.peakBytes, 1050);
    assert.equal(statistics.peakJsHeapBytes, 1000);
    assert.equal(statistics.peakNativeBytes, 50);
  });

  it('that are none give zeros', () => {
    const reader = read(new CaptureWriter().end());
    assert.deepEqual(reader.statistics(), {
      peakBytes: 0,
      peakJsHeapBytes: 0,
      peakNativeBytes: 0,
      confirmedPeakBytes: 0,
      rawPeakBytes: 0,
      recordedPeakBytes: 0,
      allocationCount: 0,
      allocationBytes: 0,
      deallocationCount: 0,
      leakedBytes: 0,
      sizeHistogram: new Array<number>(48).fill(0),
      minSizeBytes: 0,
      maxSizeBytes: 0,
      allocators: [],
    });
    assert.deepEqual(reader.highWaterMark(), []);
    assert.deepEqual(reader.leaks(), []);
    assert.deepEqual(reader.allocations(), []);
  });
});
