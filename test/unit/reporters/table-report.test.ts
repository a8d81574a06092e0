import assert from 'node:assert/strict';
import { createTable, formatTable } from '../../../dist/reporters/table-report';
import { row } from '../../helpers/rows';

const view = { cwd: '/app', native: false };
const rows = [
  row(3072, ['leaf:/app/a.js:1', 'main:/app/main.js:9'], { count: 3 }),
  row(1024, ['main:/app/main.js:8'], { count: 1 }),
];

describe('createTable', function () {
  it('sums per function: with all it calls, and its own', function () {
    assert.deepEqual(createTable(rows, view), [
      { functionName: 'main', filename: 'main.js', totalBytes: 4096, ownBytes: 1024, ownCount: 1 },
      { functionName: 'leaf', filename: 'a.js', totalBytes: 3072, ownBytes: 3072, ownCount: 3 },
    ]);
  });

  it('counts a recursive function once', function () {
    const recursive = row(10, ['f:/app/a.js:1', 'f:/app/a.js:1', 'f:/app/a.js:2']);
    assert.equal(createTable([recursive], view)[0]!.totalBytes, 10);
  });
});

describe('formatTable', function () {
  it("has the original's layout", function () {
    assert.equal(
      formatTable(createTable(rows, view), 4096),
      [
        '┏━━━━━━━━━━━━━━━━━┳━━━━━━━━━━━━━━┳━━━━━━━━━┳━━━━━━━━━━━━┳━━━━━━━━┳━━━━━━━━━━━━━┓',
        '┃ Location        ┃ Total Memory ┃ Total % ┃ Own Memory ┃  Own % ┃ Allocations ┃',
        '┡━━━━━━━━━━━━━━━━━╇━━━━━━━━━━━━━━╇━━━━━━━━━╇━━━━━━━━━━━━╇━━━━━━━━╇━━━━━━━━━━━━━┩',
        '│ main at main.js │       4.0KiB │ 100.00% │     1.0KiB │ 25.00% │           1 │',
        '│ leaf at a.js    │       3.0KiB │  75.00% │     3.0KiB │ 75.00% │           3 │',
        '└─────────────────┴──────────────┴─────────┴────────────┴────────┴─────────────┘',
      ].join('\n'),
    );
  });

  it('is aligned in a terminal, where a character may take two columns, or none', function () {
    const names = ['保持する、', '한글', '🚀 launch', 'cafe\u0301', 'plain'];
    const table = createTable(
      names.map((name) => row(1024, [`${name}:/app/a.js:1`])),
      view,
    );
    assert.deepEqual(
      formatTable(table, 4096)
        .split('\n')
        .slice(3, -1)
        .map((line) => line.slice(0, line.indexOf('│', 1))),
      [
        '│ 保持する、 at a.js ',
        '│ 한글 at a.js       ',
        '│ 🚀 launch at a.js  ',
        '│ cafe\u0301 at a.js       ',
        '│ plain at a.js      ',
      ],
    );
  });

  it('is as long as it must be', function () {
    const table = Array.from({ length: 150_000 }, (_, index) => ({
      ...createTable(rows, view)[0]!,
      filename: `${index}.js`,
    }));
    assert.equal(formatTable(table, 4096).split('\n').length, table.length + 4);
  });

  it('is only headings for an empty capture', function () {
    assert.equal(formatTable([], 0).split('\n').length, 4);
  });
});
