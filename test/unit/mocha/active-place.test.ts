import assert from 'node:assert/strict';
import Mocha from 'mocha';
import type { MemrayMochaError } from '../../../dist/errors';
import { findActivePlace, watchRunnables } from '../../../dist/mocha/active-place';

// The Mocha that runs these tests is the one that is watched.
watchRunnables(Mocha);

/** Gives the place, or the error instead of it. */
function find(): unknown {
  try {
    return findActivePlace('limitMemory');
  } catch (error) {
    return error;
  }
}
const wait = () => new Promise((resolve) => setTimeout(resolve, 1));
const outside = find();

describe('findActivePlace', function () {
  const inCallback = find();
  let inHook: unknown;
  let hook: unknown;
  beforeEach(async function () {
    hook = this.test;
    await wait();
    inHook = find();
  });

  it('is a suite in its callback, as long as nothing of it runs', function () {
    assert.equal(inCallback, this.test!.parent);
  });

  describe('in a suite within', function () {
    const inner = find();
    it('is the innermost', function () {
      assert.equal(inner, this.test!.parent);
    });
  });
  const afterInner = find();

  it('is the outer suite again when the inner has ended', function () {
    assert.equal(afterInner, this.test!.parent);
  });

  it('is a hook, also after an await', function () {
    assert.equal(inHook, hook);
  });

  it('is a test, also after an await', async function () {
    assert.equal(find(), this.test);
    await wait();
    assert.equal(find(), this.test);
  });

  it('is nothing at the top of a file', function () {
    const { code, message } = outside as MemrayMochaError;
    assert.equal(code, 'ERR_MEMRAY_LIMIT_NOWHERE');
    assert.match(message, /^`limitMemory` was called outside of any suite, hook or test\./);
  });

  it('is nothing it can tell after an await, when a test before timed out', async function () {
    const before = new Mocha.Test('slow', () => {});
    const test = this.test!;
    this.runnable(before);
    before.timedOut = true;
    this.runnable(test);
    assert.equal(find(), test);
    await wait();
    const { code, message } = find() as MemrayMochaError;
    assert.equal(code, 'ERR_MEMRAY_LIMIT_TOO_LATE');
    assert.match(message, /called after an await, when "slow" may still go on/);
  });
});
