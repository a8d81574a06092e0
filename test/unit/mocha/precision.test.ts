import assert from 'node:assert/strict';
import Mocha from 'mocha';
import { createLeakLimit } from '../../../dist/limits/leak-limit';
import { createMemoryLimit } from '../../../dist/limits/memory-limit';
import { NO_LIMITS, type Limits } from '../../../dist/mocha/declarations';
import {
  findConfirmedTotals,
  findSampleInterval,
  mayHaveLimit,
  mayLimitLeaks,
  mayLimitObjects,
} from '../../../dist/mocha/precision';

const testOf = (body: Mocha.Func) => new Mocha.Test('is measured', body);
const silent = testOf(() => {});
const leaking = (...args: Parameters<typeof createLeakLimit>): Limits => ({
  ...NO_LIMITS,
  leaks: createLeakLimit(...args),
});

describe('the precision of a test', () => {
  const asked = (test: Mocha.Test, limits = NO_LIMITS) =>
    [mayHaveLimit, mayLimitLeaks, mayLimitObjects].map((ask) => ask(test, limits));

  it('is asked of its limits and of the text of its body', () => {
    assert.deepEqual(asked(silent), [false, false, false]);
    assert.deepEqual(asked(silent, leaking(1)), [true, true, false]);
    assert.deepEqual(asked(testOf(function () { this.limitMemory(1); })), [true, false, false]); // prettier-ignore
    assert.deepEqual(asked(testOf(function () { this.limitLeaks(1); })), [true, true, false]); // prettier-ignore
    assert.deepEqual(asked(testOf(function () { this.limitLeakedObjects(); })), [true, false, true]); // prettier-ignore
  });

  it('has some thousand samples make up a leak that just reaches the limit', () => {
    assert.equal(findSampleInterval(silent, NO_LIMITS), undefined);
    assert.equal(findSampleInterval(silent, leaking('1 MB')), 256);
    assert.equal(findSampleInterval(testOf(function () { this.limitLeaks(1); }), NO_LIMITS), 256); // prettier-ignore
    assert.equal(findSampleInterval(silent, leaking('1 MB', { exact: true })), 1);
    for (const bytes of [0, 0.5, 4096]) assert.equal(findSampleInterval(silent, leaking(bytes)), 1);
    assert.equal(findSampleInterval(silent, leaking(1e300)), Number.MAX_SAFE_INTEGER);
  });

  it('confirms the peak where a limit is reached, or where runs are compared', () => {
    const memory = createMemoryLimit(1000);
    assert.deepEqual(findConfirmedTotals(NO_LIMITS), [0, 0]);
    assert.deepEqual(findConfirmedTotals({ ...NO_LIMITS, memory }), [1000, 1000]);
    assert.deepEqual(findConfirmedTotals({ ...NO_LIMITS, memory, comparedFromBytes: 400 }), [1000, 400]); // prettier-ignore
    const baseline = createMemoryLimit('baseline');
    assert.deepEqual(findConfirmedTotals({ ...NO_LIMITS, memory: baseline }), [
      Number.MAX_SAFE_INTEGER,
      Number.MAX_SAFE_INTEGER,
    ]);
    const increase = { previousBytes: 0, allowedBytes: 500, baseline: 'baseline.json' };
    const totals = findConfirmedTotals({ ...NO_LIMITS, memory: baseline, increase });
    assert.deepEqual(totals, [500 + 1024 ** 2 + 1, 500 + 1024 ** 2 + 1]);
    const anything = { ...increase, allowedBytes: Infinity };
    assert.deepEqual(findConfirmedTotals({ ...NO_LIMITS, memory: baseline, increase: anything }), [
      Number.MAX_SAFE_INTEGER,
      Number.MAX_SAFE_INTEGER,
    ]);
  });
});
