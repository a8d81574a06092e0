import assert from 'node:assert/strict';
import type { AllocationRecord, ReadOptions } from '../../dist/capture/capture-reader';
import { read } from '../helpers/capture-source';
import {
  CaptureWriter,
  CONFIRMED,
  HEAP_END,
  HEAP_MARK,
  MALLOC,
  RAW,
  UNCONFIRMED,
} from '../helpers/capture-writer';

/** A writer with two call stacks, in functions `first` and `second`. */
function createWriter() {
  const writer = new CaptureWriter().thread(1);
  const [first, second] = ['first', 'second'].map((name) =>
    writer.stack(0, writer.jsFrame(writer.code(`JS:${name} /a.js:1:1`))),
  ) as [number, number];
  return { writer, first, second };
}

function summarize(rows: AllocationRecord[]) {
  return rows.map(({ bytes, count, heap, stack }) => [
    stack.frames[0]!.functionName,
    heap,
    bytes,
    count,
  ]);
}

function peaks(writer: CaptureWriter, options: ReadOptions = {}) {
  const { peakBytes, peakJsHeapBytes, peakNativeBytes, confirmedPeakBytes, rawPeakBytes } =
    read(writer).statistics(options);
  return { peakBytes, peakJsHeapBytes, peakNativeBytes, confirmedPeakBytes, rawPeakBytes };
}

