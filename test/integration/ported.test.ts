// What pytest-memray's tests check that belongs to no other file here. README.md lists all of them.
import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { join } from 'node:path';
import { withProject, type MeasuredRun } from '../helpers/mocha-project';

const measure = (source: string, args: string[] = []): MeasuredRun =>
  withProject(`const kept = [];\n${source}`, (project) => project.measure(args));

/** The state of each test, by its title. */
const statesOf = ({ tests }: MeasuredRun) =>
  Object.fromEntries(tests.map(({ titlePath, state }) => [titlePath.at(-1)!, state]));

describe('ported from pytest-memray', function () {
  it('limits hold where only tests with a limit are tracked', function () {
    const run = measure(
      `it('uses', function () { this.limitMemory('2 KB'); new ArrayBuffer(4096); });
       it('leaks', function () { this.limitLeaks('0 B'); kept.push(new ArrayBuffer(512)); });
       it('does neither', function () { this.limitMemory('1 MB').limitLeaks('1 MB'); });`,
      ['--memray=limits'],
    );
    assert.deepEqual(statesOf(run), { uses: 'failed', leaks: 'failed', 'does neither': 'passed' });
    assert.equal(run.code, 2);
  });

  it('a leak limit of 5 KB allows ten times 0, 1 or 102 bytes, and neither 1 KB nor 10 KB', function () {
    const sizes = [0, 1, 102, 1024, 10_240];
    const tests = sizes.map(
      (size) => `it('${size}', function () {
        this.limitLeaks('5 KB');
        for (let i = 0; i < 10; i++) kept.push(new ArrayBuffer(${size}));
      });`,
    );
    assert.deepEqual(statesOf(measure(tests.join('\n'))), {
      ...{ 0: 'passed', 1: 'passed', 102: 'passed' },
      ...{ 1024: 'failed', 10240: 'failed' },
    });
  });

  it('a leak limit of 20 MB allows ten times 4 KB or 0.4 MB in a thread, and not 4 MB', function () {
    const tests = [4096, 0.4 * 1024 ** 2, 4 * 1024 ** 2].map(
      (size) => `it('${Math.round(size)}', async function () {
        this.limitLeaks('20 MB');
        const worker = new Worker(
          'globalThis.kept = Array.from({ length: 10 }, () => Buffer.alloc(${Math.round(size)}));' +
          'require("node:worker_threads").parentPort.postMessage(1); setInterval(() => {}, 1e6)',
          { eval: true });
        kept.push(worker);
        await new Promise((resolve) => worker.once('message', resolve));
      });`,
    );
    const run = measure(`const { Worker } = require('node:worker_threads');
      after(() => kept.forEach((worker) => worker.terminate()));
      ${tests.join('\n')}`);
    assert.deepEqual(statesOf(run), { 4096: 'passed', 419430: 'passed', 4194304: 'failed' });
  });

  it('a leak of an asynchronous test is the failure that xunit writes', function () {
    const { stdout, code } = withProject(
      `const kept = [];
       it('leaks', async function () {
         this.limitLeaks('5 KB');
         for (let i = 0; i < 10; i++) { await null; kept.push(new ArrayBuffer(10240)); }
       });`,
      (project) => project.run(['--reporter', 'xunit'], { MEMRAY_VERBOSITY: '-1' }),
    );
    assert.equal(code, 1);
    assert.match(
      stdout,
      /<failure>Test was allowed to leak 5\.0KiB per location but at least one location leaked more\n/,
    );
  });

  it('a limit of xunit says how much was allowed and how much was allocated', function () {
    for (const [limit, size] of [
      ['5 KB', 102_400],
      ['10 KB', 204_800],
    ] as const) {
      const { stdout, code } = withProject(
        `it('uses', function () { this.limitMemory('${limit}'); new ArrayBuffer(${size}); });`,
        (project) => project.run(['--reporter', 'xunit']),
      );
      assert.equal(code, 1);
      const [, allocated] = new RegExp(
        `<failure>Test was limited to ${limit.replace(' KB', '')}\\.0KiB but allocated (\\d+)\\.\\dKiB\\n`,
      ).exec(stdout)!;
      assert.equal(Number(allocated), size / 1024);
    }
  });

  for (const [args, state] of [
    [[], 'failed'],
    [['--memray-js-heap=false'], 'passed'],
  ] as const) {
    it(`objects count ${args.length > 0 ? 'not without js-heap' : 'with js-heap'}`, function () {
      const { result, stdout } = measure(
        `function allocateObjects() {
           for (let i = 0; i < 100_000; i++) kept.push({ number: i, list: [i, i + 1, i + 2] });
         }
         it('uses', function () { this.limitMemory('4 MB'); allocateObjects(); });`,
        [...args, '--memray-hide-summary'],
      );
      assert.equal(result('uses').state, state);
      assert.equal(stdout.includes('allocateObjects'), state === 'failed');
    });
  }

  it('a limit that is chained from within the body is looked for, too', function () {
    const { result } = measure(
      `it('uses', function () { this.test.limitMemory('1 MB'); kept.push(Buffer.alloc(2e6)); });`,
    );
    assert.equal(result('uses').state, 'failed');
  });

  it('a body is called once', function () {
    const { result } = measure(
      `let count = 0; it('counts', () => { if (++count > 1) throw new Error('again'); });
       it('was called', () => { if (count !== 1) throw new Error(String(count)); });`,
    );
    assert.deepEqual([result('counts').state, result('was called').state], ['passed', 'passed']);
  });

  it('workers of a parallel run report tests of any name, and hold them to limits', function () {
    const file = (size: number) => `const kept = [];
      it('${'x'.repeat(1024)}', () => { kept.push(new ArrayBuffer(1024 * 1024)); });
      for (const i of [1, 2]) {
        it('limited ' + i, function () { this.limitMemory('10 KB'); new ArrayBuffer(${size}); });
      }`;
    withProject({ 'a.test.js': file(20_480), 'b.test.js': file(1024) }, (project) => {
      const { tests, stdout, code } = project.measure([
        '--parallel',
        '--jobs=2',
        '--memray-bin-path=d',
      ]);
      assert.equal(code, 2);
      assert.deepEqual(
        tests.map(({ state }) => state),
        ['passed', 'failed', 'failed', 'passed', 'passed', 'passed'],
      );
      for (const name of ['a', 'b']) {
        assert.match(stdout, new RegExp(`results for ${name}\\.test\\.js > x{1024} at `));
      }
      assert.match(stdout, /<anonymous>:a\.test\.js:2 -> 1\.0MiB/);
      assert.equal(readdirSync(join(project.folder, 'd')).length, 6);
    });
  });
});
