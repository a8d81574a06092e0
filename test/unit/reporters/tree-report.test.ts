import assert from 'node:assert/strict';
import { createTree, formatTree as formatLines } from '../../../dist/reporters/tree-report';
import { row } from '../../helpers/rows';

const view = { cwd: '/app', native: false };
const formatTree = (...parameters: Parameters<typeof formatLines>) =>
  [...formatLines(...parameters)].join('\n');

describe('the tree', function () {
  it('merges call stacks from their callers down', function () {
    const rows = [
      row(3072, ['leaf:/app/a.js:1', 'main:/app/main.js:9', 'top:/app/main.js:20']),
      row(512, ['other:/app/b.js:2', 'main:/app/main.js:9', 'top:/app/main.js:20']),
      row(512, ['main:/app/main.js:8', 'top:/app/main.js:20']),
    ];
    assert.equal(
      formatTree(createTree(rows, view)),
      [
        '📂 4.0KiB (100.00 %) <root>',
        '└── 📂 4.0KiB (100.00 %) top  main.js:20',
        '    ├── 📂 3.5KiB (87.50 %) main  main.js:9',
        '    │   ├── 📄 3.0KiB (75.00 %) leaf  a.js:1',
        '    │   └── 📄 512.0B (12.50 %) other  b.js:2',
        '    └── 📄 512.0B (12.50 %) main  main.js:8',
      ].join('\n'),
    );
  });

  it('shows the first call stacks, as parts of all', function () {
    const rows = [row(3072, ['leaf:/app/a.js:1']), row(1024, ['other:/app/b.js:2'])];
    assert.equal(
      formatTree(createTree(rows, view, 1)),
      ['📂 4.0KiB (100.00 %) <root>', '└── 📄 3.0KiB (75.00 %) leaf  a.js:1'].join('\n'),
    );
  });

  it('shows of a call stack that no tracker would record the innermost calls', function () {
    const frames = Array.from({ length: 20_000 }, (_, depth) => `f:/app/a.js:${depth + 1}`);
    const lines = formatTree(createTree([row(16, frames)], view)).split('\n');
    assert.equal(lines.length, 5001);
    assert.match(lines.at(-1)!, / 📄 16\.0B \(100\.00 %\) f {2}a\.js:1$/);
  });

  it('of very many calls from one place is made, too', function () {
    const rows = Array.from({ length: 300_000 }, (_, line) => row(1, [`f:/app/a.js:${line}`]));
    assert.equal(createTree(rows, view).children.length, rows.length);
  });

  it('is a root when nothing was allocated', function () {
    assert.equal(formatTree(createTree([], view)), '📄 0.0B (0.00 %) <root>');
  });
});
