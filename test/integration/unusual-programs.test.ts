// What programs do to a process that few do: it goes on as without the plugin.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { cpSync, mkdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { buildFixtureAddon, fixtureAddon } from '../helpers/fixture-addon';
import { withProject } from '../helpers/mocha-project';

const root = resolve(__dirname, '../..');
const index = require.resolve('../../dist/index');

const setting = `
  const assert = require('node:assert/strict');
  const addon = require(${JSON.stringify(fixtureAddon)});`;

describe('a program', function () {
  before(buildFixtureAddon);

  it('that goes on where malloc has no memory does so, and is told what was not measured', function () {
    const source = `${setting}
      it('exhausts', () => assert.ok(addon.exhaust(100e6, 1e6) > 0));
      it('is limited', () => addon.exhaust(100e6, 1e6)).limitMemory('1 GB');
      it('next', () => { addon.allocate(3e6); addon.release(); });`;
    for (const args of [[], ['--memray-native']]) {
      const { stdout, stderr, result } = withProject(source, (project) => project.measure(args));
      const reason =
        'MemrayMochaError: Could not record what was allocated: out of memory. Make room';
      assert.ok(
        stdout.includes(`Could not measure a.test.js > exhausts: ${reason}`),
        stdout + stderr,
      );
      assert.match(
        stdout,
        /2 passing[^]*1 failing[^]*is limited:\s+MemrayMochaError: Could not record/,
      );
      assert.ok(result('next').peak.bytes >= 3e6);
    }
  });

  it('whose threads free memory when all else of them has ended keeps nothing of them', function () {
    const source = `${setting}
      it('ends threads', function () {
        this.timeout(60_000);
        addon.endThreads(50);
        const before = process.memoryUsage.rss();
        addon.endThreads(500);
        const grown = process.memoryUsage.rss() - before;
        assert.ok(grown < 10e6, String(grown));
      });
      // In the same stacks, and nothing of them is recorded.
      after(() => addon.endThreads(50));`;
    const { code, stdout } = withProject(source, (project) => project.run());
    assert.equal(code, 0, stdout);
  });

  it('that starts a tracker in a worker while another thread has one gets the same error as on one thread', function () {
    const source = `
      const { Worker, isMainThread, parentPort } = require('node:worker_threads');
      const { Tracker } = require(${JSON.stringify(index)});
      const tryToStart = () => {
        try {
          new Tracker().start();
        } catch ({ name, code, message }) {
          return { name, code, message };
        }
      };
      if (isMainThread) {
        const tracker = new Tracker();
        tracker.start();
        new Worker(__filename).once('message', (inWorker) => {
          console.log(JSON.stringify({ inWorker, here: tryToStart() }));
          tracker.stop().close();
        });
      } else {
        parentPort.postMessage(tryToStart());
      }`;
    const { code, stdout, stderr } = withProject({ 'a.js': source }, (project) =>
      project.runNode(['a.js']),
    );
    assert.equal(code, 0, stderr);
    const { inWorker, here } = JSON.parse(stdout) as Record<string, { code: string }>;
    assert.equal(here!.code, 'ERR_MEMRAY_TRACKER_ACTIVE');
    assert.deepEqual(inWorker, here);
  });

  it('whose threads take turns with a tracker gets whole captures in each', function () {
    const source = `
      const { Worker, isMainThread } = require('node:worker_threads');
      const { Tracker } = require(${JSON.stringify(index)});
      if (isMainThread) new Worker(__filename).on('error', (error) => { throw error; });
      const leaked = [];
      for (const end = Date.now() + 3000; Date.now() < end || leaked.length === 0; ) {
        const tracker = new Tracker({ sampleIntervalBytes: 64 });
        try {
          tracker.start();
        } catch (error) {
          if (error.code === 'ERR_MEMRAY_TRACKER_ACTIVE') continue; // the other thread's runs
          throw error;
        }
        globalThis.kept = Array.from({ length: 60_000 }, (_, i) => ({ i, items: [i] }));
        const capture = tracker.stop();
        leaked.push(capture.leaks().reduce((sum, { bytes }) => sum + bytes, 0));
        capture.close();
      }
      // Of an object, an array and its one element there are 64 bytes and more.
      console.log(isMainThread ? 'main' : 'worker', Math.min(...leaked) > 60_000 * 64 * 0.9);`;
    const { code, stdout, stderr } = withProject({ 'a.js': source }, (project) =>
      project.runNode(['a.js']),
    );
    assert.equal(code, 0, stderr);
    assert.deepEqual(stdout.trim().split('\n').sort(), ['main true', 'worker true']);
  });

  for (const [state, use, lifeMs] of [
    ['load the package', 'void Tracker.supported;', 40],
    [
      'use a tracker',
      'for (;;) try { const tracker = new Tracker(); tracker.start(); tracker.stop(); } catch {}',
      150,
    ],
  ] as const) {
    it(`whose workers are terminated as they ${state} goes on`, function () {
      const source = `
        const { Worker, isMainThread } = require('node:worker_threads');
        const { setTimeout } = require('node:timers/promises');
        async function endWorkers() {
          for (let i = 0; i < 40; i++) {
            const worker = new Worker(__filename);
            await setTimeout(${lifeMs / 2} + (${lifeMs} * i) / 40);
            await worker.terminate();
          }
          console.log('goes on');
        }
        const { Tracker } = require(${JSON.stringify(index)});
        if (isMainThread) {
          endWorkers();
        } else {
          ${use}
        }`;
      const { code, stdout, stderr } = withProject({ 'a.js': source }, (project) =>
        project.runNode(['a.js']),
      );
      assert.equal(code, 0, stderr);
      assert.equal(stdout, 'goes on\n');
    });
  }

  it('that loads the package twice in a thread, and ends while it is tracked, ends as without', function () {
    const source = `
      let { Tracker } = require(${JSON.stringify(index)});
      new Tracker().start();
      for (const file of Object.keys(require.cache)) delete require.cache[file];
      ({ Tracker } = require(${JSON.stringify(index)}));
      globalThis.kept = Array.from({ length: 20_000 }, (_, i) => ({ i }));
      console.log(Tracker.supported);`;
    const { code, stdout, stderr } = withProject({ 'a.js': source }, (project) =>
      project.runNode(['a.js']),
    );
    assert.equal(code, 0, stderr);
    assert.equal(stdout, 'true\n');
  });

  describe('that may have few addresses', function () {
    const runLimited = (kib: number, source: string, ...flags: string[]) =>
      withProject(
        { 'a.js': `const { Tracker } = require(${JSON.stringify(index)});${source}` },
        ({ folder }) => {
          const command = `ulimit -v ${kib}; exec "$0" ${flags.join(' ')} a.js`;
          const options = { cwd: folder, encoding: 'utf8' } as const;
          return spawnSync('sh', ['-c', command, process.execPath], options);
        },
      );
    const measure = `
      const tracker = new Tracker();
      tracker.start();
      globalThis.kept = Array.from({ length: 20_000 }, (_, i) => {
        return { i };
      });
      const capture = tracker.stop();
      const { functionName, lineNumber } = capture.leaks().find(({ heap }) => heap === 'js').stack.frames[0];
      console.log(functionName, lineNumber);
      capture.close();`;

    it('is measured by line all the same', function () {
      const { status, stdout, stderr } = runLimited(32 * 2 ** 20, measure);
      assert.deepEqual([status, stdout, stderr], [0, '<anonymous> 5\n', '']);
    });

    it('is measured by function where they are used up, and is told', function () {
      const use = `
        const used = [];
        try { for (;;) used.push(new ArrayBuffer(64 * 2 ** 20)); } catch { used.pop(); }`;
      const source = use.replaceAll('\n', '') + measure;
      const { status, stdout, stderr } = runLimited(
        3_000_000,
        source,
        '--disable-wasm-trap-handler',
      );
      assert.deepEqual([status, stdout], [0, '<anonymous> 4\n'], stderr);
      assert.match(
        stderr,
        /MEMRAY_MOCHA_FUNCTION_LEVEL\] Warning: .*Raise the limit of this process \(ulimit -v\)/,
      );
    });

    it('is told where not all samples have one', function () {
      const source = `
        const tracker = new Tracker({ traceJs: true });
        tracker.start();
        globalThis.kept = Array.from({ length: 1_200_000 }, (_, i) => ({ i }));
        tracker.stop();`;
      const { status, stderr } = runLimited(2 * 2 ** 20, source, '--disable-wasm-trap-handler');
      assert.equal(status, 1);
      assert.match(stderr, /Could not record what was allocated: out of memory\./);
    });
  });

  it('that starts workers while garbage is collected finds no `gc` in them', function () {
    const source = `
      const { Worker } = require('node:worker_threads');
      const found = [];
      for (let i = 0; i < 20; i++) {
        it('starts one', async function () {
          this.timeout(20_000).limitMemory('1 GB');
          const worker = new Worker('require("node:worker_threads").parentPort.postMessage(typeof gc)', { eval: true });
          let isOver = false;
          worker.once('message', (type) => found.push(type));
          worker.once('exit', () => (isOver = true));
          for (let kept = []; !isOver; await new Promise(setImmediate)) {
            for (let j = 0; j < 2000; j++) kept.push(new ArrayBuffer(100));
            if (kept.length > 20_000) kept = [];
          }
        });
      }
      after(() => console.log('of workers: ' + found.filter((type) => type !== 'undefined').length));`;
    const { stdout, stderr } = withProject(source, (project) => project.run());
    const [, count] = /of workers: (\d+)/.exec(stdout) ?? [];
    // For a moment V8 has to expose it: before, that were twelve of them.
    assert.ok(Number(count) <= 2, stdout + stderr);
  });

  for (const flag of [
    '--no-concurrent-array-buffer-sweeping',
    '--noconcurrent_sweeping',
    '--single-threaded',
    '--predictable',
  ]) {
    it(`that is started with ${flag} has ArrayBuffers freed at once also after a collection`, function () {
      const source = `
        const { Tracker } = require(${JSON.stringify(index)});
        const measureLeft = () => {
          const before = process.memoryUsage().arrayBuffers;
          (() => { for (let i = 0; i < 2000; i++) new ArrayBuffer(10_000); })();
          gc();
          return process.memoryUsage().arrayBuffers - before;
        };
        Tracker.collectGarbage();
        console.log(Math.max(...Array.from({ length: 30 }, measureLeft)));`;
      const { stdout, stderr } = withProject({ 'a.js': source }, (project) =>
        project.runNode(['--expose-gc', flag, 'a.js']),
      );
      assert.ok(stdout !== '' && Number(stdout) < 1e6, stdout + stderr);
    });
  }

  it('that has its peak noted keeps it, though garbage is collected before it stops', function () {
    const source = `
      const { Tracker } = require(${JSON.stringify(index)});
      const measure = (isNoted) => {
        const tracker = new Tracker();
        tracker.start();
        (() => {
          const held = Array.from({ length: 5 }, () => Buffer.alloc(20_000));
          if (isNoted) tracker.notePeak();
          return held.length;
        })();
        Tracker.collectGarbage();
        const capture = tracker.stop();
        const rows = capture.highWaterMark();
        capture.close();
        return rows.reduce((sum, { bytes }) => sum + bytes, 0);
      };
      console.log(measure(true), measure(false));`;
    const { stdout, stderr } = withProject({ 'a.js': source }, (project) =>
      project.runNode(['a.js']),
    );
    const [noted, unnoted] = stdout.split(' ').map(Number);
    assert.ok(noted! >= 100_000 && unnoted! < 100_000, stdout + stderr);
  });

  it('that opens a library by its name gets the one that it would without the plugin', function () {
    const source = `
      if (process.argv[2] === 'tracked')
        require('node:assert/strict').ok(require(${JSON.stringify(index)}).Tracker.supported);
      process.dlopen({ exports: {} }, 'named.node');
      const maps = require('node:fs').readFileSync('/proc/self/maps', 'utf8');
      console.log(/\\S*named\\.node/.exec(maps)[0]);`;
    withProject({ 'a.js': source }, (project) => {
      // Where the dynamic linker looks first, and nobody else knows of.
      const folders = [project.folder, join(project.folder, 'glibc-hwcaps', 'x86-64-v2')];
      for (const folder of folders) cpSync(fixtureAddon, join(folder, 'named.node'));
      const open = (mode: string) =>
        project.runNode(['a.js', mode], { LD_LIBRARY_PATH: project.folder });

      const { stdout, stderr } = open('untracked');
      assert.ok(stdout.includes(project.folder), stderr);
      assert.equal(open('tracked').stdout, stdout);
    });
  });

  it('that has two copies of memray-mocha is measured by one, and told of both', function () {
    const source = `
      const { limitMemory, Tracker } = require('./copy');
      it('declares', () => limitMemory('1 MB'));
      it('tracks', () => new Tracker().start());
      it('is over', () => { globalThis.kept = Buffer.alloc(2e6); }).limitMemory('1 MB');`;
    withProject(source, (project) => {
      const copy = join(project.folder, 'copy');
      mkdirSync(copy);
      cpSync(join(root, 'dist'), join(copy, 'dist'), { recursive: true });
      for (const name of ['node_modules', 'package.json', 'prebuilds'])
        symlinkSync(join(root, name), join(copy, name));
      const expected = `Two copies of memray-mocha are in use, and one alone can track a process: ${root} does, so ${copy} cannot.`;

      const { stdout, result } = project.measure();
      assert.equal(stdout.split(expected).length - 1, 2, stdout);
      assert.equal(result('is over').violations[0]?.kind, 'limitMemory');

      const { code, stderr } = project.run(['--require', './copy/dist/register.js']);
      assert.equal(code, 1);
      assert.ok(stderr.includes(expected), stderr);
    });
  });
});
