// The interface bdd, with its global functions.
import type { CallStack } from 'memray-mocha';

const isOurs = ({ frames }: CallStack): boolean => frames[0]?.functionName === 'keep';

describe('suite', function () {
  this.limitMemory('24 MB').limitLeaks(1024, isOurs).limitLeakedObjects().timeout(1000);
  // @ts-expect-error a limit is a text, a number or false
  this.limitMemory(true);

  before(function () {
    this.limitMemory(false);
  });
  beforeEach(function () {
    this.limitLeaks('1 MB', { filterFn: isOurs, currentThreadOnly: true, exact: true });
    // @ts-expect-error a filter answers with true or false
    this.limitLeaks('1 MB', () => 'yes');
  });

  it('sync', function () {
    this.limitMemory('baseline', { tolerance: '10%', currentThreadOnly: true });
    // @ts-expect-error there is no such option
    this.limitMemory('1 MB', { thread: true });
    // @ts-expect-error a tolerance is a text
    this.limitMemory('baseline', { tolerance: 0.1 });
    // @ts-expect-error `exact` is of limitLeaks
    this.limitMemory('1 MB', { exact: true });
  });
  it('async', async function () {
    this.limitLeaks('1 MB');
    await Promise.resolve();
  });
  specify('done', function (done) {
    this.limitMemory(1);
    done();
  });
}).limitMemory('24 MB');

context.only('chained', () => {}).limitLeaks('1 MB');
it('chained', () => {}).limitLeakedObjects({ filterFn: (leaked) => leaked.sizeBytes > 1 });
it('chained', () => {})
  .limitMemory('24 MB')
  .limitLeaks('1 MB')
  .timeout(1000);
// @ts-expect-error a limit has to be given
it.only('chained', () => {}).limitMemory();
