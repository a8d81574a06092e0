import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import type { CallStack } from '../../../dist/call-stack';
import { createLeakLimit, judgeLeaks } from '../../../dist/limits/leak-limit';
import type { TextOptions } from '../../../dist/limits/verdict';
import { callStack, row } from '../../helpers/rows';

const options: TextOptions = {
  cwd: '/src/demo',
  stacks: 1,
  native: false,
  verbosity: 0,
  capture: null,
};
const mebibyte = 1024 ** 2;
const remember = [
  'native calloc:/usr/lib/libc.so:0',
  'remember:/src/demo/test_limits.py:20',
  'test_limit_leaks_fails:/src/demo/test_limits.py:26',
];

describe('createLeakLimit', function () {
  it('takes a filter or options', function () {
    const filterFn = () => false;
    assert.equal(createLeakLimit('1 MB', filterFn).filterFn, filterFn);
    assert.deepEqual(createLeakLimit('1 MB', { filterFn, currentThreadOnly: true }), {
      bytes: mebibyte,
      filterFn,
      currentThreadOnly: true,
      exact: false,
      repeat: 1,
      warmup: 0,
    });
    const { repeat, warmup } = createLeakLimit('1 MB', { repeat: 50, warmup: 2 });
    assert.deepEqual([repeat, warmup], [50, 2]);
    assert.equal(createLeakLimit('1 MB', { exact: true }).exact, true);
    assert.equal(createLeakLimit('1 MB').filterFn({ frames: [] }), true);
  });

  const malformed: [unknown[], RegExp][] = [
    [[], /got nothing/],
    [
      ['1 MB', 5],
      /second argument of limitLeaks to be a filter function or an object of options, got 5 \(number\)/,
    ],
    [['1 MB', null], /second argument of limitLeaks .*, got null/],
    [['1 MB', 'f'], /second argument of limitLeaks .*, got 'f' \(string\)/],
    [
      ['1 MB', { filterFn: 5 }],
      /`filterFn` option of limitLeaks to be a function, got 5 \(number\)/,
    ],
    [
      ['1 MB', { filter: () => true }],
      /any of `filterFn`, `currentThreadOnly`, `exact`, `repeat`, `warmup`, got 'filter' \(string\)/,
    ],
    [['1 MB', { toString: 1 }], /any of `filterFn`, .*, got 'toString' \(string\)/],
    ...[0, -1, 1.5, NaN, Infinity].map((repeat): [unknown[], RegExp] => [
      ['1 MB', { repeat }],
      new RegExp(
        `\`repeat\` option of limitLeaks to be a whole number, at least 1, got ${repeat} `,
      ),
    ]),
    [['1 MB', { repeat: '5' }], /`repeat` option of limitLeaks to be a number, got '5' \(string\)/],
    [
      ['1 MB', { repeat: 5, warmup: -1 }],
      /`warmup` option of limitLeaks to be a whole number, at least 0, got -1 \(number\)/,
    ],
  ];
  for (const [args, message] of malformed) {
    it(`refuses (${args.map((each) => inspect(each)).join(', ')})`, function () {
      const create = createLeakLimit as (...args: unknown[]) => unknown;
      assert.throws(() => create(...args), { name: 'TypeError', message });
    });
  }
});

