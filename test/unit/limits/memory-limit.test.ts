import assert from 'node:assert/strict';
import type { AllocationRecord } from '../../../dist/capture/capture-reader';
import {
  createMemoryLimit,
  judgeMemory,
  type MemoryLimit,
} from '../../../dist/limits/memory-limit';
import type { TextOptions } from '../../../dist/limits/verdict';
import { row } from '../../helpers/rows';

const options: TextOptions = {
  cwd: '/src/demo',
  stacks: 1,
  native: false,
  verbosity: 0,
  capture: null,
};
const stack = [
  'alloc:node:buffer:380',
  '<listcomp>:/src/demo/test_ok.py:17',
  'test_memory_exceed:/src/demo/test_ok.py:17',
  'run:/src/demo/node_modules/mocha/lib/runnable.js:1',
];

describe('createMemoryLimit', function () {
  it('takes a size and options', function () {
    assert.deepEqual(createMemoryLimit('1 KB'), { bytes: 1024, currentThreadOnly: false });
    assert.deepEqual(createMemoryLimit(5, { currentThreadOnly: true }), {
      bytes: 5,
      currentThreadOnly: true,
    });
  });

  it('takes the baseline, with a tolerance', function () {
    const limit = { bytes: Infinity, currentThreadOnly: false };
    assert.deepEqual(createMemoryLimit('baseline'), { ...limit, baseline: { tolerance: 0 } });
    assert.deepEqual(createMemoryLimit('baseline', { tolerance: ' 12.5 %' }), {
      ...limit,
      baseline: { tolerance: 0.125 },
    });
  });

  for (const [limit, tolerance, expected] of [
    ['baseline', '10', /`tolerance` option of limitMemory to be a share such as "10%", got '10'/],
    ['baseline', `${'9'.repeat(400)}%`, /`tolerance` option of limitMemory to be a share such as/],
    ['1 MB', '10%', /`tolerance` option .* given with the limit "baseline" only, got '10%'/],
  ] as const) {
    it(`refuses a tolerance of ${tolerance.slice(-9)} with ${limit}`, function () {
      assert.throws(() => createMemoryLimit(limit, { tolerance }), {
        name: 'TypeError',
        message: expected,
      });
    });
  }

  const malformed: [unknown, RegExp][] = [
    [
      { currentThread: true },
      /options of limitMemory to be any of `currentThreadOnly`, `tolerance`, got 'currentThread' \(string\)/,
    ],
    [
      { currentThreadOnly: 1 },
      /`currentThreadOnly` option of limitMemory to be a boolean, got 1 \(number\)/,
    ],
    [5, /options of limitMemory to be an object, got 5 \(number\)/],
    [null, /options of limitMemory to be an object, got null/],
  ];
  for (const [value, message] of malformed) {
    it(`refuses ${JSON.stringify(value)} as options`, function () {
      assert.throws(() => createMemoryLimit(1, value as object), { name: 'TypeError', message });
    });
  }
});

/** With a peak that is the sum of its rows. */
function judge(limit: MemoryLimit, rows: AllocationRecord[], options: TextOptions) {
  const bytes = rows.reduce((sum, row) => sum + row.bytes, 0);
  return judgeMemory(limit, { bytes, rawBytes: bytes }, rows, options);
}

