import assert from 'node:assert/strict';
import { readdirSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { withProject, type MochaRun } from '../helpers/mocha-project';

/** A file with one test of each kind of end. */
const everyEnd = `
  const assert = require('node:assert');
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  let attempt = 0;
  describe('suite', () => {
    it('passes', () => {});
    it('returns a value', () => 42);
    it('resolves', async () => { await wait(1); });
    it('resolves a thenable', () => ({ then(resolve) { setTimeout(resolve, 1); } }));
    it('calls done', (done) => { setTimeout(done, 1); });
    it('calls done at once', (done) => { done(); });
    it('throws', () => { throw new Error('thrown'); });
    it('throws nothing', () => { throw undefined; });
    it('asserts', () => { assert.deepStrictEqual({ a: 1 }, { a: 2 }); });
    it('rejects', async () => { await wait(1); throw new TypeError('rejected'); });
    it('rejects with nothing', () => Promise.reject());
    it('passes an error to done', (done) => { done(new Error('passed')); });
    it('passes a text to done', (done) => { done('text'); });
    it('calls done twice', (done) => { done(); done(); });
    it('calls done and promises', async (done) => { setTimeout(done, 5); });
    it('throws after done', (done) => { done(); throw new Error('late'); });
    it('skips', function () { this.skip(); });
    it('skips later', async function () { await wait(1); this.skip(); });
    it('skips with done', function (done) { setTimeout(() => this.skip(), 1); });
    it('is pending');
    it('times out', function (done) { this.timeout(20); });
    it('times out by a promise', function () { this.timeout(20); return new Promise(() => {}); });
    it('is too slow', function () { this.timeout(20); const end = Date.now() + 60; while (Date.now() < end); });
    it('is uncaught', (done) => { setTimeout(() => { throw new Error('uncaught'); }, 1); });
    it('is retried', function () { this.retries(2); assert.ok(attempt++ === 1); });
    it('is retried in vain', function () { this.retries(1); throw new Error('again'); });
    it('sees its context', function () { assert.strictEqual(this.test.title, 'sees its context'); });
    it('has its function', function () { assert.match(this.test.fn.toString(), /has its function|assert/); });
    it('runs after all of this', () => {});
    describe('with a failing hook', () => {
      beforeEach(() => { throw new Error('hook'); });
      it('never runs', () => {});
    });
    describe('with a skipping hook', () => {
      beforeEach(function () { this.skip(); });
      it('is skipped', () => {});
    });
  });`;

interface JsonTest {
  fullTitle: string;
  currentRetry: number;
  speed?: string;
  err: { message?: string; stack?: string };
}
interface JsonReport {
  stats: Record<string, unknown>;
  tests: JsonTest[];
  pending: JsonTest[];
  failures: JsonTest[];
  passes: JsonTest[];
}

/** What Mocha's JSON says of a run, without times. */
function outcome({ code, stdout }: MochaRun) {
  const { stats, tests, pending, failures, passes } = JSON.parse(stdout) as JsonReport;
  const names = (list: JsonTest[]) => list.map(({ fullTitle }) => fullTitle);
  return {
    code,
    counts: [stats.tests, stats.passes, stats.pending, stats.failures],
    tests: tests.map(({ fullTitle, currentRetry, err }) => ({
      fullTitle,
      currentRetry,
      message: err.message,
      stack: err.stack?.replaceAll(/:\d+:\d+|\n +at .*node:internal.*/g, ''),
    })),
    pending: names(pending),
    failures: names(failures),
    passes: names(passes),
  };
}

describe('every mode of Mocha', function () {
  const modes: Record<string, string[]> = {
    'with no options': [],
    'with --retries': ['--retries', '1'],
    'with --bail': ['--bail'],
    'with --async-only': ['--async-only'],
    'with --check-leaks': ['--check-leaks'],
    'with --dry-run': ['--dry-run'],
    'with --parallel': ['--parallel', '--jobs', '2'],
    'with --grep': ['--grep', 'done'],
    'with --forbid-pending': ['--forbid-pending'],
  };
  for (const [mode, args] of Object.entries(modes)) {
    for (const memray of ['all', 'limits']) {
      it(`${mode}, memray ${memray}: same tests, states, errors and order`, function () {
        withProject(everyEnd, (project) => {
          const all = ['--reporter', 'json', ...args];
          const expected = outcome(project.runPlain(all));
          const actual = outcome(project.run([`--memray=${memray}`, ...all]));
          assert.deepEqual(actual, expected);
        });
      });
    }
  }

  it('with an uncaught error that Mocha lets through', function () {
    const source = `it('throws', () => { throw new Error('through'); }); it('next', () => {});`;
    withProject(source, (project) => {
      const [expected, actual] = [
        project.runPlain(['--allow-uncaught']),
        project.run(['--allow-uncaught']),
      ];
      assert.equal(actual.code, expected.code);
      assert.match(actual.stderr, /Error: through/);
    });
  });

  it('with ES modules', function () {
    withProject(
      {
        'a.test.mjs': `
          import { ok } from 'node:assert';
          const kept = [];
          it('allocates', function () {
            this.limitMemory('1 MB');
            kept.push(new ArrayBuffer(2e6));
          });`,
      },
      (project) => {
        const { stdout, result } = project.measure();
        assert.match(stdout, /allocated here:\n {8}\S+:a\.test\.mjs:6\n/);
        assert.equal(result('allocates').topLocations[0]!.filename, 'a.test.mjs');
      },
    );
  });

  it('with --delay', function () {
    withProject(`setTimeout(() => { it('runs', () => {}); run(); }, 1);`, (project) =>
      assert.equal(project.measure(['--delay']).result('runs').state, 'passed'),
    );
  });

  it('with --exit, which ends the process before anything else can run', function () {
    withProject(
      `setInterval(() => {}, 1e6); it('runs', () => { new ArrayBuffer(1e6); });`,
      (project) => {
        const { stdout, result } = project.measure(['--exit']);
        assert.equal(result('runs').state, 'passed');
        assert.match(stdout, /MEMRAY REPORT/);
      },
    );
  });
});

describe('a run with --parallel', function () {
  const file = (name: string) => `
    const kept = [];
    describe('${name}', () => {
      it('one', () => { kept.push(Buffer.alloc(1e6)); });
      it('two', function () { this.limitMemory('1 MB'); kept.push(Buffer.alloc(2e6)); });
    });`;
  const files = { 'a.test.js': file('a'), 'b.test.js': file('b'), 'c.test.js': file('c') };

  it('has one report and one file of results, in the order of files', function () {
    withProject(files, (project) => {
      const { tests, stdout, code } = project.measure(['--parallel', '--jobs', '2']);
      assert.equal(code, 3);
      assert.deepEqual(
        tests.map(({ id, state }) => `${id}: ${state}`),
        ['a', 'b', 'c'].flatMap((name) => [
          `${name}.test.js > ${name} > one: passed`,
          `${name}.test.js > ${name} > two: failed`,
        ]),
      );
      assert.equal(stdout.match(/MEMRAY REPORT/g)!.length, 1);
      assert.match(stdout, /Test was limited to 1\.0MiB but allocated 1\.9MiB/);
    });
  });

  it('keeps what a worker found before it died', function () {
    withProject(
      { ...files, 'b.test.js': `it('lives', () => {}); it('dies', () => process.exit(3));` },
      (project) => {
        const { tests } = project.measure(['--parallel', '--jobs', '2']);
        const found = tests.map(({ id }) => id);
        assert.ok(found.includes('b.test.js > lives'), found.join());
        assert.ok(found.includes('a.test.js > a > two'), found.join());
      },
    );
  });

  it('leaves no folder behind', function () {
    const folders = () =>
      readdirSync(tmpdir()).filter((name) => /^memray-mocha-[A-Za-z0-9]{6}$/.test(name));
    const before = folders();
    withProject(files, (project) => project.run(['--parallel']));
    assert.deepEqual(
      folders().filter((name) => !before.includes(name)),
      [],
    );
  });
});

describe('a test that ends badly', function () {
  it('leaves the next one right', function () {
    const source = `
      const kept = [];
      it('times out', (done) => { kept.push(Buffer.alloc(5e6)); }).timeout(10);
      it('after a timeout', () => { kept.push(Buffer.alloc(1e6)); });
      it('is uncaught', (done) => { setTimeout(() => { throw new Error('x'); }, 1); });
      it('after an uncaught error', () => { kept.push(Buffer.alloc(1e6)); });`;
    withProject(source, (project) => {
      const { result } = project.measure();
      for (const title of ['after a timeout', 'after an uncaught error']) {
        assert.equal(result(title).state, 'passed');
        assert.ok(Math.abs(result(title).peak.bytes - 1e6) < 5e4, `${result(title).peak.bytes}`);
      }
    });
  });
});

describe('analysis', function () {
  it('counts neither in the duration nor in the timeout of a test', function () {
    const source = `
      const kept = [];
      it('allocates often', async function () {
        this.limitLeaks('1 GB');
        for (let i = 0; i < 20_000; i++) kept.push(new ArrayBuffer(16));
        this.timeout(1000);
      });`;
    withProject(source, (project) => {
      const { state, durationMs } = project.measure().result('allocates often');
      assert.equal(state, 'passed');
      assert.ok(durationMs < 500, `${durationMs} ms`);
    });
  });

  it('works beside fake timers and a faked Date', function () {
    const source = `
      const real = { setTimeout, setImmediate, Date, hrtime: process.hrtime };
      beforeEach(() => {
        globalThis.setTimeout = globalThis.setImmediate = () => { throw new Error('fake'); };
        globalThis.Date = class {};
        process.hrtime = Object.assign(() => [0, 0], { bigint: () => 0n });
      });
      afterEach(() => { Object.assign(globalThis, real); process.hrtime = real.hrtime; });
      it('has a leak limit', function () { this.limitLeaks('1 MB'); });`;
    withProject(source, (project) => {
      assert.equal(project.measure().result('has a leak limit').state, 'passed');
    });
  });
});
