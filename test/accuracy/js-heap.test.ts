import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { ResultLookup } from '../helpers/result-lookup';
import type { TestResult } from '../../dist/test-result';
import { node } from './run-body';

const root = join(__dirname, '..', '..');
const fixture = join(root, 'test/fixtures/js-heap/objects.test.js');
const lines = readFileSync(fixture, 'utf8').split('\n');
const lineOf = (comment: string) => lines.findIndex((line) => line.endsWith(`// ${comment}`)) + 1;

describe('the JS heap, with Mocha', function () {
  let results: Map<string, TestResult>;
  let output: string;

  before('run the fixture', function () {
    const folder = mkdtempSync(join(tmpdir(), 'memray-mocha-js-heap-'));
    const file = join(folder, 'results.json');
    const { stdout, stderr } = spawnSync(
      node,
      [
        join(root, 'node_modules/mocha/bin/mocha.js'),
        '--no-config',
        `--require=${join(root, 'dist/register.js')}`,
        `--memray-json=${file}`,
        fixture,
      ],
      { encoding: 'utf8', env: { ...process.env, TEST_COUNTS_FILE: '' } },
    );
    output = stdout + stderr;
    const { tests } = JSON.parse(readFileSync(file, 'utf8')) as { tests: TestResult[] };
    rmSync(folder, { recursive: true });
    results = new Map(tests.map((test) => [test.titlePath[0]!, test]));
  });

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
