import { strict as assert } from 'node:assert';
import { callWithOriginals } from '../../dist/builtins';

describe('callWithOriginals', function () {
  const stub = (): never => assert.fail('a stub was called');

  /** Not until an afterEach hook: Mocha calls these methods before it. */
  function replaceMethods(run: () => void): boolean {
    const push = Object.getOwnPropertyDescriptor(Array.prototype, 'push')!;
    const get = Object.getOwnPropertyDescriptor(Map.prototype, 'get')!;
    Object.defineProperty(Array.prototype, 'push', { ...push, value: stub, enumerable: true });
    Object.defineProperty(Map.prototype, 'get', { ...get, value: stub });
    try {
      run();
      const current = Object.getOwnPropertyDescriptor(Array.prototype, 'push')!;
      return current.value === stub && current.enumerable === true && Map.prototype.get === stub;
    } finally {
      Object.defineProperty(Array.prototype, 'push', push);
      Object.defineProperty(Map.prototype, 'get', get);
    }
  }

  it('puts methods back for the call, and what has replaced them after it', function () {
    const list = [1];
    let found: string | undefined;
    const areReplaced = replaceMethods(() => {
      found = callWithOriginals(() => {
        list.push(2);
        return new Map([['key', 'value']]).get('key');
      });
    });

    assert.deepEqual([areReplaced, list, found], [true, [1, 2], 'value']);
  });

  it('does so for a call within another, and one that throws', function () {
    const list = [1];
    let caught: unknown;
    const areReplaced = replaceMethods(() => {
      try {
        callWithOriginals(() => {
          callWithOriginals(() => list.push(2));
          list.push(3);
          throw new RangeError('mine');
        });
      } catch (error) {
        caught = error;
      }
    });

    assert.deepEqual([areReplaced, list], [true, [1, 2, 3]]);
    assert.ok(caught instanceof RangeError);
  });
});
