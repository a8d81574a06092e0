import assert from 'node:assert/strict';
import { joinMessages } from '../../../dist/limits/verdict';

describe('several verdicts', () => {
  it('say once where to see more', () => {
    const joined = joinMessages([
      'Too much.\nSee more.',
      'Leaks.\nAll of them.',
      'Grew.\nSee more.',
    ]);
    assert.equal(joined, 'Too much.\n\nLeaks.\nAll of them.\n\nGrew.\nSee more.');
  });

  it('of one line each keep it', () => {
    assert.equal(joinMessages(['Same.', 'Same.']), 'Same.\n\nSame.');
    assert.equal(joinMessages(['Alone.\nSee more.']), 'Alone.\nSee more.');
  });
});
