import assert from 'node:assert/strict';
import { withProject, type MeasuredRun } from '../helpers/mocha-project';

const index = require.resolve('../../dist/index');
const setting = `
  const kept = [], cache = new Map(), wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  function leak(bytes) { kept.push(Buffer.alloc(bytes)); }
  function fill(bytes) { if (!cache.has('key')) cache.set('key', Buffer.alloc(bytes)); }
  const runs = {};
  function run(context) { return runs[context.test.title] = (runs[context.test.title] ?? 0) + 1; }
  after(() => console.log('runs: ' + JSON.stringify(runs)));`;

/** Runs tests and gives, besides their results, how often each body ran. */
function measure(source: string, args: string[] = []): MeasuredRun & { runs: unknown } {
  const run = withProject(`${setting}\n${source}`, (project) => project.measure(args));
  return { ...run, runs: JSON.parse(/^runs: (.*)$/m.exec(run.stdout)![1]!) };
}

describe('limitLeaks with repeat', function () {
  it('tells what grows in each run from what is cached once, in every style of body', function () {
    const { result, runs, stdout } = measure(`
      const limit = { repeat: 50 };
      function body(context) { run(context); context.limitLeaks('1 MB', limit); leak(40000); fill(2e6); }
      beforeEach(() => cache.clear());
      it('sync', function () { body(this); });
      it('async', async function () { await wait(1); body(this); });
      it('done', function (done) { setTimeout(() => { body(this); done(); }, 1); });`);
    assert.deepEqual(runs, { sync: 50, async: 50, done: 50 });
    for (const title of ['sync', 'async', 'done']) {
      const { state, leaks, runs: measured, violations } = result(title);
      assert.deepEqual([state, measured, violations.length], ['failed', 50, 1]);
      const [first, second] = [leaks[0]!, leaks[1]!];
      assert.deepEqual([first.grows, second.grows, second.bytesPerRun], [true, false, 0]);
      assert.ok(Math.abs(first.bytesPerRun! - 40_000) < 1000, `${first.bytesPerRun}`);
      assert.ok(Math.abs(first.bytes - 2e6) < 5e4, `${first.bytes}`);
    }
    const lists = stdout.match(
      /leaked more in 50 runs\nList of leaked allocations:\n {4}- 1\.9MiB allocated here, [^]*?\n\n/g,
    )!;
    assert.equal(lists.length, 3);
    for (const list of lists) {
      assert.match(list, / {4}- 1\.9MiB allocated here, growing by 39\.\dKiB per run:\n {8}leak:/);
      assert.match(list, / {4}- 1\.9MiB allocated here, not growing since run 25:\n {8}fill:/);
    }
  });

  it('leaves out what warm-up runs did', function () {
    const { result, runs } = measure(`
      it('warms up', function () {
        this.limitLeaks('100 KB', { repeat: 20, warmup: 2 }).limitMemory('1 MB');
        if (run(this) <= 2) leak(2e6);
        fill(3e6);
      });`);
    assert.deepEqual(runs, { 'warms up': 22 });
    const { state, leaks, peak } = result('warms up');
    assert.equal(state, 'passed');
    assert.ok(peak.bytes < 1e5 && leaks.every(({ bytes }) => bytes < 1e5));
  });

  it('takes a cache that replaces what it holds for none that grows', function () {
    const { result } = measure(`
      it('replaces', function () {
        this.limitLeaks('100 KB', { repeat: 30 });
        cache.set(run(this) % 10, Buffer.alloc(50000));
      });`);
    const [largest] = result('replaces').leaks;
    assert.ok(Math.abs(largest!.bytes - 5e5) < 1e4, `${largest!.bytes}`);
    assert.deepEqual([largest!.grows, largest!.bytesPerRun], [false, 0]);
  });

  for (const args of [[], ['--memray-bin-path=captures']]) {
    it(`takes what each run replaces for no leak, where there are warm-up runs: ${args.join()}`, function () {
      const { tests } = measure(
        `
      const text = JSON.stringify(Array.from({ length: 2000 }, (_, i) => ({ i, name: 'n' + i })));
      let latest;
      it('objects', function () {
        this.limitLeaks('64 KB', { repeat: 20, warmup: 1 });
        latest = JSON.parse(text);
      });
      it('native', function () {
        this.limitLeaks('64 KB', { repeat: 20, warmup: 1 });
        latest = Buffer.alloc(100_000);
      });
      it('grows', function () {
        this.limitLeaks('64 KB', { repeat: 20, warmup: 1 });
        kept.push(latest = Buffer.alloc(10_000));
      });
      const ids = new Set();
      it('grows by doubling', function () {
        this.limitLeaks('500 KB', { repeat: 20, warmup: 2 });
        for (let i = 0; i < 5699; i++) ids.add(ids.size);
      });`,
        args,
      );
      assert.deepEqual(
        tests.map(({ state }) => state),
        ['passed', 'passed', 'failed', 'failed'],
      );
    });
  }

  it('runs hooks once, wherever it is declared, and asks a filter once per call stack', function () {
    const { result, runs, stdout } = measure(`
      let before = 0, asked = 0;
      const options = { repeat: 5, filterFn: () => { asked++; return false; } };
      beforeEach(() => { before++; });
      describe('suite', function () { this.limitLeaks(10_000, options); it('of a suite', function () { run(this); leak(1e4); }); });
      describe('hook', () => {
        beforeEach(function () { this.limitLeaks(10_000, options); });
        it('of a hook', function () { run(this); leak(1e4); });
      });
      it('chained', async function () { run(this); await wait(1); leak(1e4); }).limitLeaks(10_000, options);
      it('by import', function () { run(this); require(${JSON.stringify(index)}).limitLeaks(10_000, options); leak(1e4); });
      it('in its body', function () { run(this); this.limitLeaks(10_000, options); leak(1e4); });
      it('not at all', function () { run(this); });
      after(() => console.log('before ' + before + ', asked ' + asked));`);
    const titles = ['of a suite', 'of a hook', 'chained', 'by import', 'in its body'];
    assert.deepEqual(runs, {
      ...Object.fromEntries(titles.map((each) => [each, 5])),
      'not at all': 1,
    });
    for (const title of titles) {
      assert.deepEqual(
        [result(title).state, result(title).leaks[0]!.bytesPerRun! > 9999],
        ['passed', true],
      );
    }
    assert.match(stdout, /before 6, asked 5/);
  });

  it('says which run failed, with the error of the body', function () {
    const { stdout, result, runs } = measure(`
      const limit = { repeat: 9, warmup: 1 };
      it('throws', function () { this.limitLeaks(1, limit); leak(9); if (run(this) === 8) throw new RangeError('mine'); });
      it('rejects', async function () { this.limitLeaks(1, limit); if (run(this) === 2) { await wait(1); throw new Error('mine too'); } });
      it('passes it to done', function (done) { this.limitLeaks(1, { warmup: 3 }); done(run(this) === 2 ? new Error('done') : null); });
      it('fails at once', function () { this.limitLeaks(1, limit); run(this); throw new Error('first'); });
      it('skips', function () { this.limitLeaks(1, limit); leak(9); if (run(this) === 4) this.skip(); });
      it('never ends', function (done) { this.limitLeaks(1, limit).timeout(300); if (run(this) < 4) done(); });
      it('is right', () => {});`);
    assert.deepEqual(runs, {
      throws: 8,
      rejects: 2,
      'passes it to done': 2,
      'fails at once': 1,
      skips: 4,
      'never ends': 4,
    });
    assert.match(
      stdout,
      /RangeError: mine \(in run 7 of 9\)\n {6}at Context\.<anonymous> \(a\.test\.js/,
    );
    assert.match(stdout, /Error: mine too \(in run 1 of 9\)\n/);
    assert.match(stdout, /Error: done \(in warm-up run 2 of 3\)\n/);
    assert.match(stdout, /Error: first\n/);
    assert.match(stdout, /Error: Timeout of 300ms exceeded.* \(in run 3 of 9\)\n/);
    assert.doesNotMatch(stdout, /allowed to leak/);
    assert.deepEqual([result('skips').state, result('is right').state], ['pending', 'passed']);
  });

  it('has a retry repeat again, and all runs share one timeout', function () {
    const { result, runs } = measure(`
      it('is retried', function () {
        this.retries(2);
        this.limitLeaks('1 MB', { repeat: 5 });
        if (run(this) === 3) throw new Error('once');
      });
      it('is slow', async function () { this.timeout(500); this.limitLeaks('1 MB', { repeat: 50 }); run(this); await wait(90); });
      it('blocks', function () { this.timeout(500); this.limitLeaks('1 MB', { repeat: 50 }); run(this); const end = Date.now() + 90; while (Date.now() < end); });`);
    assert.deepEqual([result('is retried').state, result('is slow').state], ['passed', 'failed']);
    const { 'is retried': retried, 'is slow': slow, blocks } = runs as Record<string, number>;
    assert.equal(retried, 3 + 5);
    for (const ran of [slow, blocks]) assert.ok(ran! > 1 && ran! < 15, `${ran} runs`);
  });

  it('holds limitMemory to the peak of a run, not to the garbage of several', function () {
    const { result } = measure(`
      it('both', function () {
        this.limitLeaks('1 MB', { repeat: 30 }).limitMemory('3 MB');
        Buffer.alloc(1e6);
        run(this);
      });`);
    const { state, peak } = result('both');
    assert.equal(state, 'passed');
    assert.ok(peak.bytes >= 1e6, `${peak.bytes}`);
  });

  it('leaves out what other threads leak when it is told to', function () {
    const { result } = measure(`
      const { Worker } = require('node:worker_threads');
      const inThread = () => new Promise((resolve) => {
        const worker = new Worker('globalThis.kept = Buffer.alloc(4 << 20); require("node:worker_threads").parentPort.postMessage(1); setInterval(() => {}, 1e6)', { eval: true });
        worker.once('message', resolve);
        kept.push(worker);
      });
      const body = (currentThreadOnly) => async function () {
        this.limitLeaks('8 MB', { repeat: 2, currentThreadOnly });
        await inThread();
      };
      it('all threads', body(false));
      it('its own thread', body(true));
      after(() => kept.forEach((worker) => worker.terminate()));`);
    assert.deepEqual(
      [result('all threads').state, result('its own thread').state],
      ['failed', 'passed'],
    );
  });

  it('finds objects of the JS heap that grow', function () {
    const { result } = measure(
      `it('objects', function () {
        this.limitLeaks('100 KB', { repeat: 20, warmup: 1 });
        for (let i = 0; i < 100; i++) kept.push({ text: 'text ' + i, list: [i, i + 1, i + 2, i + 3] });
      });`,
    );
    const { state, leaks } = result('objects');
    assert.equal(state, 'failed');
    assert.deepEqual([leaks[0]!.heap, leaks[0]!.grows], ['js', true]);
  });

  it('repeats nothing where nothing is tracked, and in workers what they run', function () {
    const source = `it('repeated', function () { run(this); this.limitLeaks('1 KB', { repeat: 7 }); leak(1000); });`;
    const [off, parallel] = withProject(`${setting}${source}`, (project) =>
      ['--memray=off', '--parallel'].map((option) => project.run([option])),
    );
    assert.match(off!.stdout, /runs: {"repeated":1}/);
    assert.match(parallel!.stdout, /leaked more in 7 runs/);
  });

  it('declared by mistake fails its test alone, naming the option and what was got', function () {
    const mistakes: [string, RegExp][] = [
      ['{ repeat: 0 }', /`repeat` .* whole number, at least 1, got 0 \(number\)\.$/],
      ['{ repeat: -1 }', /`repeat` .* whole number, at least 1, got -1 \(number\)\.$/],
      ['{ repeat: 1.5 }', /`repeat` .* whole number, at least 1, got 1\.5 \(number\)\.$/],
      ["{ repeat: '5' }", /`repeat` .* a number, got '5' \(string\)\.$/],
      ['{ repeat: NaN }', /`repeat` .* whole number, at least 1, got NaN \(number\)\.$/],
      ['{ warmup: -1 }', /`warmup` .* whole number, at least 0, got -1 \(number\)\.$/],
    ];
    const tests = mistakes.map(
      ([options]) => `it("${options}", function () { this.limitLeaks('1 MB', ${options}); });`,
    );
    const { stdout } = measure(`${tests.join('\n')} it('other', () => {});`);
    assert.match(stdout, /1 passing[^]*6 failing/);
    const lines = stdout.split('\n');
    for (const [index, [options, message]] of mistakes.entries()) {
      assert.match(lines[lines.indexOf(`  ${index + 1}) ${options}:`) + 1]!, message);
    }
  });
});
