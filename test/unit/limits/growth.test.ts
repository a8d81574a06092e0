import assert from 'node:assert/strict';
import { measureGrowth, runsBeforeMark } from '../../../dist/limits/growth';

describe('measureGrowth', function () {
  it('has the first half of the runs before the mark', function () {
    assert.deepEqual([1, 2, 5, 50].map(runsBeforeMark), [0, 1, 2, 25]);
  });

  const cases: [string, number, number, number, number, boolean][] = [
    ['every run leaves as much', 500, 200, 5, 100, true],
    ['one of the first runs leaves all', 500, 500, 5, 0, false],
    ['the rest is little beside what a cache keeps', 1010, 1000, 50, 0, false],
    ['the rest is not that little', 1100, 1000, 50, 4, true],
    ['it became less', 400, 500, 5, 0, false],
    ['all of it is new', 400, 0, 2, 400, true],
  ];
  for (const [name, bytes, bytesAtMark, repeat, bytesPerRun, grows] of cases) {
    it(`says whether it grows, and by how much, when ${name}`, function () {
      assert.deepEqual(measureGrowth({ bytes, bytesAtMark }, repeat), { bytesPerRun, grows });
    });
  }
});
