import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { addonBinary, addonSource } from '../../bench/addon.mjs';
import { compileAddon } from '../../scripts/compile-addon.mjs';
import { root, run } from '../../scripts/run.mjs';

// Whole queues of events: emptying one is part of what each of them costs.
const PAIRS = 128;
const program = join(root, 'build', 'performance', 'count-instructions');

/**
 * Half as much again as it is. A change that makes it cheaper lowers the bound; one that makes it
 * dearer has a reason, and says it.
 */
const bounds = [
  { depth: 1, atMost: 1150 },
  { depth: 30, atMost: 1650 },
];

describe('a tracked malloc and free', () => {
  let folder: string;

  before(async () => {
    folder = mkdtempSync(join(tmpdir(), 'memray-mocha-instructions-'));
    mkdirSync(join(root, 'build', 'performance'), { recursive: true });
    const source = join(__dirname, 'count-instructions.c');
    execFileSync(process.env['CC'] ?? 'cc', ['-O1', '-Wall', '-Wextra', source, '-o', program]);
    await compileAddon(addonSource, addonBinary);
  });
  after(() => rmSync(folder, { recursive: true }));

  for (const { depth, atMost } of bounds) {
    it(`takes at most ${atMost} instructions more than an untracked one, ${depth} calls deep`, async () => {
      const added = (await count('tracked', depth)) - (await count('untracked', depth));
      const perPair = Math.round(added / PAIRS);
      assert.ok(perPair > 0, `${perPair} instructions: nothing was tracked`);
      assert.ok(perPair <= atMost, `${perPair} instructions, where ${atMost} are allowed`);
    });
  }

  async function count(mode: 'tracked' | 'untracked', depth: number): Promise<number> {
    const file = join(folder, `${mode}-${depth}`);
    const script = join(__dirname, 'churn.mjs');
    const parameters = [script, mode, String(depth), String(PAIRS)];
    await run(program, [file, process.execPath, ...parameters], { quiet: true });
    return Number(readFileSync(file, 'utf8'));
  }
});
