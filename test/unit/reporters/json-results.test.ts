import assert from 'node:assert/strict';
import { formatJsonResults } from '../../../dist/reporters/json-results';
import { createResult } from '../../helpers/results';

describe('formatJsonResults', function () {
  it('says which versions wrote it, and all results', function () {
    const tests = [createResult('a', 1)];
    const text = formatJsonResults(tests, { node: 'v24.21.0', memrayMocha: '0.1.0' });
    assert.deepEqual(JSON.parse(text), {
      version: 1,
      node: 'v24.21.0',
      memrayMocha: '0.1.0',
      tests,
    });
    assert.ok(text.endsWith('}\n'));
  });
});
