// Every supported Node with every supported Mocha, on one small project. By default only each Node
// with the newest Mocha, and the oldest Node with each Mocha; MEMRAY_TEST_MATRIX=full runs all.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { ResultLookup } from '../helpers/result-lookup';
import type { TestResult } from '../../dist/test-result';
import { cachedPackage } from '../../scripts/cached-package.mjs';
import { nodeBinary, nodeMajors } from '../../scripts/node-majors.mjs';
import { run } from '../../scripts/run.mjs';
import { copyPackageTo } from '../helpers/package-copy';

const mochaMajors = [10, 11, 12];
const fixture = join(__dirname, 'fixture', 'buffers.test.js');
const allocatingLine =
  readFileSync(fixture, 'utf8')
    .split('\n')
    .findIndex((line) => line.includes('// allocated here')) + 1;

const combinations = nodeMajors.flatMap((node) => mochaMajors.map((mocha) => ({ node, mocha })));
const isBounded = process.env.MEMRAY_TEST_MATRIX !== 'full';
const chosen = combinations.filter(
  ({ node, mocha }) => !isBounded || node === nodeMajors[0] || mocha === mochaMajors.at(-1),
);

/** V8 logs each part that it adds to its heap, and allocates for that. */
const growHeap = `
  const { Tracker } = require('memray-mocha');
  const tracker = new Tracker({ jsHeap: false });
  tracker.start();
  const kept = [];
  for (let i = 0; i < 1000; i++) kept[i % 20] = new Array(200_000).fill(i);
  tracker.stop().close();`;

/** Prints the call stacks of what a function allocates that WebAssembly imports. */
const callFromWebAssembly = `
  const { Tracker } = require('memray-mocha');
  const tracker = new Tracker({ jsHeap: false });
  tracker.start();
  const wasm = new WebAssembly.Module(Uint8Array.of(
    0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, // magic and version
    1, 4, 1, 0x60, 0, 0, // a type: no parameters, no result
    2, 7, 1, 1, 0x6d, 1, 0x61, 0, 0, // import m.a
    3, 2, 1, 0, 7, 5, 1, 1, 0x66, 0, 1, // export f
    10, 6, 1, 4, 0, 0x10, 0, 0x0b, // f calls m.a
  ));
  const kept = [];
  function keep() { kept.push(new ArrayBuffer(100_000)); }
  const { f } = new WebAssembly.Instance(wasm, { m: { a: keep } }).exports;
  function callMany() { for (let i = 0; i < 3000; i++) f(); }
  callMany();
  const capture = tracker.stop();
  const stacks = [...capture.leaks()]
    .filter(({ bytes, stack }) => bytes >= 100_000 && stack.frames[0].functionName === 'keep')
    .map(({ stack }) => stack.frames.slice(0, 3).map((frame) => frame.functionName).join(' '));
  capture.close();
  console.log(JSON.stringify(stacks));`;

for (const { node, mocha } of chosen) {
  describe(`Node ${node} with Mocha ${mocha}`, function () {
    this.timeout(1_800_000);
    let folder: string;
    let output: string;
    let results: Map<string, TestResult>;

    before('run the fixture', async function () {
      folder = mkdtempSync(join(tmpdir(), 'memray-mocha-matrix-'));
      const binary = await nodeBinary(node);
      await run(process.execPath, ['scripts/build-native.mjs', '--node', binary]);
      ({ output, results } = runFixture(folder, binary, await cachedPackage('mocha', `${mocha}`)));
    });

    after(() => rmSync(folder, { recursive: true, force: true }));

    const result = (title: string) => new ResultLookup(results, output).result(title);
    const states = (title: string) => new ResultLookup(results, output).states(title);

    it('measures 31.25 MiB of Buffers within 3%, and names their line', function () {
      const { peak, topAllocations } = result('under the limit');
      const expected = 2000 * 16384;
      assert.ok(Math.abs(peak.nativeBytes - expected) < 0.03 * expected, `${peak.nativeBytes}`);
      assert.equal(userLine(topAllocations), allocatingLine);
    });

    it('passes a test under its limit, and fails one over it', function () {
      assert.deepEqual(states('under the limit'), ['passed']);
      assert.deepEqual(states('over the limit'), ['failed', 'limitMemory']);
    });

    it('fails a test that leaks, with the line', function () {
      assert.deepEqual(states('leaks'), ['failed', 'limitLeaks']);
      assert.equal(userLine(result('leaks').leaks), allocatingLine);
    });

    it('passes a leak that the filter ignores, and memory that was released', function () {
      assert.deepEqual(states('leaks what the filter ignores'), ['passed']);
      assert.deepEqual(states('releases'), ['passed']);
    });

    it('leaves a test its own failure', function () {
      assert.deepEqual(states('fails by itself'), ['failed']);
      assert.match(output, /on its own/);
    });

    it('ends in the report', function () {
      assert.match(output, /MEMRAY REPORT/);
    });

    // Before, V8 had no state for that.
    if (node >= 24) {
      it('reads the stack itself where V8 logs what it does, too', async function () {
        const args = ['--perf-basic-prof', `--perf-basic-prof-path=${folder}`];
        assert.equal(runScript(folder, await nodeBinary(node), growHeap, { args }), '');
      });
    }

    it('shows one call stack of a line that WebAssembly calls often', async function () {
      const stdout = runScript(folder, await nodeBinary(node), callFromWebAssembly, {});
      assert.deepEqual(JSON.parse(stdout), ['keep wasm-function[1] callMany']);
    });

    it('finds out how V8 lays out frames where malloc gives memory that is not zero', async function () {
      const env = { MALLOC_PERTURB_: '165' };
      assert.equal(runScript(folder, await nodeBinary(node), growHeap, { env }), '');
    });
  });
}

/** Runs the fixture in a project of its own, as a user would. */
function runFixture(folder: string, node: string, mocha: string) {
  cpSync(dirname(mocha), join(folder, 'node_modules'), { recursive: true });
  copyPackageTo(join(folder, 'node_modules'));
  cpSync(fixture, join(folder, 'test', 'buffers.test.js'));
  const file = join(folder, 'results.json');
  const { stdout, stderr } = spawnSync(
    node,
    [
      join(folder, 'node_modules/mocha/bin/mocha.js'),
      '--require=memray-mocha/register',
      `--memray-json=${file}`,
    ],
    { cwd: folder, encoding: 'utf8', env: { ...process.env, TEST_COUNTS_FILE: '' } },
  );
  const output = stdout + stderr;
  let text;
  try {
    text = readFileSync(file, 'utf8');
  } catch {
    throw new Error(`Mocha wrote no results. Its output:\n${output}`);
  }
  const { tests } = JSON.parse(text) as { tests: TestResult[] };
  const results = new Map(tests.map((test) => [test.titlePath.at(-1)!, test]));
  return { output, results };
}

/** Runs a script in the project, and returns all that it prints. */
function runScript(
  folder: string,
  node: string,
  script: string,
  { args = [] as string[], env = {} as NodeJS.ProcessEnv },
): string {
  const { status, stdout, stderr } = spawnSync(node, [...args, '-e', script], {
    cwd: folder,
    encoding: 'utf8',
    env: { ...process.env, ...env },
  });
  assert.equal(status, 0, stderr);
  return stdout + stderr;
}

/** The line of the user's code in the largest allocation. */
function userLine(allocations: TestResult['topAllocations']) {
  const frames = allocations[0]?.stack ?? [];
  return frames.find(({ kind, filename }) => kind === 'js' && !filename.startsWith('node:'))
    ?.lineNumber;
}
