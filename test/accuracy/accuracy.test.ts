// Every body of bodies.js, measured in a process of its own. ACCURACY_NODE is the Node it runs on,
// ACCURACY_REPEATS how often each verdict of limitMemory is asked for.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestResult } from '../../dist/test-result';
import { type Body, bodies } from './bodies';
import { checkLeaks, checkPeak, checkPeakLine } from './checks';
import { measureBody, node } from './run-body';

const root = join(__dirname, '..', '..');

before('compile the addon', function () {
  this.timeout(180_000);
  execFileSync(process.execPath, [join(__dirname, 'build-addon.mjs')]);
});

describe('the memory of', function () {
  this.timeout(120_000);
  for (const body of bodies) {
    it(body.name, () => {
      const measured = measureBody(body);
      checkPeak(body, measured);
      if (body.line) checkPeakLine(body, measured.peakByLine);
      checkLeaks(measured);
    });
  }
});

describe('a limit', function () {
  this.timeout(600_000);
  let results: TestResult[];

  before('run Mocha', () => (results = runMocha()));

  for (const body of bodies.filter(hasTruth)) {
    const kind = body.leaks ? 'limitLeaks' : 'limitMemory';

    it(`passes above and fails below: ${body.name}`, () => {
      const of = (side: string) =>
        results.filter(({ titlePath }) => titlePath[0] === body.name && titlePath[1] === side);
      assert.ok(of('above').length > 0);
      assert.deepEqual(
        of('above').map(describeResult),
        of('above').map(() => 'passed'),
      );
      const failed = of('below').map(({ state, violations }) => [state, violations[0]?.kind]);
      assert.deepEqual(
        failed,
        failed.map(() => ['failed', kind]),
        of('below').map(describeResult).join(),
      );
    });
  }
});

function hasTruth({ peak, atMostBytes, leaks }: Body) {
  return (peak ?? atMostBytes ?? leaks) !== undefined;
}

function describeResult({ state, peak, violations }: TestResult) {
  return state === 'passed' ? state : `${state} ${peak.bytes} ${violations[0]?.limitBytes}`;
}

function runMocha(): TestResult[] {
  const folder = mkdtempSync(join(tmpdir(), 'memray-mocha-accuracy-'));
  try {
    const file = join(folder, 'results.json');
    const parameters = [
      join(root, 'node_modules/mocha/bin/mocha.js'),
      '--no-config',
      `--require=${join(root, 'dist/register.js')}`,
      `--memray-json=${file}`,
      join(__dirname, 'limits.js'),
    ];
    const env = { ACCURACY_REPEATS: '2', ...process.env, TEST_COUNTS_FILE: '' };
    const { stdout, stderr } = spawnSync(node, parameters, { encoding: 'utf8', env });
    const text = readFileSync(file, 'utf8');
    assert.ok(text, stdout + stderr);
    return (JSON.parse(text) as { tests: TestResult[] }).tests;
  } finally {
    rmSync(folder, { recursive: true });
  }
}
