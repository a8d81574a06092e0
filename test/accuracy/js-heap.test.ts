import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ResultLookup } from '../helpers/result-lookup';
import type { TestResult } from '../../dist/test-result';
import { assertNear } from './checks';
import { node } from './run-body';

const root = join(__dirname, '..', '..');
const folder = join(root, 'test/fixtures/js-heap');
const fixture = join(folder, 'objects.test.js');
const lines = readFileSync(fixture, 'utf8').split('\n');
const lineOf = (comment: string) => lines.findIndex((line) => line.endsWith(`// ${comment}`)) + 1;

describe('the JS heap, with Mocha', () => {
  let results: Map<string, TestResult>;
  let output: string;

  before('run the fixture', () => ({ results, output } = runFixture(fixture)));

  const result = (title: string) => new ResultLookup(results, output).result(title);
  const states = (title: string) => new ResultLookup(results, output).states(title);

  it('garbage reaches no limit', () => {
    assert.deepEqual(states('makes garbage under its limit'), ['passed']);
    const { peak } = result('makes garbage under its limit');
    assert.ok(peak.rawBytes > peak.bytes, JSON.stringify(peak));
  });

  it('what is held does, and the message has its line', () => {
    assert.deepEqual(states('holds objects over its limit'), ['failed', 'limitMemory']);
    const { violations } = result('holds objects over its limit');
    assert.match(violations[0]!.message, new RegExp(`objects.test.js:${lineOf('kept here')}\\b`));
  });

  it('has its part of the peak, and the largest rows', () => {
    const { peak, topAllocations } = result('holds objects without a limit');
    const expected = 20_000 * 1080;
    assert.ok(Math.abs(peak.jsHeapBytes - expected) < 0.05 * expected, JSON.stringify(peak));
    assert.equal(topAllocations[0]!.heap, 'js');
    assert.equal(topAllocations[0]!.stack[0]!.lineNumber, lineOf('kept here'));
  });

  it('leaks fail, with their line', () => {
    assert.deepEqual(states('leaks objects amid garbage'), ['failed', 'limitLeaks']);
    const [leak] = result('leaks objects amid garbage').leaks;
    assert.equal(leak!.stack[0]!.lineNumber, lineOf('kept here'));
    assert.equal(leak!.heap, 'js');
  });

  it('leaks pass that the filter ignores, or an exact limit allows', () => {
    assert.deepEqual(states('leaks objects that the filter ignores'), ['passed']);
    assert.deepEqual(states('leaks objects under an exact limit'), ['passed']);
  });

  it('errors count what their call stacks take in the end', () => {
    assert.deepEqual(states('leaks errors under its limit'), ['passed']);
    assert.deepEqual(states('leaks errors over its limit'), ['failed', 'limitLeaks']);
    const expected = Number(/errors of (\d+) bytes/.exec(output)![1]);
    const { peak } = result('holds errors without a limit');
    assert.ok(Math.abs(peak.bytes - expected) < 0.05 * expected, `${peak.bytes}, ${expected}`);
  });

  it('what only waits for its turn is no leak', () => {
    const title = 'lets promises and finalization registries settle before it counts';
    assert.deepEqual(states(title), ['passed']);
  });

  it('memory from before the test does not count, nor does its death', () => {
    assert.deepEqual(states('counts neither that nor its death'), ['passed']);
  });

  it('an object and its Buffer, allocated on one line, are one leak', () => {
    const { violations } = result('leaks on two heaps with one line');
    const bytes = violations[0]!.actualBytes;
    const expected = 1000 * (8192 + 40 + 184 + 128);
    assert.ok(Math.abs(bytes - expected) < 0.03 * expected, `${bytes}`);
  });
});

describe('objects that V8 changes where they are', () => {
  let results: Map<string, TestResult>;
  let output: string;

  before(
    'run the fixture',
    () => ({ results, output } = runFixture(join(folder, 'changed-objects.test.js'))),
  );

  for (const title of [
    'chains of prototypes',
    'strings put together',
    'names of properties',
    'objects without the properties they had',
    'arrays of other elements',
    'arrays that were emptied',
    'objects with numbers, and arrays of them',
  ]) {
    it(title, () => {
      const truth = new RegExp(`${title}: (\\d+) bytes`).exec(output)?.[1];
      const { leaks } = new ResultLookup(results, output).result(title);
      const bytes = leaks.reduce((sum, leak) => sum + leak.bytes, 0);
      assertNear(bytes, { bytes: Number(truth), tolerance: 0.02 }, 'what leaked');
    });
  }
});

function runFixture(path: string) {
  const temporary = mkdtempSync(join(tmpdir(), 'memray-mocha-js-heap-'));
  const file = join(temporary, 'results.json');
  const { stdout, stderr } = spawnSync(
    node,
    [
      join(root, 'node_modules/mocha/bin/mocha.js'),
      '--no-config',
      `--require=${join(root, 'dist/register.js')}`,
      `--memray-json=${file}`,
      path,
    ],
    { encoding: 'utf8', env: { ...process.env, TEST_COUNTS_FILE: '' } },
  );
  const { tests } = JSON.parse(readFileSync(file, 'utf8')) as { tests: TestResult[] };
  rmSync(temporary, { recursive: true });
  const results = new Map(tests.map((test) => [test.titlePath[0]!, test]));
  return { results, output: stdout + stderr };
}
