import assert from 'node:assert/strict';
import {
  BUILTIN,
  CaptureWriter,
  CONFIRMED,
  JAVASCRIPT,
  MALLOC,
  NATIVE_FRAMES,
  STATE,
} from '../helpers/capture-writer';
import { read } from '../helpers/capture-source';
import type { AllocationRecord } from '../../dist/capture/capture-reader';

/** Writes call stacks the short way: frames by letter, most recent first. */
class Sketch {
  readonly writer: CaptureWriter;
  private readonly frames = new Map<string, number>();
  private address = 0;

  constructor(flags = 0) {
    this.writer = new CaptureWriter({ flags }).thread(1);
  }

  /** A capital letter is a native frame, `b` a builtin, `s` a state of V8, else a JS function. */
  allocate(stack: string, size: number, allocator = MALLOC): this {
    const numbers = [...stack].reverse().map((letter) => this.frame(letter));
    const top = numbers.reduce((parent, frame) => this.writer.stack(parent, frame), 0);
    this.writer.allocation((this.address += 16), size, allocator, top);
    return this;
  }

  thread(id: number): this {
    this.writer.thread(id);
    return this;
  }

  rows(options?: { native?: boolean; mergeThreads?: boolean }): AllocationRecord[] {
    for (const [letter, frame] of this.frames) {
      if (isNative(letter)) this.writer.symbol(frame, letter, `/lib/${letter}.node`);
    }
    return read(this.writer.end()).leaks(options);
  }

  private frame(letter: string): number {
    const known = this.frames.get(letter);
    if (known) return known;
    const types: Record<string, number> = { b: BUILTIN, s: STATE };
    const type = types[letter] ?? 0;
    const frame = isNative(letter)
      ? this.writer.nativeFrame(letter.charCodeAt(0))
      : this.writer.jsFrame(this.writer.code(type ? letter : `JS:~${letter} /a.js:1:1`, 0, type));
    this.frames.set(letter, frame);
    return frame;
  }
}

function isNative(letter: string): boolean {
  return letter < 'a';
}

/** Rows the short way: letters, bytes, native caller. */
function shorten(rows: AllocationRecord[]): [string, number, string][] {
  return rows.map(({ stack, bytes, nativeCaller }) => [
    stack.frames.map(({ functionName }) => functionName).join(''),
    bytes,
    nativeCaller,
  ]);
}

