// The tests' own writer against docs/capture-format.md, byte by byte: what reads its captures
// correctly then reads the format.
import assert from 'node:assert/strict';
import { crc32 } from 'node:zlib';
import { CaptureWriter, CALLOC, MALLOC, WEBASSEMBLY } from '../helpers/capture-writer';

const HEADER_BYTES = 32;
const BLOCK_HEADER_BYTES = 8;

function payloadOf(writer: CaptureWriter): number[] {
  return [...writer.toBytes().subarray(HEADER_BYTES + BLOCK_HEADER_BYTES)];
}

describe('CaptureWriter', () => {
  it('writes the header', () => {
    const bytes = new CaptureWriter({
      flags: 3,
      pid: 258,
      startedAtMs: 1,
      mainThread: 7,
    }).toBytes();
    const start = Buffer.from(
      '4d454d5241594a53 0300 0300 02010000 0100000000000000 07000000'.replaceAll(' ', ''),
      'hex',
    );
    assert.equal(bytes.length, HEADER_BYTES);
    assert.deepEqual(bytes.subarray(0, 28), start);
    assert.equal(bytes.readUInt32LE(28), crc32(start));
  });

  it('writes a block: length, checksum, records', () => {
    const bytes = new CaptureWriter().thread(300).toBytes();
    assert.deepEqual([...bytes.subarray(32, 36)], [3, 0, 0, 0]);
    assert.equal(bytes.readUInt32LE(36), crc32(bytes.subarray(40)));
    assert.deepEqual([...bytes.subarray(40)], [0x02, 0xac, 0x02]);
  });

  it('writes hot records as short as they can be', () => {
    const writer = new CaptureWriter()
      .allocation(0x1000, 100, MALLOC, 0) // everything but the call stack is new
      .allocation(0x1010, 100, MALLOC, 0) // only the address is
      .allocation(0x1018, 200, CALLOC, 0)
      .deallocation(0x1000) // in slot 0x100 % 8 = 0 of the cache
      .deallocation(0x2000)
      .deallocation(0x5_0000) // the first of region 5
      .deallocation(0x2008);
    assert.deepEqual(payloadOf(writer), [
      ...[0x80 | 0x40 | 8, 0x80, 0x08, 100, 1],
      ...[0x80 | 0x40 | 0x20 | 0x10 | 8, 4],
      ...[0x80 | 0x40 | 8, 2, 0xc8, 0x01, 2],
      ...[0x40 | 0],
      ...[0x40 | 8, 0xfa, 0x07],
      ...[0x40 | 8 | 5, 0x80, 0x80, 0x05],
      ...[0x40 | 8, 2],
    ]);
  });

  it('writes call stacks as differences from what followed the last time', () => {
    const writer = new CaptureWriter();
    for (const stack of [3, 1, 3, 1, 67, 2]) writer.allocation(8, 0, MALLOC, stack);
    assert.deepEqual(payloadOf(writer), [
      ...[0x80 | 0x10 | 8, 2, 1, 6],
      ...[0x80 | 0x10 | 0, 1, 2], // after 3: 0 + 1
      ...[0x80 | 0x10 | 0, 1, 6], // after 1: 0 + 3
      0x80 | 0x70, // after 3: 1
      ...[0x80 | 0x30, 0x80, 0x01], // after 1: 3 + 64
      ...[0x80 | 0x30, 2], // after 67, which counts as 3: 1 + 1
    ]);
  });

  it('writes samples as differences from the call stack before', () => {
    const writer = new CaptureWriter().samples(5, 300, 4).samples(2, 0, 0).heap(2, 400);
    assert.deepEqual(payloadOf(writer), [
      ...[0x0f, 10, 0xac, 0x02, 4],
      ...[0x0f, 5, 0, 0],
      ...[0x0e, 2, 0x90, 0x03],
    ]);
  });

  it('writes all other records', () => {
    const writer = new CaptureWriter();
    writer.threadName(2, 'é');
    const script = writer.script('/a.js', 1);
    const code = writer.code('JS:f', script, WEBASSEMBLY, 5, 6);
    writer.stack(0, writer.jsFrame(code, 130));
    writer.stack(1, writer.nativeFrame(0x7f0102030405));
    writer.unmap(4096, 8192).position(script, 130, 7, 8).symbol(2, '', 'm').metadata('k', 'v');
    writer.end(9);
    assert.deepEqual(payloadOf(writer), [
      ...[0x03, 2, 2, 0xc3, 0xa9],
      ...[0x04, 5, ...Buffer.from('/a.js'), 0x05, 1, 1],
      ...[0x04, 4, ...Buffer.from('JS:f'), 0x06, 2, 1, 1, 5, 6],
      ...[0x07, 1, 0x83, 0x01, 0x09, 0, 1],
      ...[0x08, 5, 4, 3, 2, 1, 0x7f, 0, 0, 0x09, 1, 2],
      ...[0x0a, 0x80, 0x20, 0x80, 0x40],
      ...[0x0b, 1, 0x82, 0x01, 7, 8],
      ...[0x04, 1, 0x6d, 0x0c, 2, 0, 3, 0, 0],
      ...[0x0d, 1, 0x6b, 1, 0x76],
      ...[0x01, 0, 0, 9],
    ]);
  });

  it('begins a block rather than have a record straddle two', () => {
    const bytes = new CaptureWriter({}, 24).thread(1).metadata('key', 'a longer value').toBytes();
    assert.equal(bytes.readUInt32LE(HEADER_BYTES), 2);
    assert.equal(bytes.readUInt32LE(HEADER_BYTES + BLOCK_HEADER_BYTES + 2), 20);
  });
});
