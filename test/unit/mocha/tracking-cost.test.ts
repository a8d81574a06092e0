import assert from 'node:assert/strict';
import { explainTimeout } from '../../../dist/mocha/tracking-cost';
import { createFakeTracker } from '../../helpers/fake-tracker';
import { createResult } from '../../helpers/results';
import { row } from '../../helpers/rows';

const timeout = () =>
  Object.assign(new Error('Timeout of 100ms exceeded.'), {
    code: 'ERR_MOCHA_TIMEOUT',
    timeout: 100,
  });
const allocating = (count: number) =>
  createResult('a', 1, { durationMs: 100, allocations: { count, bytes: 1, sizeHistogram: [] } });

describe('explainTimeout', function () {
  for (const [what, error, count] of [
    ['another error', new Error('mine'), 1e6],
    ['a timeout after few allocations', timeout(), 50],
  ] as const) {
    it(`leaves ${what} alone, and measures nothing`, function () {
      const { message, stack } = error;
      explainTimeout(error, allocating(count), () => assert.fail('it measured'));
      assert.deepEqual([error.message, error.stack], [message, stack]);
    });
  }

  it('says nothing where nothing can be measured', function () {
    const error = timeout();
    const { Tracker } = createFakeTracker([], { failToStart: new Error('no space left') });
    explainTimeout(error, allocating(1e6), () => new Tracker());
    assert.equal(error.message, 'Timeout of 100ms exceeded.');
  });

  it('leaves no tracker running where nothing can be allocated', function () {
    const { ArrayBuffer } = globalThis;
    const failure = new RangeError('Array buffer allocation failed');
    const everyCall = () => {
      globalThis.ArrayBuffer = class {
        constructor() {
          throw failure;
        }
      } as unknown as ArrayBufferConstructor;
    };
    const { Tracker, events } = createFakeTracker([], { everyCall });
    try {
      assert.throws(() => explainTimeout(timeout(), allocating(1e6), () => new Tracker()), failure);
    } finally {
      globalThis.ArrayBuffer = ArrayBuffer;
    }
    assert.deepEqual(events, ['start', 'stop', 'close']);
  });

  it('says nothing of a cost that does not matter', function () {
    const error = timeout();
    // As much as the clock is off, for 10,000 allocations.
    const rows = Array.from({ length: 10_000 }, () => row(1, ['f:/app/a.js:1']));
    const { Tracker, events } = createFakeTracker(rows);
    explainTimeout(error, allocating(101), () => new Tracker());
    assert.deepEqual(events, ['start', 'stop', 'close']);
    assert.equal(error.message, 'Timeout of 100ms exceeded.');
  });
});