describe('judgeLeaks', function () {
  it("says it in the original's layout, with five frames at least", function () {
    const rows = [row(1.9 * mebibyte, [...remember, ...[1, 2, 3, 4].map((n) => `f:/x.js:${n}`)])];
    const verdict = judgeLeaks(createLeakLimit('1 MB'), rows, options)!;
    assert.equal(
      verdict.violation.message,
      [
        'Test was allowed to leak 1.0MiB per location but at least one location leaked more',
        'List of leaked allocations:',
        '    - 1.9MiB allocated here:',
        '        remember:test_limits.py:20',
        '        test_limit_leaks_fails:test_limits.py:26',
        '        f:/x.js:1',
        '        f:/x.js:2',
        '        f:/x.js:3',
        '        ...',
        '',
        'Release what these lines allocated, raise the limit, or ignore a known cache with `filterFn`. `{ repeat: 20, warmup: 2 }` tells whether it grows or is made once.',
        'MEMRAY_STACKS=15 shows more frames. MEMRAY_BIN_PATH=captures keeps a capture of each test for `npx memray-mocha tree`.',
      ].join('\n'),
    );
    assert.equal(verdict.violation.actualBytes, 1.9 * mebibyte);
  });

  it('says of repeated runs how much each call stack grows by, and which do not', function () {
    const rows = [
      row(2 * mebibyte, remember, { bytesAtMark: mebibyte }),
      row(1.5 * mebibyte, ['cache:/src/demo/a.js:1'], { bytesAtMark: 1.5 * mebibyte }),
    ];
    const { violation } = judgeLeaks(createLeakLimit('1 MB', { repeat: 5 }), rows, options)!;
    assert.deepEqual(violation.message.split('\n').slice(0, 7), [
      'Test was allowed to leak 1.0MiB per location but at least one location leaked more in 5 runs',
      'List of leaked allocations:',
      '    - 2.0MiB allocated here, growing by 341.3KiB per run:',
      '        remember:test_limits.py:20',
      '        test_limit_leaks_fails:test_limits.py:26',
      '    - 1.5MiB allocated here, not growing since run 2:',
      '        cache:a.js:1',
    ]);
    assert.match(
      violation.message,
      /\n\nRelease .* may be a cache: have `warmup` runs fill it\.\n/,
    );
  });

  it('says why there is no line of what a worker has on its heap', function () {
    const [frame] = callStack('native heap::0').frames;
    const stack = { frames: [{ ...frame!, functionName: 'V8: JS heap of a worker' }] };
    const rows = [{ ...row(2 * mebibyte, []), stack }];
    const { violation } = judgeLeaks(createLeakLimit('1 MB'), rows, options)!;
    assert.match(
      violation.message,
      /here:\n +V8: JS heap of a worker\n\nRelease .*\nOf a worker's heap the lines are not known\. To see them, test its code on the main thread\.\n/,
    );
  });

  it('says by how little a limit is reached, where that would not show', function () {
    const summarize = (bytes: number) =>
      judgeLeaks(createLeakLimit('1 MB'), [row(bytes, remember)], { ...options, verbosity: -1 })!
        .violation.message;
    assert.match(
      summarize(mebibyte),
      /leaked more \(1048576 bytes: a limit is reached at equal\)$/,
    );
    assert.match(summarize(mebibyte + 9), /leaked more \(1048585 bytes; the limit is 1048576\)$/);
    assert.match(summarize(2 * mebibyte), /leaked more$/);
  });

  it('takes two call stacks for one where only what called the body differs', function () {
    const asked: CallStack[] = [];
    const limit = createLeakLimit(100, (stack) => asked.push(stack) > 0);
    const mocha = '/app/node_modules/mocha/lib/runner.js';
    const rows = [
      row(60, [...remember, `run:${mocha}:1`]),
      row(40, [...remember, `again:${mocha}:2`, 'processImmediate:node:internal/timers:1']),
    ];
    assert.equal(judgeLeaks(limit, rows, options)!.violation.actualBytes, 100);
    assert.equal(asked.length, 1);
  });

  it('looks at each call stack alone, JS heap and native memory together', function () {
    const limit = createLeakLimit(100);
    const other = ['remember:/src/demo/test_limits.py:21'];
    assert.equal(judgeLeaks(limit, [row(99, remember), row(99, other)], options), undefined);
    const both = [row(50, remember), row(50, remember, { heap: 'js' })];
    assert.equal(judgeLeaks(limit, both, options)!.violation.actualBytes, 100);
  });

  it('asks the filter once per distinct call stack at or over the limit', function () {
    const asked: CallStack[] = [];
    const limit = createLeakLimit(100, (stack) => {
      asked.push(stack);
      return false;
    });
    const rows = [row(99, ['f:/a.js:1']), row(60, remember), row(40, remember, { heap: 'js' })];
    assert.equal(judgeLeaks(limit, rows, options), undefined);
    assert.deepEqual(
      asked.map(({ frames }) => frames.map(({ functionName }) => functionName)),
      [['calloc', 'remember', 'test_limit_leaks_fails']],
    );
  });

  it('reports only what the filter does not ignore', function () {
    const limit = createLeakLimit(1, ({ frames }) => frames[0]!.functionName !== 'warmCache');
    const rows = [row(500, ['warmCache:/a.js:1']), row(100, ['leak:/a.js:2'])];
    const { violation } = judgeLeaks(limit, rows, options)!;
    assert.equal(violation.actualBytes, 100);
    assert.doesNotMatch(violation.message, /warmCache/);
  });

  it('shows a call stack as it is, whatever the filter has done to it', function () {
    const limit = createLeakLimit(1, ({ frames }) => {
      for (const frame of frames) frame.functionName = 'changed';
      return frames.splice(0).length > 0;
    });
    const { violation, stackLines } = judgeLeaks(limit, [row(5, remember)], options)!;
    assert.match(violation.message, / remember:test_limits\.py:20\n/);
    assert.deepEqual(stackLines[0], '    at remember (/src/demo/test_limits.py:20:7)');
  });

  it('lets an error of the filter through', function () {
    const mine = new RangeError('mine');
    const limit = createLeakLimit(1, () => {
      throw mine;
    });
    assert.throws(
      () => judgeLeaks(limit, [row(5, remember)], options),
      (error) => error === mine,
    );
  });
});
