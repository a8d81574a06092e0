import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { addonBinary, addonSource } from '../../bench/addon.mjs';
import { compileAddon } from '../../scripts/compile-addon.mjs';

// As many events as a queue is emptied of at once: that is part of what each of them costs.
const PAIRS = 96;

/**
 * A tenth more than it is. A change that makes it cheaper lowers the bound; one that makes it
 * dearer has a reason, and says it.
 */
const bounds = [
  { depth: 1, atMost: 1100 },
  { depth: 30, atMost: 1450 },
];

describe('a tracked malloc and free', function () {
  // In some virtual machines the processor takes 0.1 ms for each step.
  this.timeout(600_000);

  before(() => compileAddon(addonSource, addonBinary));

  for (const { depth, atMost } of bounds) {
    it(`takes at most ${atMost} instructions more than an untracked one, ${depth} calls deep`, () => {
      const added = count('tracked', depth) - count('untracked', depth);
      const perPair = Math.round(added / PAIRS);
      assert.ok(perPair > 0, `${perPair} instructions: nothing was tracked`);
      assert.ok(perPair <= atMost, `${perPair} instructions, where ${atMost} are allowed`);
    });
  }
});

function count(mode: 'tracked' | 'untracked', depth: number): number {
  const script = join(__dirname, 'churn.mjs');
  const parameters = [script, mode, String(depth), String(PAIRS)];
  return Number(execFileSync(process.execPath, parameters, { encoding: 'utf8' }));
}
