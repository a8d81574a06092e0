import type Mocha from 'mocha';
import type { TestResult } from '../test-result';
import { defineOwn } from './own-property';

/** Puts the result on the test, where reporters find it, also those in the parent of a worker. */
export function showResult(test: Mocha.Test, memray: TestResult): void {
  defineOwn(test, 'memray', { value: memray, configurable: true });
  defineOwn(test, 'serialize', { value: serialize, configurable: true });
}

/** What Mocha's workers send to their parent. */
function serialize(this: Mocha.Test): object {
  const prototype = Object.getPrototypeOf(this) as { serialize?(this: Mocha.Test): object };
  return { ...prototype.serialize?.call(this), memray: this.memray };
}