describe('call stacks', () => {
  it('have the most recent call first', () => {
    const [row] = new Sketch().allocate('xyz', 1).rows();
    assert.deepEqual(shorten([row!]), [['xyz', 1, '']]);
  });

  it('are told apart and found again, in whichever order functions call each other', () => {
    const sketch = new Sketch();
    const expected = new Map<string, number>();
    // All paths of up to five of six functions, in an order in which callees of one take turns.
    for (let number = 0; number < 20_000; number++) {
      const path = ((number * 7919) % 9331)
        .toString(6)
        .replaceAll(/\d/g, (digit) => 'uvwxyz'[+digit]!);
      sketch.allocate(path, number);
      expected.set(path, (expected.get(path) ?? 0) + number);
    }
    const rows = shorten(sketch.rows()).map(([path, bytes]) => [path, bytes] as const);
    assert.deepEqual(new Map(rows), expected);
    assert.equal(rows.length, expected.size);
  });

  it('are one when function, file and line are the same', () => {
    const writer = new CaptureWriter().thread(1);
    const script = writer.script('/a.js');
    const tiers = ['JS:~f /a.js:1:1', 'JS:^f /a.js:1:1', "JS:*'f /a.js:1:1"];
    tiers.forEach((name, index) => {
      const frame = writer.jsFrame(writer.code(name, script), 100 + index);
      writer.allocation(16 * index + 16, 1, MALLOC, writer.stack(0, frame));
      writer.position(script, 100 + index, 7, 20 + index);
    });
    const other = writer.jsFrame(writer.code('JS:f /a.js:1:1', script), 200);
    writer.allocation(160, 9, MALLOC, writer.stack(0, other)).position(script, 200, 8, 1);
    const rows = read(writer.end()).leaks();
    assert.deepEqual(
      rows.map(({ bytes, count, stack }) => [bytes, count, stack.frames[0]]),
      [
        [
          9,
          1,
          { functionName: 'f', filename: '/a.js', lineNumber: 8, columnNumber: 1, kind: 'js' },
        ],
        [
          3,
          3,
          { functionName: 'f', filename: '/a.js', lineNumber: 7, columnNumber: 20, kind: 'js' },
        ],
      ],
    );
  });

  it('show where a source map says that their code was written', () => {
    const writer = new CaptureWriter().thread(1);
    const script = writer.script('/out.js', 1);
    const code = writer.code('JS:~f /out.js:1:7', script, JAVASCRIPT, 1, 7);
    // On one line; the last has no position, but its function's begin.
    for (const [index, position] of [10, 20, 30, 40, -1].entries()) {
      const stack = writer.stack(0, writer.jsFrame(code, position));
      writer.allocation(16 * index + 16, 10 ** index, MALLOC, stack);
      if (position >= 0) writer.position(script, position, 1, 1 + position);
    }
    writer.original(script, '/src/a.ts', 1, 11, 8, 3).original(script, '/src/a.ts', 1, 21, 9, 5);
    writer.original(script, 'file:///src/a.ts', 1, 41, 8, 99);
    writer.original(script, 'file:///src/b%20c.ts', 1, 7, 2, 1);
    const shown = read(writer.end())
      .leaks()
      .map(({ bytes, stack: { frames } }) => {
        const { functionName, filename, lineNumber, columnNumber } = frames[0]!;
        return `${bytes} ${functionName}:${filename}:${lineNumber}:${columnNumber}`;
      });
    assert.deepEqual(shown, [
      '10000 f:/src/b c.ts:2:1',
      '1001 f:/src/a.ts:8:99',
      '100 f:/out.js:1:31',
      '10 f:/src/a.ts:9:5',
    ]);
  });

  it('have the line where the function begins when nothing says the position', () => {
    const writer = new CaptureWriter().thread(1);
    const code = writer.code('JS:~f /a.js:3:4', writer.script('/a.js'), 0, 3, 4);
    writer.allocation(16, 1, MALLOC, writer.stack(0, writer.jsFrame(code, 500)));
    const { lineNumber, columnNumber } = read(writer).leaks()[0]!.stack.frames[0]!;
    assert.deepEqual([lineNumber, columnNumber], [3, 4]);
  });

  it('have no builtins', () => {
    const rows = new Sketch().allocate('bxbyb', 1).allocate('xy', 2).allocate('b', 4).rows();
    assert.deepEqual(shorten(rows), [
      ['<unknown>', 4, ''],
      ['xy', 3, ''],
    ]);
  });

  it('that are empty have one frame, which is not known', () => {
    const [row] = new Sketch().allocate('', 1).rows();
    assert.deepEqual(row?.stack.frames, [
      { functionName: '<unknown>', filename: '', lineNumber: 0, columnNumber: 0, kind: 'native' },
    ]);
  });

  it('show a state of V8 among their JS frames', () => {
    const rows = new Sketch().allocate('sx', 1).allocate('x', 2).rows();
    assert.deepEqual(shorten(rows), [
      ['x', 2, ''],
      ['sx', 1, ''],
    ]);
  });

  it('without a line for their JS differ by JS frames only, and know who called', () => {
    const rows = new Sketch().allocate('Ax', 1).allocate('Bx', 2).allocate('x', 1).rows();
    assert.deepEqual(shorten(rows), [['x', 4, 'B.node']]);
  });

  it('without JS are their native frames', () => {
    const rows = new Sketch().allocate('AB', 1).allocate('B', 2).allocate('A', 3).rows();
    assert.deepEqual(shorten(rows), [
      ['A', 3, 'A.node'],
      ['B', 2, 'B.node'],
      ['AB', 1, 'A.node'],
    ]);
    assert.deepEqual(rows[0]?.stack.frames, [
      {
        functionName: 'A',
        filename: '/lib/A.node',
        lineNumber: 0,
        columnNumber: 0,
        kind: 'native',
      },
    ]);
  });

  it('recorded with native frames show those of the largest contributor', () => {
    const rows = new Sketch(NATIVE_FRAMES)
      .allocate('ABx', 1)
      .allocate('CDxy', 5)
      .allocate('Dxy', 4)
      .allocate('Bx', 3)
      .rows();
    assert.deepEqual(shorten(rows), [
      ['CDxy', 9, 'C.node'],
      ['Bx', 4, 'B.node'],
    ]);
  });

  it('differ by native frames when these are asked for and were recorded', () => {
    const write = (flags: number) => new Sketch(flags).allocate('Ax', 1).allocate('Bx', 3);
    assert.deepEqual(shorten(write(NATIVE_FRAMES).rows({ native: true })), [
      ['Bx', 3, 'B.node'],
      ['Ax', 1, 'A.node'],
    ]);
    assert.deepEqual(shorten(write(0).rows({ native: true })), [['x', 4, 'B.node']]);
  });

  it('differ by native frames from where these were recorded on', () => {
    const sketch = new Sketch().allocate('Bx', 1).allocate('ABx', 2).allocate('CBx', 4);
    assert.deepEqual(shorten(sketch.rows({ native: true })), [
      ['CBx', 4, 'C.node'],
      ['ABx', 2, 'A.node'],
      ['Bx', 1, 'B.node'],
    ]);
  });

  it('have a row for each heap', () => {
    const writer = new CaptureWriter().thread(1);
    const stack = writer.stack(0, writer.jsFrame(writer.code('JS:x /a.js:1:1')));
    writer.allocation(16, 1, MALLOC, stack).samples(stack, 2, 1).heap(CONFIRMED, 2);
    const rows = read(writer.end()).highWaterMark();
    assert.deepEqual(
      rows.map(({ heap, bytes }) => [heap, bytes]),
      [
        ['js', 2],
        ['native', 1],
      ],
    );
    assert.equal(rows[0]?.stack, rows[1]?.stack);
  });

  it('have a row for each thread, unless threads are merged', () => {
    const write = () => new Sketch().allocate('x', 1).thread(2).allocate('x', 2).allocate('y', 8);
    const threads = (rows: AllocationRecord[]) => rows.map((row) => [row.threadId, row.bytes]);
    assert.deepEqual(threads(write().rows()), [
      [2, 8],
      [0, 3],
    ]);
    assert.deepEqual(threads(write().rows({ mergeThreads: false })), [
      [2, 8],
      [2, 2],
      [1, 1],
    ]);
  });

  it('of native code have source file and line when the symbol has them', () => {
    const writer = new CaptureWriter().thread(1);
    const known = writer.nativeFrame(0x1000);
    const unknown = writer.nativeFrame(0x2000);
    writer.allocation(16, 1, MALLOC, writer.stack(writer.stack(0, unknown), known));
    writer.symbol(known, 'ns::make(int)', '/lib/libx.so.1', '/src/make.cc', 12);
    const [row] = read(writer.end()).leaks();
    assert.deepEqual(row?.stack.frames, [
      {
        functionName: 'ns::make(int)',
        filename: '/src/make.cc',
        lineNumber: 12,
        columnNumber: 0,
        kind: 'native',
      },
      { functionName: '<unknown>', filename: '', lineNumber: 0, columnNumber: 0, kind: 'native' },
    ]);
    assert.equal(row?.nativeCaller, 'libx.so.1');
  });

  it('may be deep and many', () => {
    const writer = new CaptureWriter().thread(1);
    const frames = Array.from({ length: 50 }, (_, i) =>
      writer.jsFrame(writer.code(`JS:f${i} /a.js:${i}:1`)),
    );
    let stack = 0;
    for (let i = 0; i < 20_000; i++) {
      stack = writer.stack(i % 1000 ? stack : 0, frames[(i * i + (i >> 5)) % 50]!);
      writer.allocation(16 * i, 1, MALLOC, stack);
    }
    const rows = read(writer.end()).leaks();
    assert.equal(
      rows.reduce((sum, { bytes }) => sum + bytes, 0),
      20_000,
    );
    assert.equal(Math.max(...rows.map((row) => row.stack.frames.length)), 1000);
    assert.equal(new Set(rows.map((row) => JSON.stringify(row.stack))).size, rows.length);
  });
});
