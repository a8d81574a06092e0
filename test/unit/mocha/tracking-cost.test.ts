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
const allocating = (count: number, confirmingMs = 0) => ({
  ...createResult('a', 1, { durationMs: 100, allocations: { count, bytes: 1, sizeHistogram: [] } }),
  confirmingMs,
  memoryLimitBytes: Infinity,
});

describe('explainTimeout', function () {
  for (const [what, error, count, confirmingMs = 0] of [
    ['another error', new Error('mine'), 1e6],
    ['a timeout after few allocations', timeout(), 50],
    ['a timeout after a short wait for garbage', timeout(), 50, 49],
  ] as const) {
    it(`leaves ${what} alone, and measures nothing`, function () {
      const { message, stack } = error;
      explainTimeout(error, allocating(count, confirmingMs), () => assert.fail('it measured'));
      assert.deepEqual([error.message, error.stack], [message, stack]);
    });
  }

  it('says what went into confirming the peak, by itself', function () {
    const error = timeout();
    explainTimeout(error, allocating(50, 70.2), () => assert.fail('it measured'));
    assert.equal(
      error.message,
      'Timeout of 100ms exceeded. memray-mocha took about 70ms of it to collect garbage and confirm the peak: raise the timeout, or run without it (MEMRAY=off).',
    );
    assert.match(String(error.stack), /took about 70ms/);
  });

  it('says that this had reached a limit, where it had for certain', function () {
    const explain = (bytes: number, confirmed: boolean) => {
      const error = timeout();
      const test = { ...allocating(50, 70.2), memoryLimitBytes: 1024 };
      test.peak = { bytes, jsHeapBytes: 0, nativeBytes: bytes, rawBytes: 5000 };
      if (confirmed) test.peak.confirmed = true;
      explainTimeout(error, test, () => assert.fail('it measured'));
      return error.message;
    };
    assert.match(
      explain(2048, true),
      /70ms of it to collect garbage and confirm the peak, 2\.0KiB, which reaches the test's limit of 1\.0KiB: raise/,
    );
    assert.match(explain(1023, true), /confirm the peak: raise/);
    assert.match(explain(2048, false), /confirm the peak: raise/);
  });

  it('says it where the test has replaced what it is found out with', function () {
    const { max, min, round } = Math;
    const error = timeout();
    const { Tracker } = createFakeTracker([]);
    Math.max = Math.min = Math.round = () => assert.fail("a test's own");
    try {
      explainTimeout(error, allocating(101, 70), () => new Tracker());
    } finally {
      Object.assign(Math, { max, min, round });
    }
    assert.match(error.message, /took .*about 70ms of it to collect garbage/);
  });

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