describe('judgeMemory', function () {
  const limit = createMemoryLimit('100 KB');

  it('is reached at equal, not one byte under', function () {
    assert.equal(judge(limit, [row(102_399, stack)], options), undefined);
    assert.ok(judge(limit, [row(102_400, stack)], options));
  });

  it('judges by the peak, of which rows are estimates', function () {
    const judgePeak = (bytes: number, ofRow: number) =>
      judgeMemory(limit, { bytes, rawBytes: 200_000 }, [row(ofRow, stack)], options);
    assert.equal(judgePeak(102_399, 150_000), undefined);
    assert.ok(judgePeak(102_400, 50_000));
  });

  it('says between what the peak is, where garbage was there too', function () {
    const message = (rawBytes: number) =>
      judgeMemory(limit, { bytes: 120_000, rawBytes }, [], options)!.violation.message;
    assert.match(
      message(150_000),
      /raise the limit\. The peak is at least 117\.2KiB, which was live when garbage was collected, and at most 146\.5KiB, with garbage\.\n/,
    );
    assert.match(message(120_001), /raise the limit\.\n/);
  });

  it("says it in the original's layout", function () {
    const verdict = judge(limit, [row(120_000, stack)], options)!;
    assert.equal(
      verdict.violation.message,
      [
        'Test was limited to 100.0KiB but allocated 117.2KiB',
        'List of allocations:',
        '    - 117.2KiB allocated here:',
        '        <listcomp>:test_ok.py:17',
        '        ...',
        '',
        'Allocate less at once, or raise the limit.',
        'MEMRAY_STACKS=11 shows more frames. MEMRAY_BIN_PATH=captures keeps a capture of each test for `npx memray-mocha tree`.',
      ].join('\n'),
    );
    assert.deepEqual(verdict.stackLines, [
      '    at <listcomp> (/src/demo/test_ok.py:17:7)',
      '    at test_memory_exceed (/src/demo/test_ok.py:17:7)',
    ]);
    const { kind, limitBytes, actualBytes } = verdict.violation;
    assert.deepEqual([kind, limitBytes, actualBytes], ['limitMemory', 102_400, 120_000]);
  });

  it('shows no dots when all frames fit, and the capture when it is kept', function () {
    const kept = { ...options, stacks: 5, capture: 'bins/a.bin' };
    const { message } = judge(limit, [row(120_000, stack)], kept)!.violation;
    assert.match(message, /:17\n {8}test_memory_exceed:test_ok.py:17\n\nAllocate/);
    assert.match(
      message,
      /`npx memray-mocha tree --biggest-allocs=0 bins\/a.bin` shows all call stacks\.$/,
    );
  });

  for (const [capture, quoted] of [
    ['my caps/a.bin', `'my caps/a.bin'`],
    [`it's/"a" $b.bin`, `'it'\\''s/"a" $b.bin'`],
    ['bins/a-b[1].bin', `'bins/a-b[1].bin'`],
    ['/bins/p-a.test.js-b_1.bin', '/bins/p-a.test.js-b_1.bin'],
  ] as const) {
    it(`quotes ${capture} for the shell`, function () {
      const { message } = judge(limit, [row(120_000, stack)], { ...options, capture })!.violation;
      const last = message.split('\n').at(-1);
      assert.equal(
        last,
        `\`npx memray-mocha tree --biggest-allocs=0 ${quoted}\` shows all call stacks.`,
      );
    });
  }

  it('explains sizes that print the same', function () {
    const messageOf = (bytes: number) =>
      judge(limit, [row(bytes, stack)], options)!.violation.message;
    assert.match(
      messageOf(102_401),
      /but allocated 100\.0KiB \(102401 bytes; the limit is 102400\)\n/,
    );
    assert.match(
      messageOf(102_400),
      /but allocated 100\.0KiB \(102400 bytes: a limit is reached at equal\)\n/,
    );
  });

  it('sums JS heap and native memory of one call stack', function () {
    const rows = [row(60_000, stack), row(60_000, stack, { heap: 'js' })];
    const { message } = judge(limit, rows, options)!.violation;
    assert.equal(message.match(/allocated here/g)!.length, 1);
    assert.match(message, /- 117\.2KiB allocated here/);
  });

  it('has no use for native frames where there are JavaScript ones, unless asked', function () {
    const rows = ['malloc', 'calloc'].map((name) =>
      row(60_000, [`native ${name}:libc:0`, ...stack]),
    );
    const count = (native: boolean) =>
      judge(limit, rows, { ...options, native })!.violation.message.match(/allocated here/g)!
        .length;
    assert.deepEqual([count(false), count(true)], [1, 2]);
  });

  describe('verbosity', function () {
    const rows = Array.from({ length: 12 }, (_, index) =>
      row(20_000 + index, [`f:/a.js:${index}`]),
    );
    const messageAt = (verbosity: number) =>
      judge(limit, rows, { ...options, verbosity })!.violation.message;

    it('-1 is one line', function () {
      assert.equal(messageAt(-1), 'Test was limited to 100.0KiB but allocated 234.4KiB');
    });

    for (const verbosity of [0, 1]) {
      it(`${verbosity} shows the ten largest`, function () {
        const message = messageAt(verbosity);
        assert.equal(message.match(/allocated here/g)!.length, 10);
        assert.match(message, /here:\n {8}f:\/a\.js:11\n/);
        assert.match(message, /\n {4}\.\.\.and 2 more\n/);
      });
    }

    it('2 shows all', function () {
      const message = messageAt(2);
      assert.equal(message.match(/allocated here/g)!.length, 12);
      assert.doesNotMatch(message, /\.\.\.and/);
    });
  });
});
