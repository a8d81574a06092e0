import assert from 'node:assert/strict';
import {
  findNotedPeak,
  findUncertainty,
  judgeIncrease,
  type IncreaseLimit,
} from '../../../dist/limits/increase';
import type { TextOptions } from '../../../dist/limits/verdict';
import { row } from '../../helpers/rows';

const options: TextOptions = {
  cwd: '/src',
  stacks: 1,
  native: false,
  verbosity: 0,
  capture: null,
};
const limit: IncreaseLimit = {
  previousBytes: 1024,
  allowedBytes: 5120,
  baseline: '.memray-mocha/baseline.json',
};
const rows = [row(10_240, ['allocate:/src/a.test.js:2'])];

describe('findUncertainty', function () {
  it('is the step in which peaks with objects in them are looked for', function () {
    const mebibyte = 1024 ** 2;
    const find = (previousBytes: number, jsHeapBytes: number) =>
      findUncertainty({ ...limit, previousBytes }, jsHeapBytes);
    assert.deepEqual([find(mebibyte, 0), find(mebibyte, 1)], [0, mebibyte]);
    assert.equal(find(100 * mebibyte, 1), 5 * mebibyte);
  });
});

describe('findNotedPeak', function () {
  const [kibibyte, mebibyte] = [1024, 1024 ** 2];

  it('is the peak with the garbage that may be its last step', function () {
    assert.equal(findNotedPeak(800 * kibibyte, 1000 * kibibyte, 0), 1000 * kibibyte);
    assert.equal(findNotedPeak(800 * kibibyte, 9 * mebibyte, 0), 1056 * kibibyte);
    assert.equal(findNotedPeak(100 * mebibyte, 200 * mebibyte, 0), 105 * mebibyte);
    assert.equal(findNotedPeak(mebibyte, 0, 0), mebibyte);
  });

  it('is the peak where most of it is objects', function () {
    const find = (jsHeapBytes: number) =>
      findNotedPeak(800 * kibibyte, 1000 * kibibyte, jsHeapBytes) / kibibyte;
    assert.deepEqual([find(100 * kibibyte), find(500 * kibibyte)], [1000, 800]);
  });
});

describe('judgeIncrease', function () {
  it('allows what it allows, and not one byte more', function () {
    assert.equal(judgeIncrease(limit, 5120, rows, options), undefined);
    assert.ok(judgeIncrease(limit, 5121, rows, options));
  });

  it('says what was and what is, where, and how to accept it', function () {
    const { violation, stackLines } = judgeIncrease(limit, 10_240, rows, options)!;
    const { kind, limitBytes, actualBytes, message } = violation;
    assert.deepEqual([kind, limitBytes, actualBytes], ['increase', 5120, 10_240]);
    assert.equal(
      message,
      [
        'Test previously used 1.0KiB but now uses 10.0KiB (allowed: 5.0KiB)',
        'List of allocations:',
        '    - 10.0KiB allocated here:',
        '        allocate:a.test.js:2',
        '',
        'Allocate less, or accept it: `npx mocha --memray-update-baseline` (MEMRAY_UPDATE_BASELINE=1) writes the new peak to .memray-mocha/baseline.json.',
        'MEMRAY_BIN_PATH=captures keeps a capture of each test for `npx memray-mocha tree`.',
      ].join('\n'),
    );
    assert.deepEqual(stackLines, ['    at allocate (/src/a.test.js:2:7)']);
  });

  it('explains sizes that print the same', function () {
    const close = { ...limit, previousBytes: 1024 ** 3, allowedBytes: 1024 ** 3 };
    const { message } = judgeIncrease(close, 1024 ** 3 + 1, rows, options)!.violation;
    assert.match(
      message,
      /^Test previously used 1\.0GiB but now uses 1\.0GiB \(1073741824 and 1073741825 bytes\)\n/,
    );
  });
});
