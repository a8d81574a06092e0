import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { CaptureReader } from '../../dist/capture/capture-reader';
import { MemrayMochaError } from '../../dist/errors';
import {
  BUILTIN,
  CaptureWriter,
  CONFIRMED,
  MALLOC,
  MMAP,
  STATE,
  WEBASSEMBLY,
} from '../helpers/capture-writer';
import { createSource, read } from '../helpers/capture-source';
import { createRandom } from '../helpers/random';

/** The largest number of bytes that a capture may tell of. */
const MAX_SIZE = Number.MAX_SAFE_INTEGER;
/** Looked at one by one, so many would keep the reader busy for many minutes. */
const CROWD = 1_000_000;
const HEADER_BYTES = 32;
const BLOCK_HEADER_BYTES = 8;

/** Every kind of record, in a few small blocks. */
function writeEverything(): Buffer {
  const writer = new CaptureWriter({ flags: 1 }, 100).metadata('node', 'v20').thread(1);
  writer.threadName(1, 'main');
  const script = writer.script('file:///a%20b.mjs', 1);
  const types = [0, WEBASSEMBLY, BUILTIN, STATE];
  const frames = types.map((type) =>
    writer.jsFrame(writer.code(`JS:~f${type} /a:1:2`, script, type), 7),
  );
  frames.push(writer.nativeFrame(0x1234));
  const stacks = frames.map((frame, index) => writer.stack(index, frame));
  for (let i = 1; i < 40; i++) {
    writer.allocation(i * 4096, i * 100, i % 5 ? MALLOC : MMAP, stacks[i % stacks.length]);
    if (i % 3 === 0) writer.deallocation((i - 1) * 4096);
  }
  writer.unmap(4096, 40_000).position(script, 7, 3, 4);
  writer.original(script, '/a.ts', 3, 4, 5, 6);
  return writer.symbol(frames.at(-1)!, 'g', '/m.node', '/m.cc', 5).end(3).toBytes();
}

function defineStack(writer: CaptureWriter): number {
  return writer.stack(0, writer.jsFrame(writer.code('JS:f /a.js:1:1')));
}

/** Makes the checksums fit what stands there. */
function repairChecksums(bytes: Buffer): void {
  bytes.writeUInt32LE(crc32(bytes.subarray(0, 28)), 28);
  for (let start = HEADER_BYTES; start + BLOCK_HEADER_BYTES <= bytes.length;) {
    const payload = start + BLOCK_HEADER_BYTES;
    const end = payload + bytes.readUInt32LE(start);
    if (end > bytes.length) return;
    bytes.writeUInt32LE(crc32(bytes.subarray(payload, end)), start + 4);
    start = end;
  }
}

/** Reads all there is to read. Gives the error's code, or '' for a valid capture. */
function readAll(bytes: Uint8Array): string {
  const reader = read(bytes);
  try {
    const { peakBytes, leakedBytes } = reader.statistics();
    const sums = [reader.highWaterMark(), reader.leaks(), reader.allocations()].map((rows) =>
      rows.reduce((sum, row) => sum + row.bytes, 0),
    );
    if (peakBytes < 2 ** 53) assert.deepEqual(sums.slice(0, 2), [peakBytes, leakedBytes]);
    return '';
  } catch (error) {
    if (!(error instanceof MemrayMochaError)) throw error;
    return error.code;
  }
}

