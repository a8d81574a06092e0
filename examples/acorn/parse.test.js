// A parser in plain JavaScript, on one of the largest files on npm.
const assert = require('node:assert/strict');
const { readFileSync, statSync } = require('node:fs');
const acorn = require('acorn');

const file = require.resolve('typescript/lib/typescript.js');

describe('acorn', function () {
  // Notice: the peak is not the size of the file. Node reads into a buffer that doubles as it grows,
  // and for a moment the old one and the new one are both there. A limit can be a number of bytes.
  it('reads typescript.js in less than three times its size', function () {
    this.limitMemory(3 * statSync(file).size);
    assert.match(readFileSync(file, 'utf8'), /Microsoft/);
  });

  // Notice: a test without a limit is in the report as well.
  it('parses typescript.js', function () {
    const tree = acorn.parse(readFileSync(file, 'utf8'), { ecmaVersion: 'latest' });
    assert.equal(tree.type, 'Program');
  });
});
