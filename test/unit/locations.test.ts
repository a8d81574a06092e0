import assert from 'node:assert/strict';
import { formatLocation, sumByLocation } from '../../dist/locations';
import { row } from '../helpers/rows';

const view = { cwd: '/app', native: false };

describe('sumByLocation', function () {
  it('sums call stacks that end on the same line, largest first', function () {
    const rows = [
      row(100, ['f:/app/a.js:1', 'x:/app/a.js:9']),
      row(150, ['g:/app/a.js:2']),
      row(70, ['alloc:node:buffer:3', 'f:/app/a.js:1', 'y:/app/a.js:8'], { count: 4 }),
    ];
    const sums = sumByLocation(rows, view);
    assert.deepEqual(
      sums.map((each) => [formatLocation(each), each.bytes, each.count]),
      [
        ['f:a.js:1', 170, 5],
        ['g:a.js:2', 150, 1],
      ],
    );
  });

  it('names the module where nothing else is known', function () {
    const [sum] = sumByLocation([row(5, ['<unknown>::0'], { nativeCaller: 'addon.node' })], view);
    assert.equal(formatLocation(sum!), '<unknown>:addon.node:0');
  });
});
