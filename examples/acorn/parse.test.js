// A parser in plain JavaScript, on one of the largest files on npm.
const assert = require('node:assert/strict');
const { readFileSync } = require('node:fs');
const acorn = require('acorn');

const file = require.resolve('typescript/lib/typescript.js');

describe('acorn', function () {
  // Notice: the file is read as a Buffer and decoded to a string; both are live at the same moment,
  // and the report has one line for each.
  it('reads typescript.js in less than three times its size', function () {
    this.limitMemory('27 MB');
    assert.match(readFileSync(file, 'utf8'), /Microsoft/);
  });

  it('parses typescript.js', function () {
    this.limitMemory('1 GB');
    const tree = acorn.parse(readFileSync(file, 'utf8'), { ecmaVersion: 'latest' });
    assert.equal(tree.type, 'Program');
  });
});
