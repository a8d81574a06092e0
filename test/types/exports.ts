// The interface exports, whose functions say what `this` is.
import { limitMemory } from 'memray-mocha';

export const suite = {
  before(this: Mocha.Context) {
    this.limitMemory('24 MB');
  },
  'with this'(this: Mocha.Context) {
    this.limitLeaks('1 MB');
  },
  'without this': () => limitMemory('24 MB'),
};
