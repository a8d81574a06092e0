// What garbage, memory from before and code that cannot be interrupted make of a peak: with the real Mocha.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { TestResult } from '../../dist/test-result';
import { node } from './run-body';

const root = join(__dirname, '..', '..');
const MIB = 1024 * 1024;
/** Of one of the fixture's, and its place among those that are held. */
const arrayBytes = 32 + 16 + 125 * 8 + 8;

describe('the peak', function () {
  this.timeout(120_000);
  let measured: TestResult[];
  let results: Map<string, TestResult>;
  let output: string;

  before('run the fixture', function () {
    const folder = mkdtempSync(join(tmpdir(), 'memray-mocha-peaks-'));
    const file = join(folder, 'results.json');
    output = runFixture([], [`--memray-json=${file}`]);
    measured = (JSON.parse(readFileSync(file, 'utf8')) as { tests: TestResult[] }).tests;
    rmSync(folder, { recursive: true });
    results = new Map(measured.map((test) => [test.titlePath.at(-1)!, test]));
  });

  const result = (title: string) => {
    const found = results.get(title);
    assert.ok(found, `no result of "${title}" in:\n${output}`);
    return found;
  };
  const assertPasses = (title: string) => {
    assert.equal(result(title).state, 'passed', output);
  };
  const assertFails = (title: string, megabytes: number) => {
    const { violations } = result(title);
    assert.deepEqual(
      violations.map(({ kind }) => kind),
      ['limitMemory'],
      output,
    );
    const off = violations[0]!.actualBytes / MIB / megabytes - 1;
    assert.ok(Math.abs(off) < 0.05, `${violations[0]!.message}\nis ${off} off`);
  };

  it('counts what is held although as much from before dies', () => {
    assertFails('makes no room by its death', (33_000 * arrayBytes) / MIB);
  });

  it('is confirmed from the declaration of a limit on', () => {
    assertPasses('drops what it held before its limit was declared');
    const { peak } = result('drops what it held before its limit was declared');
    assert.ok(peak.bytes > 20 * MIB && !peak.confirmed, JSON.stringify(peak));
    const { violations } = result('holds more than its limit after that was declared');
    assert.equal(violations[0]?.kind, 'limitMemory', output);
    assert.ok(violations[0].actualBytes < 20 * MIB, violations[0].message);
  });

  it('counts what is allocated and freed within one native call', () => {
    assertFails('frees within one native call what it allocates there', 32);
  });

  it('is that of large arrays without the ends of pages that V8 leaves empty', () => {
    assertPasses('stay below a limit');
    assertFails('reach a limit', 47.7);
    const { jsHeapBytes } = result('have no limit').peak;
    assert.ok(Math.abs(jsHeapBytes / MIB / 95.4 - 1) < 0.05, `${jsHeapBytes} bytes`);
  });

  it('counts it without the garbage around it', () => {
    assertPasses('does the same amid garbage');
    assert.ok(result('does the same amid garbage').peak.bytes >= 32 * MIB);
  });

  it('is not inferred where garbage could not be collected', () =>
    assertPasses('holds nothing in such a loop'));

  it('is seen in optimized code', () => {
    const title = 'holds objects in a loop that was optimized before';
    assert.deepEqual(
      result(title).violations.map(({ kind }) => kind),
      ['limitMemory'],
      output,
    );
  });

  it('counts what is held amid garbage, where nothing limits it', () => {
    const all = measured.filter(({ titlePath }) => titlePath[0] === 'without a limit');
    assert.equal(all.length, 12, output);
    for (const { titlePath, peak } of all) {
      assert.ok(peak.bytes > 0.8 * 11 * MIB, `${titlePath.at(-1)}: ${JSON.stringify(peak)}`);
    }
  });

  it('has few Buffers in it that were garbage, also where V8 marks meanwhile', () => {
    const title = 'holds a Buffer for a moment, amid garbage';
    for (const { titlePath, peak } of measured) {
      if (titlePath.at(-1) === title)
        assert.ok(peak.bytes < 3 * 11 * MIB, `${title}: ${JSON.stringify(peak)}`);
    }
  });

  it('counts what a call returned that nothing held, where no limit hangs on it', () => {
    const all = measured.filter(({ titlePath }) => titlePath[1] === 'counts');
    assert.equal(all.length, 7, output);
    for (const { titlePath, peak, topLocations } of all) {
      const title = titlePath.at(-1)!;
      assert.ok(Math.abs(peak.bytes / 12e6 - 1) < 0.05, `${title}: ${JSON.stringify(peak)}`);
      assert.match(topLocations[0]!.functionName, /^(<anonymous>|makeMany)$/, title);
    }
  });

  it('reaches no limit by that, however often it is called', () => {
    const all = measured.filter(({ titlePath }) => titlePath[1] === 'is garbage');
    assert.equal(all.length, 6, output);
    for (const { titlePath, state } of all) assert.equal(state, 'passed', titlePath.at(-1));
  });

  it('of a test that has failed has no garbage in it', () => {
    const failed = result('makes garbage when it has reached its limit');
    const [violation] = failed.violations;
    // What it holds, and at most as many as it is just making.
    const mostBytes = 1.05 * (5500 + 1000) * arrayBytes;
    assert.ok(violation && violation.actualBytes < mostBytes, output);
    assert.equal(failed.topLocations[0]?.functionName, 'makeArrays');
    assert.ok(failed.topLocations[0].bytes < mostBytes, JSON.stringify(failed.topLocations));
  });

  it('costs no full collection without a limit, or below it', () => {
    for (const title of [
      'collects no garbage without a limit',
      'collects no garbage below its limit',
    ]) {
      assertPasses(title);
      assert.deepEqual(findFullCollections(title), []);
    }
    assert.notDeepEqual(findFullCollections('makes no room by its death'), []);
  });
});

function runFixture(nodeFlags: string[], mochaFlags: string[]): string {
  const parameters = [
    ...nodeFlags,
    join(root, 'node_modules/mocha/bin/mocha.js'),
    '--no-config',
    // They are not about time, of which a busy machine takes more.
    '--timeout=60000',
    `--require=${join(root, 'dist/register.js')}`,
    ...mochaFlags,
    join(root, 'test/fixtures/js-heap/peaks.test.js'),
  ];
  const env = { ...process.env, TEST_COUNTS_FILE: '' };
  const { stdout, stderr } = spawnSync(node, parameters, { encoding: 'utf8', env });
  return stdout + stderr;
}

/**
 * Runs one test of the fixture.
 *
 * @returns what V8 says of each full collection it was asked for. It says something else of its
 *   own, also when it ends one as it is asked for the young generation's.
 */
function findFullCollections(title: string): string[] {
  const lines = runFixture(['--trace-gc'], ['--grep', title]).split('\n');
  assert.ok(
    lines.some((line) => line.includes('1 passing') || line.includes('1 failing')),
    lines.join('\n'),
  );
  return lines.filter((line) => /Mark-Compact.* testing; GC in old space requested/.test(line));
}
