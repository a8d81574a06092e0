import assert from 'node:assert/strict';
import { listRuns, nameRun } from '../../../dist/mocha/repeated-body';

describe('listRuns', function () {
  const runs = (repeat: number, warmup: number) =>
    [...listRuns({ repeat, warmup })].map(({ number, name, before }) => [number, name, before]);

  it('gives the warm-up runs and the others, without the first, which has run', function () {
    assert.deepEqual(runs(4, 2), [
      [1, 'in warm-up run 2 of 2', undefined],
      [1, 'in run 1 of 4', 'restart'],
      [2, 'in run 2 of 4', 'collect'],
      [3, 'in run 3 of 4', 'mark'],
      [4, 'in run 4 of 4', 'collect'],
    ]);
    assert.deepEqual(runs(1, 1), [[1, 'in run 1 of 1', 'restart']]);
    assert.deepEqual(runs(2, 0), [[2, 'in run 2 of 2', 'mark']]);
    assert.deepEqual(runs(1, 0), []);
  });
});

describe('nameRun', function () {
  it('has message and stack of an error say the run, once', function () {
    const mine = new RangeError('mine');
    nameRun(mine, 'in run 2 of 3');
    nameRun(mine, 'in run 2 of 3');
    assert.equal(mine.message, 'mine (in run 2 of 3)');
    assert.match(mine.stack!, /^RangeError: mine \(in run 2 of 3\)\n/);
  });

  it('leaves alone what is no error, or frozen', function () {
    nameRun('text', 'in run 2 of 3');
    const frozen = Object.freeze(new Error('frozen'));
    nameRun(frozen, 'in run 2 of 3');
    assert.equal(frozen.message, 'frozen');
  });

  it('leaves alone what has something else for a message', function () {
    const error = Object.assign(new Error(), { message: { mine: 1 } });
    nameRun(error, 'in run 2 of 3');
    assert.deepEqual(error.message, { mine: 1 });
  });
});
