import assert from 'node:assert/strict';
import type { Frame } from '../../dist/call-stack';
import { sumByLocation } from '../../dist/locations';
import { formatPlace } from '../../dist/stack-trace';
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
      sums.map((each) => [formatPlace(each), each.bytes, each.count]),
      [
        ['f:a.js:1', 170, 5],
        ['g:a.js:2', 150, 1],
      ],
    );
  });

  it('is asked for the frames of a call stack only where the most recent is not the user’s', function () {
    const stack = {
      get frames(): Frame[] {
        throw new Error('frames were made');
      },
    };
    const rows = ['f:/app/a.js:1', 'f:/app/a.js:1', 'alloc:node:buffer:3'].map((text) => ({
      ...row(100, [text]),
      stack,
    }));
    assert.deepEqual(
      sumByLocation(rows.slice(0, 2), view).map((each) => [formatPlace(each), each.bytes]),
      [['f:a.js:1', 200]],
    );
    assert.throws(() => sumByLocation(rows, view), /frames were made/);
  });

  it('names the module where nothing else is known', function () {
    const [sum] = sumByLocation([row(5, ['<unknown>::0'], { nativeCaller: 'addon.node' })], view);
    assert.equal(formatPlace(sum!), '<unknown>:addon.node');
  });
});
