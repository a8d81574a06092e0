// What programs do to a process that few do: it goes on as without the plugin.
import assert from 'node:assert/strict';
import { buildFixtureAddon, fixtureAddon } from '../helpers/fixture-addon';
import { withProject } from '../helpers/mocha-project';

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
      const reason = 'Error: Could not record what was allocated: out of memory.';
      assert.ok(
        stdout.includes(`Could not measure a.test.js > exhausts: ${reason}`),
        stdout + stderr,
      );
      assert.match(stdout, /2 passing[^]*1 failing[^]*is limited:\s+Error: Could not record/);
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
});
