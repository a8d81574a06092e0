import assert from 'node:assert/strict';
import { CaptureWriter, MALLOC, MMAP, MPROTECT, MREMAP } from '../helpers/capture-writer';
import { read } from '../helpers/capture-source';
import { MemoryModel } from '../helpers/memory-model';
import { createRandom } from '../helpers/random';
import type { AllocationRecord, ReadOptions } from '../../dist/capture/capture-reader';

const PAGE = 4096;

function leakOf(write: (writer: CaptureWriter) => void): { bytes: number; count: number } {
  const writer = new CaptureWriter().thread(1);
  write(writer);
  const [row] = read(writer.end()).leaks();
  return { bytes: row?.bytes ?? 0, count: row?.count ?? 0 };
}

describe('blocks', () => {
  it('end once, and only those that began', () => {
    const leak = leakOf((writer) =>
      writer.deallocation(64).allocation(64, 10).deallocation(64).deallocation(64).deallocation(72),
    );
    assert.deepEqual(leak, { bytes: 0, count: 0 });
  });

  it('end when their address is given out again', () => {
    const leak = leakOf((writer) => writer.allocation(64, 10).allocation(64, 30));
    assert.deepEqual(leak, { bytes: 30, count: 1 });
  });

  it('count before any thread is named', () => {
    const writer = new CaptureWriter().allocation(16, 5).end();
    assert.equal(read(writer).statistics().leakedBytes, 5);
  });

  it('of no bytes live too', () => {
    const leak = leakOf((writer) => writer.allocation(64, 0));
    assert.deepEqual(leak, { bytes: 0, count: 1 });
  });

  it('may be of any size and at any address', () => {
    const large = 2 ** 40;
    const leak = leakOf((writer) =>
      writer
        .allocation(0, 2 ** 31 - 1)
        .allocation(8, 2 ** 31)
        .allocation(16, large)
        .deallocation(8)
        .allocation(8, large + 1)
        .deallocation(16)
        .allocation(16, 2 ** 32),
    );
    assert.deepEqual(leak, { bytes: 2 ** 31 - 1 + 2 ** 32 + large + 1, count: 3 });
  });

  it('are found again among many, in any order', () => {
    const blocks = 100_000;
    const leak = leakOf((writer) => {
      for (let i = 0; i < blocks; i++) writer.allocation(i * 16, i);
      for (let i = 0; i < blocks - 1; i++) writer.deallocation(((i * 7919) % blocks) * 16);
    });
    const left = ((blocks - 1) * 7919) % blocks;
    assert.deepEqual(leak, { bytes: left, count: 1 });
  });
});

describe('mappings', () => {
  it('end where UNMAP says, in part and in the middle', () => {
    const leak = leakOf((writer) =>
      writer
        .allocation(10 * PAGE, 10 * PAGE, MMAP)
        .unmap(10 * PAGE, PAGE)
        .unmap(19 * PAGE, 5 * PAGE)
        .unmap(14 * PAGE, PAGE)
        .unmap(15 * PAGE, 0),
    );
    assert.deepEqual(leak, { bytes: 7 * PAGE, count: 2 });
  });

  it('end when UNMAP spans several', () => {
    const leak = leakOf((writer) => {
      for (let i = 0; i < 10; i++) writer.allocation(i * 10 * PAGE, 5 * PAGE, MMAP);
      writer.unmap(12 * PAGE, 61 * PAGE);
    });
    assert.deepEqual(leak, { bytes: (5 + 2 + 2 + 5 + 5) * PAGE, count: 5 });
  });

  it('end where another one is put over them', () => {
    const writer = new CaptureWriter().thread(1);
    const stack = writer.stack(0, writer.jsFrame(writer.code('JS:f /a.js:1:1')));
    writer.allocation(0, 10 * PAGE, MMAP).allocation(2 * PAGE, PAGE, MPROTECT, stack);
    writer.allocation(9 * PAGE, 4 * PAGE, MREMAP, stack).allocation(5 * PAGE, 0, MMAP);
    const reader = read(writer.end());
    assert.deepEqual(
      reader.leaks().map(({ bytes, count }) => ({ bytes, count })),
      [
        { bytes: 8 * PAGE, count: 2 },
        { bytes: 5 * PAGE, count: 2 },
      ],
    );
    assert.equal(reader.statistics().peakBytes, 13 * PAGE);
    assert.equal(reader.statistics().allocationCount, 4);
  });

  it('may be very many, each below or above those before', function () {
    this.timeout(30_000);
    const count = 500_000;
    const middle = count * 2 * PAGE;
    const leak = leakOf((writer) => {
      for (let i = 1; i <= count; i++) writer.allocation(middle - i * 2 * PAGE, PAGE, MMAP);
      for (let i = 0; i < count; i++) writer.allocation(middle + i * 2 * PAGE, PAGE, MMAP);
      writer.unmap(PAGE, middle);
    });
    assert.deepEqual(leak, { bytes: count * PAGE, count });
  });

  it('and blocks are separate worlds', () => {
    const leak = leakOf((writer) =>
      writer
        .allocation(PAGE, PAGE, MMAP)
        .allocation(PAGE, 100, MALLOC)
        .deallocation(PAGE)
        .allocation(2 * PAGE - 8, 50, MALLOC)
        .unmap(PAGE, PAGE),
    );
    assert.deepEqual(leak, { bytes: 50, count: 1 });
  });
});

