import assert from 'node:assert/strict';
import Mocha from 'mocha';
import { installLimitMethods, markUntracked } from '../../../dist/mocha/context';
import { declareOnRun, findLimits, NO_LIMITS } from '../../../dist/mocha/declarations';
import { createMemoryLimit } from '../../../dist/limits/memory-limit';
import '../../../dist/index';

installLimitMethods(Mocha);

/** A suite within a suite within a root, and a test in it. */
function createTree() {
  const root = new Mocha.Suite('', new Mocha.Context());
  const outer = Mocha.Suite.create(root, 'outer');
  const inner = Mocha.Suite.create(outer, 'inner');
  const test = new Mocha.Test('test', () => {});
  inner.addTest(test);
  return { root, outer, inner, test };
}

/** Calls `declare` as Mocha would call a hook of this suite for this test. */
function callHook(
  type: 'beforeAll' | 'beforeEach' | 'afterEach',
  suite: Mocha.Suite,
  test: Mocha.Test,
  declare: (context: Mocha.Context) => void,
) {
  suite[type](() => {});
  const hooks = suite as unknown as { getHooks(name: string): Mocha.Hook[] };
  const hook = hooks.getHooks(type).at(-1)!;
  suite.ctx.currentTest = test;
  suite.ctx.runnable(hook);
  declare(suite.ctx);
}

/** Calls `declare` as Mocha would call the body of this test. */
function callBody(test: Mocha.Test, declare: (context: Mocha.Context) => void) {
  test.ctx!.runnable(test);
  declare(test.ctx!);
}

const bytesOf = (test: Mocha.Test) => findLimits(test).memory?.bytes;
const kindsOf = (test: Mocha.Test) =>
  Object.entries(findLimits(test)).flatMap(([kind, limit]) => (limit ? [kind] : []));

describe('limits declared', function () {
  it('nowhere are none', function () {
    assert.deepEqual(findLimits(createTree().test), NO_LIMITS);
  });

  it('on a suite, by chaining, in hooks and in the body: the innermost wins', function () {
    const { root, outer, inner, test } = createTree();
    const steps: [() => unknown, number][] = [
      [() => root.limitMemory(1), 1],
      [() => callHook('beforeEach', root, test, (context) => context.limitMemory(2)), 2],
      [() => outer.limitMemory(3), 3],
      [() => callHook('beforeAll', inner, test, (context) => context.limitMemory(4)), 4],
      [() => callHook('beforeEach', outer, test, (context) => context.limitMemory(5)), 4],
      [() => callHook('beforeEach', inner, test, (context) => context.limitMemory(6)), 6],
      [() => test.limitMemory(7), 7],
      [() => callBody(test, (context) => context.limitMemory(8)), 8],
    ];
    for (const [declare, expected] of steps) {
      declare();
      assert.equal(bytesOf(test), expected);
    }
  });

  it('for the run are outermost, and can be lifted', function () {
    const { outer, test } = createTree();
    declareOnRun({ memory: createMemoryLimit(9) });
    try {
      assert.equal(bytesOf(test), 9);
      outer.limitLeaks(1);
      assert.equal(bytesOf(test), 9);
      outer.limitMemory(false);
      assert.equal(bytesOf(test), undefined);
    } finally {
      declareOnRun({});
    }
  });

  it('of one kind leave the other alone', function () {
    const { outer, test } = createTree();
    outer.limitMemory(1).limitLeaks(2);
    test.limitMemory(3);
    const { memory, leaks } = findLimits(test);
    assert.deepEqual([memory?.bytes, leaks?.bytes], [3, 2]);
  });

  it('are lifted by false', function () {
    const { outer, test } = createTree();
    outer.limitMemory(1).limitLeaks(2);
    callBody(test, (context) => context.limitMemory(false));
    assert.deepEqual(kindsOf(test), ['leaks']);
  });

  it('by chaining hold for a retry; from the body they are of one attempt', function () {
    const { inner, test } = createTree();
    test.limitLeaks(1);
    callBody(test, (context) => context.limitMemory(2));
    const retry = test.clone();
    inner.addTest(retry);
    assert.deepEqual(kindsOf(retry), ['leaks']);
  });

  it('return what they were called on', function () {
    const { outer, test } = createTree();
    assert.equal(outer.limitMemory(1), outer);
    assert.equal(test.limitLeaks(1), test);
  });

  it('malformed in a body throw there', function () {
    const { test } = createTree();
    assert.throws(() => callBody(test, (context) => context.limitMemory('24 XB')), {
      name: 'TypeError',
      message: /got '24 XB'/,
    });
  });

  it('malformed elsewhere fail the tests they concern, when these begin', function () {
    const { outer, test } = createTree();
    outer.limitMemory('24 XB');
    assert.throws(() => findLimits(test), { name: 'TypeError', message: /got '24 XB'/ });
    test.limitMemory('24 MB');
    assert.equal(bytesOf(test), 24 * 1024 ** 2);
  });

  it('after the test come too late', function () {
    const { inner, test } = createTree();
    assert.throws(() => callHook('afterEach', inner, test, (context) => context.limitMemory(1)), {
      code: 'ERR_MEMRAY_LIMIT_TOO_LATE',
      message: /^`limitMemory` was called in an after or afterEach hook/,
    });
  });

  it('on a suite by a test that runs come too late: an arrow function has the `this` of its suite', function () {
    const { outer, inner, test } = createTree();
    for (const suite of [outer, inner]) {
      assert.throws(() => callBody(test, () => suite.limitMemory(1)), {
        code: 'ERR_MEMRAY_LIMIT_TOO_LATE',
        message:
          '`limitMemory` was called on a suite while its test "test" runs: in an arrow function, `this` is that of the suite. ' +
          'Write the test as `function () {}`, or call the `limitMemory` that memray-mocha exports.',
      });
    }
    createTree().outer.limitMemory(1);
    callHook('beforeEach', inner, test, () => inner.limitMemory(2));
    assert.equal(bytesOf(test), 2);
  });

  it('in a body that is not tracked come too late', function () {
    const { test } = createTree();
    markUntracked(test);
    assert.throws(() => callBody(test, (context) => context.limitLeaks(1)), {
      code: 'ERR_MEMRAY_LIMIT_TOO_LATE',
      message: /with `memray: limits` this test is not tracked/,
    });
  });
});
