import assert from 'node:assert/strict';
import { subtractLeft, sumLeft } from '../../../dist/limits/warm-up';
import { row } from '../../helpers/rows';

const keep = ['keep:/app/a.js:1', 'test:/app/a.test.js:2'];

describe('what warm-up runs left', function () {
  it('is summed by heap and call stack', function () {
    const left = sumLeft(
      [row(100, keep), row(20, keep), row(3, keep, { heap: 'js' }), row(4, ['last:/app/a.js:5'])],
      false,
    );
    assert.deepEqual([...left.values()], [120, 3, 4]);
  });

  it('is taken off what the others left of that heap and call stack, once', function () {
    const left = sumLeft([row(100, keep)], false);
    const rows = [
      row(70, keep, { bytesAtMark: 60 }),
      row(50, keep, { bytesAtMark: 35 }),
      row(80, keep, { heap: 'js' }),
    ];
    assert.deepEqual(
      subtractLeft(rows, left, false).map(({ heap, bytes, bytesAtMark }) => [
        heap,
        bytes,
        bytesAtMark,
      ]),
      [
        ['native', 20, 5],
        ['js', 80, 0],
      ],
    );
  });

  it('tells call stacks apart by native frames where the user asked for these', function () {
    const malloc = ['native malloc:libc:0', ...keep];
    const calloc = ['native calloc:libc:0', ...keep];
    for (const [native, bytes] of [
      [false, []],
      [true, [100]],
    ] as const) {
      const left = sumLeft([row(100, malloc)], native);
      const rest = subtractLeft([row(100, calloc)], left, native);
      assert.deepEqual(
        rest.map((record) => record.bytes),
        bytes,
      );
    }
  });
});
