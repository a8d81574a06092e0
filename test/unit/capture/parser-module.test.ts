import assert from 'node:assert/strict';
import { CaptureReader } from '../../../dist/capture/capture-reader';
import { parseCapture } from '../../../dist/capture/parser-module';
import { CaptureWriter } from '../../helpers/capture-writer';
import { createSource } from '../../helpers/capture-source';
import { loadAnew } from '../../helpers/load-anew';

/** The part of it that is used here: its types come with a browser's only. */
declare const WebAssembly: { Instance: new (module: object) => { exports: object } };

const OPTIONS = { mainThreadOnly: false, mergeThreads: true };

/** A capture in which blocks come and go, of which never more than a few live. */
function writeChurn(events: number): Buffer {
  const writer = new CaptureWriter().thread(1);
  for (let i = 0; i < events; i += 2) {
    const address = 0x10000 + (i % 512) * 64;
    writer.allocation(address, 64).deallocation(address);
  }
  return writer.end().toBytes();
}

/** How large the memory is that the parser is given to write to. */
function memoryNeeded(bytes: Buffer): number {
  let largest = 0;
  const whole = createSource(bytes);
  const source = {
    sizeBytes: whole.sizeBytes,
    read(offset: number, target: Uint8Array) {
      largest = Math.max(largest, target.buffer.byteLength);
      return whole.read(offset, target);
    },
  };
  parseCapture(source, 'test', OPTIONS);
  return largest;
}

/** Parses as the module does whose results lie 2 GiB further up in its memory. */
function parseFarUp(bytes: Buffer): object {
  const far = 2 ** 31;
  const { slice } = ArrayBuffer.prototype;
  const { Instance } = WebAssembly;
  class FarInstance {
    readonly exports: object;

    constructor(module: object) {
      const exports: Record<string, unknown> = { ...new Instance(module).exports };
      for (const name of Object.keys(exports).filter((each) => /^show[A-Z]/.test(each))) {
        const show = exports[name] as (...args: unknown[]) => number;
        exports[name] = (...args: unknown[]) => (show(...args) + far) | 0;
      }
      this.exports = exports;
    }
  }
  try {
    Object.assign(WebAssembly, { Instance: FarInstance });
    ArrayBuffer.prototype.slice = function (begin, end) {
      return slice.call(this, begin! - far, end! - far);
    };
    const anew = loadAnew<{ parseCapture: typeof parseCapture }>(
      '../../dist/capture/parser-module',
    );
    return anew.parseCapture(createSource(bytes), 'test', OPTIONS);
  } finally {
    ArrayBuffer.prototype.slice = slice;
    Object.assign(WebAssembly, { Instance });
  }
}

describe('parseCapture', () => {
  it('needs no more memory for a longer capture', () => {
    const long = writeChurn(500_000);
    assert.ok(long.length > 2 ** 19, `${long.length} bytes`);
    const needed = memoryNeeded(long);
    assert.equal(memoryNeeded(writeChurn(2_000_000)), needed);
    assert.ok(needed < 2 ** 20, `${needed} bytes`);
  });

  it('needs no more for a small capture than for the smallest', () => {
    assert.equal(memoryNeeded(writeChurn(10_000)), memoryNeeded(writeChurn(2)));
  });

  it('gives tables of their own, not views of its memory', () => {
    const { rows, frames, texts } = parseCapture(createSource(writeChurn(1000)), 'test', OPTIONS);
    for (const table of [...rows, frames, texts]) {
      assert.equal(table.byteLength, table.buffer.byteLength);
    }
  });

  it('finds its results beyond 2 GiB of memory', () => {
    const bytes = writeChurn(1000);
    assert.deepEqual(parseFarUp(bytes), parseCapture(createSource(bytes), 'test', OPTIONS));
  });

  it('learns nothing from what a test has replaced meanwhile', () => {
    const bytes = writeChurn(100);
    const whole = createSource(bytes);
    const { entries } = Object;
    const source = {
      sizeBytes: whole.sizeBytes,
      read(offset: number, target: Uint8Array) {
        Object.entries = () => [];
        try {
          parseCapture(createSource(bytes), 'another', OPTIONS);
        } finally {
          Object.entries = entries;
        }
        return whole.read(offset, target);
      },
    };
    const expected = parseCapture(createSource(bytes), 'test', OPTIONS);
    assert.deepEqual(parseCapture(source, 'test', OPTIONS), expected);
  });

  it('says what to do where there is no memory for WebAssembly', () => {
    const { Instance } = WebAssembly;
    const cause = new RangeError('WebAssembly.Instance(): Out of memory');
    class NoInstance {
      readonly exports = {};

      constructor() {
        throw cause;
      }
    }
    const anew = loadAnew<{ parseCapture: typeof parseCapture }>(
      '../../dist/capture/parser-module',
    );
    Object.assign(WebAssembly, { Instance: NoInstance });
    try {
      assert.throws(() => anew.parseCapture(createSource(writeChurn(2)), 'test', OPTIONS), {
        code: 'ERR_MEMRAY_NOT_MEASURED',
        message:
          /no memory for WebAssembly\. Raise the limit of addresses \(ulimit -v\), or start /,
        cause,
      });
    } finally {
      Object.assign(WebAssembly, { Instance });
    }
  });

  it('lets an error of the source through', () => {
    const source = {
      sizeBytes: 100,
      read() {
        throw new RangeError('from the source');
      },
    };
    assert.throws(() => parseCapture(source, 'test', OPTIONS), /^RangeError: from the source/);
  });

  it('reads thousands of captures in one process', () => {
    const bytes = writeChurn(100);
    for (let i = 0; i < 3000; i++) {
      const reader = new CaptureReader(createSource(bytes));
      assert.equal(reader.statistics().allocationCount, 50);
      reader.close();
    }
  });
});
