import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import {
  CaptureReader,
  type CaptureSource,
  type ReadOptions,
} from '../../../dist/capture/capture-reader';
import { CaptureWriter, NATIVE_FRAMES } from '../../helpers/capture-writer';
import { createSource } from '../../helpers/capture-source';

/** A source that counts how often it is read from the start. */
class CountingSource implements CaptureSource {
  passes = 0;
  closed = 0;
  readonly sizeBytes: number;
  private readonly source: CaptureSource;

  constructor(bytes: Uint8Array) {
    this.source = createSource(bytes);
    this.sizeBytes = bytes.length;
  }

  read(offset: number, target: Uint8Array): number {
    if (offset === 0) this.passes++;
    return this.source.read(offset, target);
  }

  close(): void {
    this.closed++;
  }
}

function writeCapture(flags = 0): Buffer {
  const writer = new CaptureWriter({ flags }).metadata('cwd', '/app').thread(1);
  const stack = writer.stack(0, writer.jsFrame(writer.code('JS:~keep /app/a.js:3:4')));
  writer.allocation(16, 100, 1, stack).allocation(32, 50, 1, stack).deallocation(32);
  return writer.thread(2).allocation(48, 7, 1, stack).end(20).toBytes();
}

describe('CaptureReader', () => {
  let folder: string;
  let path: string;

  before(() => {
    folder = fs.mkdtempSync(join(tmpdir(), 'memray-mocha-'));
    path = join(folder, 'kept.bin');
    fs.writeFileSync(path, writeCapture());
  });

  after(() => fs.rmSync(folder, { recursive: true }));

  it('refuses what is neither a path nor gives bytes', () => {
    const read = () => 0;
    for (const source of [undefined, null, 5, {}, { read }, { read, sizeBytes: NaN }]) {
      assert.throws(() => new CaptureReader(source as unknown as string), {
        code: 'ERR_MEMRAY_INVALID_ARGUMENT',
        message:
          /^Expected the capture to be a path, or an object with `read` and `sizeBytes`, got /,
      });
    }
  });

  it('refuses a source that does not say how much it read', () => {
    for (const length of [undefined, NaN, -1, 0.5, 2 ** 30]) {
      const read = () => length as number;
      assert.throws(() => new CaptureReader({ sizeBytes: 5, read }).metadata, {
        code: 'ERR_MEMRAY_INVALID_ARGUMENT',
        message: /^Expected what the capture's `read` gives to be a whole number, 0 to \d+, got /,
      });
    }
  });

  it('refuses options that there are not', () => {
    const reader = new CaptureReader(path);
    for (const options of [{ currentThreadonly: true }, { native: 1 }, 'x', null]) {
      const wrong = options as ReadOptions;
      for (const ask of [
        () => reader.statistics(wrong),
        () => reader.highWaterMark(wrong),
        () => reader.leaks(wrong),
        () => reader.allocations(wrong),
      ]) {
        assert.throws(ask, {
          code: 'ERR_MEMRAY_INVALID_ARGUMENT',
          message: /options? of CaptureReader to be /,
        });
      }
    }
    reader.close();
  });

  it('reads a file', () => {
    const reader = new CaptureReader(path);
    assert.equal(reader.metadata.cwd, '/app');
    const keep = {
      functionName: 'keep',
      filename: '/app/a.js',
      lineNumber: 3,
      columnNumber: 4,
      kind: 'js',
    };
    assert.deepEqual(reader.highWaterMark(), [
      {
        bytes: 150,
        count: 2,
        bytesAtMark: 0,
        heap: 'native',
        threadId: 1,
        stack: { frames: [keep] },
        innermost: keep,
        nativeCaller: '',
      },
    ]);
    assert.deepEqual(
      reader.leaks().map(({ bytes, threadId }) => [bytes, threadId]),
      [[107, 0]],
    );
    assert.equal(reader.allocations()[0]?.bytes, 157);
    reader.close();
  });

  it('reads nothing before it is asked, and once for all that is the same', () => {
    const source = new CountingSource(writeCapture());
    const reader = new CaptureReader(source);
    assert.equal(source.passes, 0);
    reader.statistics();
    reader.highWaterMark({});
    reader.leaks({ mergeThreads: true, native: true, currentThreadOnly: false });
    assert.equal(reader.metadata.complete, true);
    assert.equal(source.passes, 1);
    reader.leaks({ currentThreadOnly: true });
    reader.statistics({ currentThreadOnly: true, mergeThreads: false });
    assert.equal(source.passes, 2);
    reader.highWaterMark({ mergeThreads: false });
    assert.equal(source.passes, 3);
  });

  it('reads once for rows with native frames and without', () => {
    const source = new CountingSource(writeCapture(NATIVE_FRAMES));
    const reader = new CaptureReader(source);
    reader.highWaterMark({ native: true });
    reader.leaks();
    assert.equal(source.passes, 1);
  });

  it('counts one thread only when asked', () => {
    const reader = new CaptureReader(createSource(writeCapture()));
    assert.equal(reader.statistics().leakedBytes, 107);
    assert.equal(reader.statistics({ currentThreadOnly: true }).leakedBytes, 100);
    assert.equal(reader.statistics({ currentThreadOnly: true }).allocationCount, 2);
  });

  it('gives its source back, once, and cannot be used then', () => {
    const source = new CountingSource(writeCapture());
    const reader = new CaptureReader(source);
    reader.leaks();
    reader.close();
    reader.close();
    assert.equal(source.closed, 1);
    assert.throws(() => reader.leaks(), { code: 'ERR_MEMRAY_CAPTURE_CLOSED' });
    assert.throws(() => reader.metadata, { code: 'ERR_MEMRAY_CAPTURE_CLOSED' });
  });

  it('says which file it cannot open', () => {
    const missing = join(folder, 'missing.bin');
    assert.throws(() => new CaptureReader(missing), {
      code: 'ERR_MEMRAY_CAPTURE_UNREADABLE',
      message: /missing\.bin: ENOENT/,
    });
    assert.throws(() => new CaptureReader(folder).metadata, {
      code: 'ERR_MEMRAY_CAPTURE_UNREADABLE',
      message: /EISDIR/,
    });
  });

  it('says which file is not a capture', () => {
    const other = join(folder, 'other.bin');
    for (const text of ['', 'MEMRAYJS', 'no capture, whatever it may be called']) {
      fs.writeFileSync(other, text);
      assert.throws(() => new CaptureReader(other).metadata, {
        code: 'ERR_MEMRAY_CAPTURE_NOT_A_CAPTURE',
        message: new RegExp(`other\\.bin \\(${text.length} bytes\\) is not a capture`),
      });
    }
  });

  it('says which version it does not read', () => {
    for (const version of [1, 2, 4]) {
      const bytes = new CaptureWriter({ version }).toBytes();
      assert.throws(() => new CaptureReader(createSource(bytes)).metadata, {
        code: 'ERR_MEMRAY_CAPTURE_VERSION',
        message: `The capture is a capture of format version ${version}, which this memray-mocha does not read. Read it with the memray-mocha that wrote it, or record it again.`,
      });
    }
  });

  it('comes to an end where what it reads by is replaced', () => {
    const { getUint32 } = DataView.prototype;
    for (const replaced of [() => undefined, () => NaN, () => 1]) {
      const [row] = new CaptureReader(path).highWaterMark();
      try {
        DataView.prototype.getUint32 = replaced as () => number;
        assert.throws(() => row!.stack.frames, { code: 'ERR_MEMRAY_NOT_MEASURED' });
      } finally {
        DataView.prototype.getUint32 = getUint32;
      }
    }
  });

  it('reads while a test has replaced functions of fs', () => {
    const { openSync, readSync, fstatSync, closeSync } = fs;
    const fail = () => {
      throw new Error('fake');
    };
    try {
      Object.assign(fs, { openSync: fail, readSync: fail, fstatSync: fail, closeSync: fail });
      const reader = new CaptureReader(path);
      assert.equal(reader.metadata.cwd, '/app');
      reader.close();
    } finally {
      Object.assign(fs, { openSync, readSync, fstatSync, closeSync });
    }
  });
});
