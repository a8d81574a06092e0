import assert from 'node:assert/strict';
import Mocha from 'mocha';
import type { BodyClock } from '../../../dist/mocha/body-clock';
import { loadAnew } from '../../helpers/load-anew';

let nowMs = 0;

/** The class by a clock that stands still between `nowMs`. */
function loadByFakeTime(): typeof BodyClock {
  const { bigint } = process.hrtime;
  process.hrtime.bigint = () => BigInt(nowMs) * 1_000_000n;
  try {
    return loadAnew<{ BodyClock: typeof BodyClock }>('../../dist/mocha/body-clock').BodyClock;
  } finally {
    process.hrtime.bigint = bigint;
  }
}

describe('BodyClock', function () {
  const Clock = loadByFakeTime();
  let test: Mocha.Test;
  let clock: BodyClock;
  beforeEach(function () {
    nowMs = 0;
    test = new Mocha.Test('is measured', () => {});
    test.timeout(50);
    clock = new Clock(test);
  });

  it('takes from the duration what passed while it was paused', function () {
    nowMs += 10;
    clock.pause();
    nowMs += 60;
    clock.resume();
    nowMs += 5;
    assert.equal(clock.hasEnded, false);
    test.duration = nowMs;
    assert.equal(test.duration, 15);
    assert.equal(clock.hasEnded, true);
  });

  it('counts only time that is not its own towards the timeout', function () {
    clock.pause();
    nowMs += 60;
    clock.resume();
    nowMs += 51;
    assert.equal(clock.isOverdue, false);
    nowMs += 1;
    assert.equal(clock.isOverdue, true);
    test.timeout(0);
    assert.equal(clock.isOverdue, false);
  });

  it('keeps Mocha from arming its timer while it is paused', function () {
    const hasTimer = () => Boolean((test as { timer?: unknown }).timer);
    clock.pause();
    test.resetTimeout();
    assert.equal(hasTimer(), false);
    clock.resume();
    test.resetTimeout();
    assert.equal(hasTimer(), true);
    test.clearTimeout();
  });

  it('leaves a plain duration behind', function () {
    clock.pause();
    nowMs += 60;
    clock.resume();
    test.duration = 61;
    clock.remove();
    assert.equal(test.duration, 1);
    test.duration = 61;
    assert.equal(test.duration, 61);
  });
});
