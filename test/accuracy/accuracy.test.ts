// Every body of bodies.js, measured in a process of its own. ACCURACY_NODE is the Node it runs on,
// ACCURACY_REPEATS how often each verdict of limitMemory is asked for.
import assert from 'node:assert/strict';
import { execFileSync, spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestResult } from '../../dist/test-result';
import { type Body, bodies, findLine } from './bodies';
import { measureBody, node } from './run-body';

const root = join(__dirname, '..', '..');

/** Each has V8 move or throw away objects or code at times when it usually does not. */
const movingFlags = [
  ['--stress-compaction', '--gc-interval=2000'],
  ['--compact-on-every-full-gc', '--stress-flush-code'],
  ['--stress-scavenge=50', '--max-semi-space-size=1'],
];

before('compile the addon', function () {
  this.timeout(60_000);
  execFileSync(process.execPath, [join(__dirname, 'build-addon.mjs')]);
});

describe('the memory of', function () {
  this.timeout(120_000);
  for (const body of bodies) {
    it(body.name, () => {
      const { statistics, peakByLine, leaksByLine } = measureBody(body);
      checkPeak(body, statistics.peakBytes);
      if (body.line) checkPeakLine(body, peakByLine);
      checkLeaks(body, leaksByLine);
    });
  }
});

describe('lines stay the same while V8 moves objects and code, for', function () {
  this.timeout(240_000);
  for (const body of bodies.filter(({ leaks, line }) => leaks ?? line)) {
    it(body.name, () => {
      for (const flags of movingFlags) {
        const { peakByLine, leaksByLine } = measureBody(body, flags);
        if (body.line) checkPeakLine(body, peakByLine, flags.join(' '));
        checkLeaks(body, leaksByLine, flags.join(' '));
      }
    });
  }
});

describe('limitMemory', function () {
  this.timeout(600_000);
  let results: TestResult[];

  before('run Mocha', () => (results = runMocha()));

  for (const body of bodies.filter((body) => passingLimit(body) !== undefined)) {
    it(`passes above and fails below: ${body.name}`, () => {
      const of = (kind: string) =>
        results.filter(({ titlePath }) => titlePath[0] === body.name && titlePath[1] === kind);
      assert.ok(of('above').length > 0);
      assert.deepEqual(
        of('above').map(describeResult),
        of('above').map(() => 'passed'),
      );
      const failed = of('below').map(({ state, violations }) => [state, violations[0]?.kind]);
      assert.deepEqual(
        failed,
        failed.map(() => ['failed', 'limitMemory']),
        of('below').map(describeResult).join(),
      );
    });
  }
});

function checkPeak({ peak, atLeastBytes = 0, atMostBytes = Infinity }: Body, bytes: number) {
  if (peak) assertNear(bytes, peak, 'the peak');
  assert.ok(bytes >= atLeastBytes && bytes <= atMostBytes, `${bytes} bytes`);
}

/** The line that the body is about holds nearly all. */
function checkPeakLine({ line, linePart = 0.9 }: Body, byLine: Record<string, number>, of = '') {
  const total = Object.values(byLine).reduce((sum, bytes) => sum + bytes, 0);
  const part = (byLine[findLine(line!)] ?? 0) / total;
  assert.ok(
    part >= linePart,
    `${of} line ${findLine(line!)} has ${part}: ${JSON.stringify(byLine)}`,
  );
}

function checkLeaks({ leaks = {} }: Body, byLine: Record<string, number>, of = '') {
  for (const [comment, truth] of Object.entries(leaks)) {
    const line = findLine(comment);
    assertNear(byLine[line] ?? 0, truth, `${of} line ${line} of ${JSON.stringify(byLine)}`);
  }
}

function assertNear(bytes: number, truth: { bytes: number; tolerance: number }, what: string) {
  const error = bytes / truth.bytes - 1;
  const text = `${what}: ${bytes} bytes, truth ${truth.bytes}, ${(error * 100).toFixed(2)}% off`;
  assert.ok(Math.abs(error) <= truth.tolerance, text);
}

function passingLimit({ peak, atMostBytes }: Body) {
  return peak?.bytes ?? atMostBytes;
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
      '--memray-js-heap',
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
