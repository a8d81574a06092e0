import assert from 'node:assert/strict';
import type { CallStack } from '../../../dist/call-stack';
import { createLeakLimit, judgeLeaks } from '../../../dist/limits/leak-limit';
import type { TextOptions } from '../../../dist/limits/verdict';
import { row } from '../../helpers/rows';

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
    });
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
      /any of `filterFn`, `currentThreadOnly`, `exact`, got 'filter' \(string\)/,
    ],
  ];
  for (const [args, message] of malformed) {
    it(`refuses (${args.map((each) => JSON.stringify(each)).join(', ')})`, function () {
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
        'Release what these lines keep, raise the limit, or ignore a known cache with a filter.',
        'MEMRAY_STACKS=15 shows more frames. MEMRAY_BIN_PATH=<folder> keeps the capture.',
      ].join('\n'),
    );
    assert.equal(verdict.violation.actualBytes, 1.9 * mebibyte);
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