describe('any stream of events', () => {
  for (let seed = 1; seed <= 40; seed++) {
    it(`gives what a simple model gives (${seed})`, () => compareWithModel(seed));
  }
});

/** Few addresses and threads, so that everything meets everything. */
function compareWithModel(seed: number): void {
  const random = createRandom(seed);
  const writer = new CaptureWriter({}, 200 + random(2000));
  const all = new MemoryModel();
  const mainOnly = new MemoryModel();
  const code = writer.code('JS:f /a.js:1:1');
  const stacks = [
    0,
    ...Array.from({ length: 4 }, (_, i) => writer.stack(0, writer.jsFrame(code, i))),
  ];
  stacks.slice(1).forEach((_, i) => writer.position(0, i, i + 10, 1));
  let thread = 1;
  writer.thread(thread);
  const allocate = (mapping: boolean, address: number, size: number) => {
    const stack = stacks[random(stacks.length)]!;
    const key = `${stack && stack + 9}/native/${thread}`;
    writer.allocation(address, size, mapping ? MMAP + random(3) : 1 + random(10), stack);
    for (const [model, counts] of [
      [all, true],
      [mainOnly, thread === 1],
    ] as const) {
      if (mapping) model.allocateMapping(address, size, counts ? key : undefined);
      else model.allocateBlock(address, size, counts ? key : undefined);
    }
  };
  const deallocate = (address: number) => {
    writer.deallocation(address);
    for (const model of [all, mainOnly]) model.deallocate(address);
  };
  const unmap = (address: number, size: number) => {
    writer.unmap(address, size);
    for (const model of [all, mainOnly]) model.unmap(address, size);
  };
  const spread = 1 + random(200);
  for (let i = 0; i < 1500; i++) {
    const address = random(spread) * 16;
    const kind = random(20);
    if (kind < 8) allocate(false, address, random(1000));
    else if (kind < 14) deallocate(address);
    else if (kind < 15) {
      // realloc: a deallocation and an allocation
      deallocate(address);
      allocate(false, random(2) ? address : random(spread) * 16, random(2000));
    } else if (kind < 17) allocate(true, random(40) * PAGE, random(8) * PAGE);
    else if (kind < 19) unmap(random(40) * PAGE, random(8) * PAGE);
    else writer.thread((thread = 1 + random(3)));
  }
  const reader = read(writer.end());
  for (const [model, currentThreadOnly] of [
    [all, false],
    [mainOnly, true],
  ] as const) {
    const options: ReadOptions = { mergeThreads: false, currentThreadOnly };
    const { peakBytes, leakedBytes } = reader.statistics(options);
    assert.equal(peakBytes, model.peakBytes);
    assert.deepEqual(keyed(reader.highWaterMark(options)), sorted(model.peak));
    assert.deepEqual(keyed(reader.leaks(options)), sorted(model.live()));
    assert.deepEqual(keyed(reader.allocations(options)), sorted(model.total));
    assert.equal(sumOf(reader.highWaterMark(options)), peakBytes);
    assert.equal(sumOf(reader.highWaterMark({ currentThreadOnly })), peakBytes);
    assert.equal(sumOf(reader.leaks({ currentThreadOnly })), leakedBytes);
  }
}

function keyed(rows: AllocationRecord[]): [string, { bytes: number; count: number }][] {
  return sorted(
    new Map(
      rows.map(({ bytes, count, heap, threadId, stack }) => [
        `${stack.frames[0]!.lineNumber}/${heap}/${threadId}`,
        { bytes, count },
      ]),
    ),
  );
}

function sorted<T>(sums: Map<string, T>): [string, T][] {
  return [...sums].sort(([a], [b]) => (a < b ? -1 : 1));
}

function sumOf(rows: AllocationRecord[]): number {
  return rows.reduce((sum, { bytes }) => sum + bytes, 0);
}
