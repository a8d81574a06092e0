import assert from 'node:assert/strict';
import { nameRun, repeatBody } from '../../../dist/mocha/repeated-body';

describe('repeatBody', function () {
  it('runs the warm-up runs and the others, without the first, which has run', async function () {
    const events: unknown[] = [];
    const prepare = (measured: number, name: string) => {
      events.push(measured, name);
      return Promise.resolve(true);
    };
    await repeatBody(() => void events.push('run'), { repeat: 2, warmup: 2 }, prepare);
    assert.deepEqual(events, [
      ...[-1, 'in warm-up run 2 of 2', 'run'],
      ...[0, 'in run 1 of 2', 'run'],
      ...[1, 'in run 2 of 2', 'run'],
    ]);
    events.length = 0;
    await repeatBody(() => void events.push('run'), { repeat: 1, warmup: 0 }, prepare);
    assert.deepEqual(events, []);
  });

  it('goes no further than it is told to', async function () {
    let runs = 1;
    await repeatBody(
      () => void runs++,
      { repeat: 9, warmup: 0 },
      (measured) => Promise.resolve(measured < 3),
    );
    assert.equal(runs, 3);
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
