import assert from 'node:assert/strict';
import { MemoryLimitError, createHeapTooLargeError, type ErrorCode } from '../../../dist/errors';
import { NO_LIMITS, type Limits } from '../../../dist/mocha/declarations';
import { tellOwnFailure } from '../../../dist/mocha/own-failure';

const mine = new Error('mine');
const fail = (): never => {
  throw mine;
};
const ofFilter: Limits = {
  ...NO_LIMITS,
  leaks: {
    bytes: 1,
    currentThreadOnly: false,
    repeat: 1,
    warmup: 0,
    exact: false,
    filterFn: fail,
  },
  leakedObjects: { filterFn: fail },
};
const leaked = { constructorName: 'Object', sizeBytes: 1, retainers: [] };

describe('tellOwnFailure', () => {
  it('says whose failure it is, why, and what may have led to it', () => {
    const code: ErrorCode = 'ERR_MEMRAY_NOT_MEASURED';
    assert.throws(() => tellOwnFailure(NO_LIMITS, fail), {
      name: 'MemrayMochaError',
      code,
      message:
        'memray-mocha could not measure this test: Error: mine. If the test has replaced a built-in function, such as `Math.max`, restore that before its body ends.',
      cause: mine,
    });
  });

  it('lets out what the filters of users throw', () => {
    const asks = [
      (limits: Limits) => limits.leaks!.filterFn({ frames: [] }),
      (limits: Limits) => limits.leakedObjects!.filterFn(leaked),
    ];
    for (const ask of asks) {
      assert.throws(
        () => tellOwnFailure(ofFilter, (limits) => void ask(limits)),
        (error) => error === mine,
      );
    }
  });

  it('lets out what a filter throws that equals nothing, not even itself', () => {
    const filterFn = () => {
      // eslint-disable-next-line @typescript-eslint/only-throw-error -- what users may do
      throw NaN;
    };
    const limits: Limits = { ...NO_LIMITS, leakedObjects: { filterFn } };
    const tell = () => tellOwnFailure(limits, (each) => each.leakedObjects!.filterFn(leaked));
    assert.throws(tell, (thrown) => Number.isNaN(thrown));
  });

  for (const [what, answer, got] of [
    ['may not be async, which would report every leak', Promise.resolve(false), 'Promise { false } (object). It may not be async.'], // prettier-ignore
    ['has to return something, or would ignore every leak', undefined, 'undefined. Has it a `return`? `Boolean(...)` makes `false` of what may be undefined.'], // prettier-ignore
  ] as const) {
    it(`says that a filter ${what}`, () => {
      const filterFn = (() => answer) as unknown as () => boolean;
      const limits: Limits = {
        ...ofFilter,
        leaks: { ...ofFilter.leaks!, filterFn },
        leakedObjects: { filterFn },
      };
      const asks = {
        limitLeaks: (each: Limits) => each.leaks!.filterFn({ frames: [] }),
        limitLeakedObjects: (each: Limits) => each.leakedObjects!.filterFn(leaked),
      };
      for (const [method, ask] of Object.entries(asks)) {
        assert.throws(() => tellOwnFailure(limits, (each) => void ask(each)), {
          name: 'TypeError',
          message: `Expected what the filter of ${method} returns to be \`true\` or \`false\`, got ${got}`,
        });
      }
    });
  }

  it('lets out what says itself what to do', () => {
    for (const error of [new MemoryLimitError('limited', []), createHeapTooLargeError(1e9)]) {
      const tell = () =>
        tellOwnFailure(NO_LIMITS, () => {
          throw error;
        });
      assert.throws(tell, (thrown) => thrown === error);
    }
  });
});
