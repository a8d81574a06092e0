import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { addonBinary, addonSource } from '../../bench/addon.mjs';
import { compileAddon } from '../../scripts/compile-addon.mjs';

// As many events as a queue is emptied of at once: that is part of what each of them costs.
const PAIRS = 96;
const OBJECTS = 16;

/**
 * A tenth more than it is. A change that makes it cheaper lowers the bound; one that makes it
 * dearer has a reason, and says it.
 */
const bounds = [
  {
    what: 'a malloc and free, 1 call deep',
    atMost: 1100,
    script: 'churn.mjs',
    numbers: [PAIRS, 1],
  },
  {
    what: 'a malloc and free, 30 calls deep',
    atMost: 1450,
    script: 'churn.mjs',
    numbers: [PAIRS, 30],
  },
  // With what V8's sampler takes itself, some 2,000.
  {
    what: 'an object, 17 calls deep, each another',
    atMost: 11_200,
    script: 'objects.mjs',
    numbers: [OBJECTS],
  },
];

describe('what is tracked', function () {
  // In some virtual machines the processor takes 0.1 ms for each step.
  this.timeout(600_000);

  before(() => compileAddon(addonSource, addonBinary));

  for (const { what, atMost, script, numbers } of bounds) {
    it(`takes at most ${atMost} instructions more than untracked: ${what}`, () => {
      const count = (mode: string) => countInstructions(script, [mode, ...numbers.map(String)]);
      const each = Math.round((count('tracked') - count('untracked')) / numbers[0]!);
      assert.ok(each > 0, `${each} instructions: nothing was tracked`);
      assert.ok(each <= atMost, `${each} instructions, where ${atMost} are allowed`);
    });
  }
});

function countInstructions(script: string, parameters: string[]): number {
  const command = [join(__dirname, script), ...parameters];
  return Number(execFileSync(process.execPath, command, { encoding: 'utf8' }));
}