describe('the JS heap', () => {
  it('of a confirmed peak counts, with its samples and the native memory of then', () => {
    const { writer, first, second } = createWriter();
    writer.allocation(64, 100, MALLOC, first).samples(second, 2100, 7).samples(first, 3000, 30);
    writer.heap(CONFIRMED, 5000).deallocation(64).samples(first, 0, 0).samples(second, 0, 0);
    writer.heap(HEAP_END, 0).end();
    assert.deepEqual(peaks(writer), {
      peakBytes: 5100,
      peakJsHeapBytes: 5000,
      peakNativeBytes: 100,
      confirmedPeakBytes: 5100,
      rawPeakBytes: 5100,
    });
    assert.deepEqual(summarize(read(writer).highWaterMark()), [
      ['first', 'js', 3000, 30],
      ['second', 'js', 2100, 7],
      ['first', 'native', 100, 1],
    ]);
    assert.deepEqual(summarize(read(writer).leaks()), []);
  });

  it('makes no peak of garbage: what is raw stands beside it', () => {
    const { writer, first } = createWriter();
    writer.heap(RAW, 90_000).allocation(64, 50_000, MALLOC, first).deallocation(64);
    writer.samples(first, 1000, 1).heap(CONFIRMED, 1000).heap(RAW, 80_000).end();
    assert.deepEqual(peaks(writer), {
      peakBytes: 1000,
      peakJsHeapBytes: 1000,
      peakNativeBytes: 0,
      confirmedPeakBytes: 1000,
      rawPeakBytes: 140_000,
    });
  });

  it('of the largest told peak counts, confirmed or not', () => {
    const { writer, first, second } = createWriter();
    writer.samples(first, 2500, 4).heap(CONFIRMED, 2500);
    writer.samples(first, 0, 0).samples(second, 3000, 3).heap(UNCONFIRMED, 3000);
    writer.samples(first, 2000, 2).samples(second, 0, 0).heap(CONFIRMED, 2000);
    writer.samples(first, 2900, 2).heap(UNCONFIRMED, 2900).end();
    assert.deepEqual(peaks(writer), {
      peakBytes: 3000,
      peakJsHeapBytes: 3000,
      peakNativeBytes: 0,
      confirmedPeakBytes: 2500,
      rawPeakBytes: 3000,
    });
    assert.deepEqual(summarize(read(writer).highWaterMark()), [['second', 'js', 3000, 3]]);
  });

  it('of a confirmed peak counts, whatever was told before without being confirmed', () => {
    const { writer, first, second } = createWriter();
    writer.samples(second, 3000, 3).heap(UNCONFIRMED, 3000);
    writer.samples(second, 0, 0).samples(first, 2500, 4).heap(CONFIRMED, 2500).end();
    assert.deepEqual(peaks(writer), {
      peakBytes: 2500,
      peakJsHeapBytes: 2500,
      peakNativeBytes: 0,
      confirmedPeakBytes: 2500,
      rawPeakBytes: 3000,
    });
    assert.deepEqual(summarize(read(writer).highWaterMark()), [['first', 'js', 2500, 4]]);
  });

  it('of a confirmed peak counts, even if nothing was live then', () => {
    const { writer, first } = createWriter();
    writer.samples(first, 1000, 1).heap(UNCONFIRMED, 1000);
    writer.samples(first, 0, 0).heap(CONFIRMED, 0).end();
    assert.deepEqual(peaks(writer), {
      peakBytes: 0,
      peakJsHeapBytes: 0,
      peakNativeBytes: 0,
      confirmedPeakBytes: 0,
      rawPeakBytes: 1000,
    });
  });

  it('that is left at the end is no part of the peak', () => {
    const { writer, first, second } = createWriter();
    writer.samples(first, 1000, 1).heap(CONFIRMED, 1000);
    writer.samples(first, 700, 1).samples(second, 500, 1).heap(HEAP_END, 0).end();
    assert.deepEqual(summarize(read(writer).highWaterMark()), [['first', 'js', 1000, 1]]);
    assert.deepEqual(summarize(read(writer).leaks()), [
      ['first', 'js', 700, 1],
      ['second', 'js', 500, 1],
    ]);
  });

  it('has as its raw peak what the end tells, of all threads, where garbage was left out before', () => {
    const { writer, first } = createWriter();
    writer.samples(first, 1000, 1).heap(CONFIRMED, 1000).heap(HEAP_END, 5000).end();
    const statistics = read(writer).statistics();
    const { peakBytes, rawPeakBytes, recordedPeakBytes } = statistics;
    assert.deepEqual(
      { peakBytes, rawPeakBytes, recordedPeakBytes },
      {
        peakBytes: 1000,
        rawPeakBytes: 5000,
        recordedPeakBytes: 1000,
      },
    );
    assert.equal(read(writer).statistics({ currentThreadOnly: true }).rawPeakBytes, 1000);
  });

  it('of an older peak leaves nothing in a newer one', () => {
    const { writer, first, second } = createWriter();
    writer.samples(first, 600, 6).samples(second, 400, 4).heap(CONFIRMED, 1000);
    writer.samples(second, 0, 0).samples(first, 2000, 20).heap(CONFIRMED, 2000).end();
    assert.deepEqual(summarize(read(writer).highWaterMark()), [['first', 'js', 2000, 20]]);
  });

  it('of an older peak is still there in a newer one unless it changed', () => {
    const { writer, first, second } = createWriter();
    writer.samples(first, 600, 6).samples(second, 400, 4).heap(CONFIRMED, 1000);
    writer.samples(second, 1400, 9).heap(CONFIRMED, 2000).end();
    assert.deepEqual(summarize(read(writer).highWaterMark()), [
      ['second', 'js', 1400, 9],
      ['first', 'js', 600, 6],
    ]);
  });

  it('that was taken for none at the peak has no rows, whatever samples say', () => {
    const { writer, first, second } = createWriter();
    writer.samples(first, 600, 6).heap(UNCONFIRMED, 1000);
    writer.allocation(64, 5000, MALLOC, second).heap(UNCONFIRMED, 0).end();
    assert.deepEqual(summarize(read(writer).highWaterMark()), [['second', 'native', 5000, 1]]);
  });

  it('of a capture that was cut off is known up to there', () => {
    const { writer, first, second } = createWriter();
    writer.samples(first, 600, 6).heap(UNCONFIRMED, 600).samples(second, 400, 4);
    assert.deepEqual(summarize(read(writer).highWaterMark()), [['first', 'js', 600, 6]]);
    assert.deepEqual(summarize(read(writer).leaks()), [
      ['first', 'js', 600, 6],
      ['second', 'js', 400, 4],
    ]);
    assert.equal(read(writer).statistics().leakedBytes, 1000);
  });

  it('that nobody told of as a peak counts with the largest total', () => {
    const { writer, first } = createWriter();
    writer.heap(RAW, 1000).allocation(64, 500, MALLOC, first).heap(RAW, 1200).deallocation(64);
    writer.samples(first, 9, 1).heap(HEAP_MARK, 0).heap(RAW, 1800).end();
    const { peakBytes, peakJsHeapBytes, confirmedPeakBytes } = peaks(writer);
    assert.deepEqual([peakBytes, peakJsHeapBytes, confirmedPeakBytes], [1800, 1800, 0]);
    // What its samples would be is not known.
    assert.deepEqual(read(writer).highWaterMark(), []);
  });

  it('at the end is what leaks, beside blocks of the same call stack', () => {
    const { writer, first } = createWriter();
    writer.samples(first, 9000, 9).heap(CONFIRMED, 9000).allocation(64, 70, MALLOC, first);
    writer.samples(first, 400, 2).heap(HEAP_END, 0).end();
    const reader = read(writer);
    assert.deepEqual(summarize(reader.leaks()), [
      ['first', 'js', 400, 2],
      ['first', 'native', 70, 1],
    ]);
    assert.equal(reader.statistics().leakedBytes, 470);
    assert.equal(reader.statistics().peakBytes, 9000);
    assert.deepEqual(summarize(reader.highWaterMark()), [['first', 'js', 9000, 9]]);
  });

  it('at a mark is told from what comes later, as native memory is', () => {
    const { writer, first, second } = createWriter();
    writer.allocation(64, 70, MALLOC, first).allocation(128, 20, MALLOC, first);
    writer.samples(first, 9, 1).heap(HEAP_MARK, 0);
    writer.deallocation(128).allocation(192, 60, MALLOC, first).allocation(256, 5, MALLOC, second);
    writer.samples(first, 300, 3).samples(first, 340, 4).heap(HEAP_MARK, 0);
    writer.deallocation(64).allocation(320, 1000, MALLOC, first);
    writer.samples(first, 400, 4).heap(HEAP_END, 0).end();
    const leaks = read(writer).leaks();
    assert.deepEqual(summarize(leaks), [
      ['first', 'native', 1060, 2],
      ['first', 'js', 400, 4],
      ['second', 'native', 5, 1],
    ]);
    assert.deepEqual(
      leaks.map(({ bytesAtMark }) => bytesAtMark),
      [130, 340, 5],
    );
    assert.equal(read(writer).statistics().peakBytes, 1065);
  });

  it('at a mark is found again where a function has been compiled since', () => {
    const writer = new CaptureWriter().thread(1);
    const [cold, warm, hot] = ['~', '^', '*'].map((tier) =>
      writer.stack(0, writer.jsFrame(writer.code(`JS:${tier}f /a.js:1:1`))),
    ) as [number, number, number];
    writer.allocation(64, 70, MALLOC, cold).allocation(128, 20, MALLOC, warm);
    writer.samples(cold, 9, 1).heap(HEAP_MARK, 0);
    writer.deallocation(64).deallocation(128).allocation(192, 100, MALLOC, hot);
    writer.samples(cold, 0, 0).samples(hot, 12, 1).heap(HEAP_END, 0).end();
    const leaks = read(writer).leaks();
    assert.deepEqual(
      leaks.map(({ bytes, bytesAtMark }) => [bytes, bytesAtMark]),
      [
        [100, 90],
        [12, 9],
      ],
    );
  });

  it('at a mark leaves a row to the thread that still holds memory', () => {
    const writer = new CaptureWriter().thread(1);
    const [cold, hot] = ['~', '*'].map((tier) =>
      writer.stack(0, writer.jsFrame(writer.code(`JS:${tier}f /a.js:1:1`))),
    ) as [number, number];
    writer.thread(2).allocation(64, 70, MALLOC, cold).heap(HEAP_MARK, 0).deallocation(64);
    writer.thread(1).allocation(128, 100, MALLOC, hot).heap(HEAP_END, 0).end();
    const leaks = read(writer).leaks();
    assert.deepEqual(
      leaks.map(({ bytes, bytesAtMark, threadId }) => [bytes, bytesAtMark, threadId]),
      [[100, 70, 1]],
    );
  });

  it('at a mark makes no row of what was freed since', () => {
    const { writer, first } = createWriter();
    writer.allocation(64, 70, MALLOC, first).heap(HEAP_MARK, 0).deallocation(64);
    assert.deepEqual(read(writer.heap(HEAP_END, 0).end()).leaks(), []);
  });

  it("is the main thread's: other threads' blocks do not count when only that does", () => {
    const { writer, first } = createWriter();
    writer
      .thread(2)
      .allocation(64, 700, MALLOC, first)
      .thread(1)
      .allocation(128, 30, MALLOC, first);
    writer.samples(first, 1000, 1).heap(CONFIRMED, 1000);
    writer.samples(first, 100, 1).heap(HEAP_END, 0).end();
    assert.equal(peaks(writer).peakBytes, 1730);
    assert.equal(peaks(writer, { currentThreadOnly: true }).peakBytes, 1030);
    assert.deepEqual(summarize(read(writer).leaks({ currentThreadOnly: true })), [
      ['first', 'js', 100, 1],
      ['first', 'native', 30, 1],
    ]);
  });

  it('may have objects without a call stack', () => {
    const { writer } = createWriter();
    writer.samples(0, 16, 1).heap(CONFIRMED, 16).end();
    assert.deepEqual(summarize(read(writer).highWaterMark()), [['<unknown>', 'js', 16, 1]]);
  });

  for (const [name, write] of [
    ['a kind that is none', (writer: CaptureWriter) => writer.heap(5, 0)],
    ['a call stack that is not defined', (writer: CaptureWriter) => writer.samples(3, 1, 1)],
    ['more objects than can be', (writer: CaptureWriter) => writer.samples(1, 1, 2 ** 32)],
  ] as const) {
    it(`may not have ${name}`, () => {
      const { writer } = createWriter();
      write(writer).end();
      assert.throws(() => read(writer).statistics(), { code: 'ERR_MEMRAY_CAPTURE_CORRUPT' });
    });
  }
});