describe('a corrupt capture', () => {
  const intact = writeEverything();

  it('is none when nothing was changed', () => assert.equal(readAll(intact), ''));

  it('is found out whichever byte was changed', () => {
    for (let index = 0; index < intact.length; index++) {
      for (const flip of [0x01, 0x80, 0xff]) {
        const bytes = Buffer.from(intact);
        bytes[index]! ^= flip;
        const code = readAll(bytes);
        const mayBeCutOff = code === '' && !read(bytes).metadata.complete;
        assert.ok(
          mayBeCutOff || code.startsWith('ERR_MEMRAY_CAPTURE_'),
          `${index} ^ ${flip}: ${code}`,
        );
      }
    }
  });

  it('never crashes or hangs the reader, even with fitting checksums', () => {
    const codes = new Set<string>();
    const random = createRandom(7);
    for (let index = 8; index < intact.length; index++) {
      for (const byte of [0, 0x01, 0x3f, 0x7f, 0x80, 0xff, random(256), random(256)]) {
        const bytes = Buffer.from(intact);
        bytes[index] = byte;
        repairChecksums(bytes);
        codes.add(readAll(bytes));
      }
    }
    assert.ok(codes.has('ERR_MEMRAY_CAPTURE_CORRUPT'));
    codes.delete('ERR_MEMRAY_CAPTURE_CORRUPT');
    codes.delete('ERR_MEMRAY_CAPTURE_VERSION');
    assert.deepEqual([...codes], ['']);
  });

  it('leaves nothing behind for the next capture', () => {
    const describe = (): unknown => {
      const reader = read(intact);
      return [reader.metadata, reader.statistics(), reader.highWaterMark(), reader.allocations()];
    };
    const first = describe();
    for (let length = 0; length < intact.length; length += 50) {
      const bytes = Buffer.from(intact.subarray(0, length));
      if (length > 0) bytes[length - 1]! ^= 0x80;
      readAll(bytes);
      assert.deepEqual(describe(), first);
    }
  });

  it('never crashes or hangs the reader when it is noise', () => {
    const random = createRandom(8);
    for (let round = 0; round < 500; round++) {
      const writer = new CaptureWriter();
      for (let i = 0; i < 10; i++) writer.raw(...Array.from({ length: 60 }, () => random(256)));
      readAll(writer.toBytes());
    }
  });

  it('never hangs the reader by many threads that allocate with one call stack', () => {
    const writer = new CaptureWriter();
    for (let i = 1; i <= CROWD; i++) writer.thread(i).allocation(i * 16, 10);
    const rows = read(writer.end()).highWaterMark({ mergeThreads: false });
    assert.deepEqual([rows.length, rows[0]!.bytes], [CROWD, 10]);
  });

  it('never hangs the reader by names of code that are nearly the name of its script', () => {
    const writer = new CaptureWriter().thread(1);
    const name = writer.string(`${' '.repeat(4095)}a`);
    const script = writer.script(`${' '.repeat(4095)}b`);
    for (let code = 1; code <= 100_000; code++) {
      writer.raw(0x06, name, script, 0, 0, 0);
      writer.allocation(code * 16, 10, MALLOC, writer.stack(0, writer.jsFrame(code)));
    }
    assert.equal(read(writer.end()).highWaterMark().length, 1);
  });

  it('never hangs the reader by addresses whose hashes it chose', () => {
    // Each is further by the inverse of the golden ratio: multiplied with that, they follow one another.
    const step = [0xfa, 0xcc, 0xbb, 0x93, 0xb3, 0xf8, 0xc1, 0xde, 0x23];
    const writer = new CaptureWriter().thread(1);
    for (let i = 1; i <= CROWD; i++) writer.raw(0x80 | 0x40 | 8, ...step, 10, MALLOC);
    writer.end(0, { allocations: CROWD, deallocations: 0 });
    assert.equal(read(writer).statistics().peakBytes, CROWD * 10);
  });

  const corruptions: [string, RegExp, (writer: CaptureWriter) => void][] = [
    ['an undefined tag', /undefined tag 17\b/, (writer) => writer.raw(0x11)],
    ['the tag 0', /undefined tag 0\b/, (writer) => writer.raw(0)],
    ['a tag kept free', /undefined tag 80\b/, (writer) => writer.raw(0x50)],
    [
      'a varint without an end',
      /more than 64 bits/,
      (writer) => writer.raw(2, ...Array<number>(10).fill(0xff)),
    ],
    [
      'a varint of 65 bits',
      /more than 64 bits/,
      (writer) => writer.raw(2, ...Array<number>(9).fill(0x80), 2),
    ],
    ['a call stack that is not defined', /number 1\b/, (writer) => writer.allocation(8, 1, 1, 1)],
    [
      'a call stack beyond 32 bits',
      /not allowed/,
      (writer) => writer.raw(0x80 | 8, 2, 1, 1, 0x80, 0x80, 0x80, 0x80, 0x20),
    ],
    ['a call stack below 0', /not allowed/, (writer) => writer.raw(0x80 | 8, 2, 1, 1, 1)],
    ['an allocator that is not defined', /number 11\b/, (writer) => writer.allocation(8, 1, 11)],
    ['an allocator of the JS heap', /number 64\b/, (writer) => writer.allocation(8, 1, 64)],
    [
      'an allocation by the expected allocator before any',
      /number 0\b/,
      (writer) => writer.raw(0xf0),
    ],
    [
      'a size that cannot be',
      /number/,
      (writer) => writer.raw(0x80 | 8, 2, ...Array<number>(8).fill(0xff), 0, 1),
    ],
    [
      'a mapping beyond the last address',
      /number 16\b/,
      (writer) => writer.raw(0xc0 | 8, 1, 16, 16),
    ],
    [
      'more live than can be',
      /number/,
      (writer) => writer.allocation(8, MAX_SIZE, MALLOC).allocation(16, 1, MALLOC),
    ],
    [
      'more allocated than can be',
      /number/,
      (writer) => {
        writer.allocation(8, MAX_SIZE, MALLOC).deallocation(8).allocation(8, 1, MALLOC);
      },
    ],
    ['a JS heap that cannot be', /number/, (writer) => writer.heap(CONFIRMED, MAX_SIZE + 1)],
    ['bytes of no objects', /number 5\b/, (writer) => writer.samples(defineStack(writer), 5, 0)],
    ['objects that cannot be', /number/, (writer) => writer.samples(0, MAX_SIZE + 1, 1)],
    [
      'more objects than can be',
      /number/,
      (writer) => writer.samples(0, MAX_SIZE, 1).samples(defineStack(writer), 1, 1),
    ],
    ['a thread 0', /number 0\b/, (writer) => writer.thread(0)],
    ['a script that is not defined', /number 1\b/, (writer) => writer.code('JS:f', 1)],
    ['a type of code that is not defined', /number 4\b/, (writer) => writer.code('JS:f', 0, 4)],
    ['code that is not defined', /number 0\b/, (writer) => writer.jsFrame(0)],
    ['a frame that is not defined', /number 1\b/, (writer) => writer.stack(0, 1)],
    ['no frame', /number 0\b/, (writer) => writer.stack(0, 0)],
    ['its own caller', /number 1\b/, (writer) => writer.stack(1, writer.nativeFrame(8))],
    [
      'a symbol for a JS frame',
      /number/,
      (writer) => writer.symbol(writer.jsFrame(writer.code('JS:f')), 'f'),
    ],
    ['a string that is not defined', /number 9\b/, (writer) => writer.raw(0x05, 9, 0)],
    ['a text longer than texts are', /number 4097\b/, (writer) => writer.string('x'.repeat(4097))],
    ['a text longer than its block', /ends behind its block/, (writer) => writer.raw(0x04, 5, 65)],
    ['a record longer than its block', /ends behind its block/, (writer) => writer.raw(0x08, 1)],
    [
      'other counts than it says',
      /count of 5 records/,
      (writer) => writer.end(0, { allocations: 5, deallocations: 0 }),
    ],
    ['a record after END', /data after its end/, (writer) => writer.end().thread(1)],
    ['a block after END', /data after its end/, (writer) => writer.end().flush().thread(1)],
  ];
  for (const [what, found, write] of corruptions) {
    it(`has ${what}`, () => {
      const writer = new CaptureWriter();
      write(writer);
      assert.throws(() => read(writer).statistics(), {
        code: 'ERR_MEMRAY_CAPTURE_CORRUPT',
        message: found,
      });
    });
  }

  it('has another main thread than 1', () => {
    for (const mainThread of [0, 2]) {
      assert.throws(() => read(new CaptureWriter({ mainThread }).end()).metadata, {
        code: 'ERR_MEMRAY_CAPTURE_CORRUPT',
        message: new RegExp(`the number ${mainThread},`),
      });
    }
  });

  it('has a block too long, or of no length', () => {
    for (const length of [0, 65_537, 0xffff_ffff]) {
      const block = Buffer.alloc(BLOCK_HEADER_BYTES);
      block.writeUInt32LE(length);
      const bytes = Buffer.concat([new CaptureWriter().thread(1).toBytes(), block]);
      assert.throws(() => read(bytes).metadata, {
        code: 'ERR_MEMRAY_CAPTURE_CORRUPT',
        message: new RegExp(`a block of ${length} bytes, at byte 42\\.`),
      });
    }
  });

  it('has something after END that is not even a block, wherever pieces of it end', () => {
    const whole = new CaptureWriter().end().toBytes();
    const bytes = Buffer.concat([whole, Buffer.from('x')]);
    for (const chunkBytes of [bytes.length, whole.length, 7]) {
      assert.throws(() => new CaptureReader(createSource(bytes, chunkBytes)).metadata, {
        message: new RegExp(`data after its end, at byte ${whole.length}\\.`),
      });
    }
  });

  it('says where', () => {
    const writer = new CaptureWriter().thread(1).flush().thread(2).raw(0x3f);
    assert.throws(() => read(writer).metadata, { message: /tag 63, at byte 53\./ });
  });
});
