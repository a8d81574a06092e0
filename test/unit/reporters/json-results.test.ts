import assert from 'node:assert/strict';
import { formatJsonResults } from '../../../dist/reporters/json-results';
import { createResult } from '../../helpers/results';

describe('formatJsonResults', function () {
  const others = {
    node: 'v24.21.0',
    memrayMocha: '0.1.0',
    unmeasured: [{ id: 'b', reason: '[]' }],
  };

  for (const count of [0, 1, 3]) {
    it(`says which versions wrote it, and the results of ${count} tests`, function () {
      const tests = Array.from({ length: count }, (_, i) => createResult(`a\n"[${i}]`, i));
      const text = [...formatJsonResults(tests, others)].join('');
      assert.equal(text, `${JSON.stringify({ version: 1, ...others, tests }, null, 2)}\n`);
    });
  }

  it('gives each test by itself, as all may be longer than a string can be', function () {
    const tests = ['first', 'second'].map((id) => createResult(id, 1));
    const pieces = [...formatJsonResults(tests, others)];
    const withTests = pieces.filter((piece) => /first|second/.test(piece));
    assert.deepEqual([pieces.length, withTests.length], [4, 2]);
  });
});
