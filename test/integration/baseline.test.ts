import assert from 'node:assert/strict';
import { existsSync, readdirSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { mochaModule, withProject, type MochaProject } from '../helpers/mocha-project';

const file = '.memray-mocha/baseline.json';
const allocate =
  'const kept = []; const allocate = (bytes) => void kept.push(Buffer.alloc(bytes));';
const limited = (bytes: number, title = 'limited') =>
  `${allocate} it('${title}', function () { this.limitMemory('100 MB'); allocate(${bytes}); });`;
const held = (bytes: number, limit = `'baseline', { tolerance: '10%' }`) =>
  `${allocate} it('held', function () { this.limitMemory(${limit}); allocate(${bytes}); });`;

/** The peaks in the baseline, in steps of 1000 bytes: Node allocates a little too. */
function readPeaks(project: MochaProject, path = file): Record<string, number> {
  const { peakBytes } = JSON.parse(project.read(path)) as { peakBytes: Record<string, number> };
  return Object.fromEntries(
    Object.entries(peakBytes).map(([key, bytes]) => [key, Math.floor(bytes / 1000)]),
  );
}

describe('fail-on-increase', function () {
  const on = ['--memray-fail-on-increase'];

  it('counts what a body held until it returned, whenever the program is interrupted', function () {
    const source = `
      for (let number = 0; number < 12; number++) {
        it('test ' + number, function () {
          this.limitMemory('1 GB');
          return void Array.from({ length: 5 }, () => Buffer.alloc(20_000)).length;
        });
      }`;
    withProject(source, (project) => {
      for (let run = 1; run <= 4; run++) {
        const { code, stdout, tests } = project.measure(on);
        assert.equal(code, 0, stdout);
        assert.ok(
          tests.every(({ peak }) => peak.bytes >= 100_000),
          stdout,
        );
      }
    });
  });

  it('fails a test with a limit that uses more than in its last successful run', function () {
    withProject(limited(1024), (project) => {
      assert.equal(project.run(on).code, 0);
      project.write('a.test.js', limited(10_240));
      const { code, stdout, result } = project.measure(on);
      assert.equal(code, 1);
      assert.match(
        stdout,
        /Test previously used 1\.\dKiB but now uses 10\.\dKiB \(allowed: 5\.\dKiB\)\n/,
      );
      assert.match(stdout, /allocated here:\n {8}allocate:a\.test\.js:1\n/);
      assert.match(
        stdout,
        /`npx mocha --memray-update-baseline` .* writes the new peak to \.memray/,
      );
      const [violation, ...others] = result('limited').violations;
      assert.deepEqual([violation?.kind, others], ['increase', []]);
      assert.deepEqual(readPeaks(project), { 'a.test.js > limited': 1 });
    });
  });

  it('follows to what the last successful run used', function () {
    withProject(limited(3e6), (project) => {
      project.run(on);
      project.write('a.test.js', limited(1e6));
      assert.match(project.run(on).stdout, /\nWrote 1 peak to \.memray-mocha\/baseline\.json\.\n/);
      assert.deepEqual(readPeaks(project), { 'a.test.js > limited': 1000 });
      project.write('a.test.js', limited(2e6));
      assert.equal(project.run(on).code, 1);
    });
  });

  it('is off unless asked for, and nothing is kept then', function () {
    withProject(limited(1024), (project) => {
      project.run();
      assert.ok(!existsSync(join(project.folder, '.memray-mocha')));
      project.run(on);
      project.write('a.test.js', limited(10_240));
      assert.equal(project.run().code, 0);
      assert.deepEqual(readPeaks(project), { 'a.test.js > limited': 1 });
    });
  });

  it('leaves out tests without a limit, and those that fail', function () {
    const source = `${limited(1e6)}
      it('free', () => allocate(1e6));
      it('fails', function () { this.limitMemory('100 MB'); throw new Error('mine'); });
      it('over', function () { this.limitMemory('1 MB'); allocate(2e6); });
      it('skips', function () { this.limitMemory('1 MB'); this.skip(); });
      let attempt = 0;
      it('is retried', function () {
        this.retries(1);
        this.limitMemory('100 MB');
        allocate(attempt++ === 0 ? 3e6 : 1e6);
        if (attempt === 1) throw new Error('once');
      });`;
    withProject(source, (project) => {
      project.run(on);
      assert.deepEqual(readPeaks(project), {
        'a.test.js > is retried': 1000,
        'a.test.js > limited': 1000,
      });
    });
  });

  it('keeps tests of one name apart, whichever of them runs', function () {
    const twin = (title: string, bytes: number) =>
      `describe('${title}', () => { it('twin', () => allocate(${bytes})).limitMemory('100 MB'); });`;
    const named = `it('suite > twin (2)', () => allocate(4e6)).limitMemory('100 MB');`;
    const source = allocate + twin('suite', 1e6) + twin('suite', 2e6) + twin('other', 3e6) + named;
    withProject(source, (project) => {
      project.run(on);
      assert.deepEqual(readPeaks(project), {
        'a.test.js > other > twin': 3000,
        'a.test.js > suite > twin': 1000,
        'a.test.js > suite > twin (2)': 4000,
        'a.test.js > suite > twin (3)': 2000,
      });
      assert.equal(project.run([...on, '--grep', 'other']).code, 0);
      assert.equal(project.run(on).code, 0);
    });
  });

  it('has one baseline of all workers, in order, which they all are held to', function () {
    const files = Object.fromEntries(
      ['a', 'b', 'c', 'd'].map((name) => [`${name}.test.js`, limited(1e6, name)]),
    );
    withProject(files, (project) => {
      const parallel = [...on, '--parallel', '--jobs', '4'];
      assert.match(project.run(parallel).stdout, /Wrote 4 peaks to/);
      assert.deepEqual(
        Object.keys(readPeaks(project)),
        ['a', 'b', 'c', 'd'].map((name) => `${name}.test.js > ${name}`),
      );
      assert.deepEqual(readdirSync(join(project.folder, '.memray-mocha')), ['baseline.json']);
      project.write('c.test.js', limited(2e6, 'c'));
      const { tests } = project.measure(parallel);
      assert.deepEqual(
        tests.filter(({ state }) => state === 'failed').map(({ id }) => id),
        ['c.test.js > c'],
      );
    });
  });

  it('keeps the baseline where it is told to', function () {
    withProject(limited(1e6), (project) => {
      project.run(on, { MEMRAY_BASELINE: 'peaks/mine.json' });
      assert.deepEqual(readPeaks(project, 'peaks/mine.json'), { 'a.test.js > limited': 1000 });
    });
  });

  it('fails the tests it concerns when the baseline cannot be read', function () {
    withProject({ 'a.test.js': limited(1), [file]: '<<<<<<< ours' }, (project) => {
      for (const args of [on, ['--memray-update-baseline']]) {
        const { code, stdout, stderr } = project.run(args);
        assert.equal(code, 1);
        assert.match(
          stdout,
          /Cannot read the baseline .*baseline\.json: .* Resolve its conflicts/s,
        );
        assert.equal(stderr, '');
      }
    });
  });
});

describe('limitMemory of baseline', function () {
  it('allows what there was and the tolerance, in later runs', function () {
    withProject(held(1e6), (project) => {
      assert.match(project.run().stdout, /Wrote 1 peak to \.memray-mocha\/baseline\.json\.\n/);
      const states = [1.05e6, 1.2e6, 5e5, 1.05e6].map((bytes) => {
        project.write('a.test.js', held(bytes));
        return project.measure().result('held').state;
      });
      assert.deepEqual(states, ['passed', 'failed', 'passed', 'passed']);
      assert.deepEqual(readPeaks(project), { 'a.test.js > held': 1000 });
    });
  });

  it('holds objects to it, whatever garbage there was', function () {
    const objects = (count: number) => `
      let kept;
      for (let i = 0; i < 4; i++) {
        it('holds ' + i, function () {
          this.timeout(60_000);
          this.limitMemory('baseline', { tolerance: '20%' });
          for (let j = 0; j < 200; j++) Buffer.alloc(1e6);
          for (let j = 0; j < 20_000; j++) kept = new Array(500);
          kept = Array.from({ length: ${count} }, (_, j) => ({ a: j, b: j }));
        });
      }`;
    withProject(objects(200_000), (project) => {
      const states = [200_000, 200_000, 200_000, 300_000].map((count) => {
        project.write('a.test.js', objects(count));
        return [...new Set(project.measure().tests.map(({ state }) => state))];
      });
      assert.deepEqual(states, [['passed'], ['passed'], ['passed'], ['failed']]);
    });
  });

  it('without a tolerance allows what Node may use more, and no more', function () {
    withProject(held(1e6, `'baseline'`), (project) => {
      project.run();
      const states = [1e6 + 2000, 1e6 + 20_000].map((bytes) => {
        project.write('a.test.js', held(bytes, `'baseline'`));
        return project.measure(['--memray=limits']).result('held').state;
      });
      assert.deepEqual(states, ['passed', 'failed']);
    });
  });

  it('holds a test that drops native memory as it ends to all of that', function () {
    const source = `
      const allocate = (count) => Array.from({ length: count }, () => Buffer.alloc(20_000));
      for (const count of [53, 61, 77, 91]) {
        it('of ' + count, function () { this.limitMemory('baseline'); return allocate(count).length; });
      }`;
    withProject(source, (project) => {
      project.run();
      const states = project.measure().tests.map(({ state }) => state);
      assert.deepEqual(states, ['passed', 'passed', 'passed', 'passed']);
    });
  });

  for (const stub of ['() => false', '() => { throw new Error("stub"); }']) {
    it(`is written where a test leaves stubs in fs: ${stub}`, function () {
      const source = `
        it('stubs', function () {
          this.limitMemory('baseline');
          const fs = require('node:fs');
          for (const each of ['existsSync', 'mkdirSync', 'statSync']) fs[each] = ${stub};
        });`;
      withProject(source, (project) => {
        const { stderr, tests } = project.measure();
        assert.equal(stderr, '');
        assert.equal(tests.length, 1);
        assert.deepEqual(readdirSync(join(project.folder, '.memray-mocha')), ['baseline.json']);
      });
    });
  }

  it('holds where a test before has left a stub in fs', function () {
    const stubbing = (bytes: number) => `
      it('stubs', () => {
        require('node:fs').readFileSync = () => { throw new Error('stub'); };
      });
      ${held(bytes)}
      it('is limited', function () { this.limitMemory('1 MB'); allocate(${bytes}); });`;
    withProject(stubbing(5e5), (project) => {
      const states = [5e5, 5e5, 2e6].map((bytes) => {
        project.write('a.test.js', stubbing(bytes));
        const { result } = project.measure(['--memray=limits']);
        return ['held', 'is limited'].map((title) => result(title).state);
      });
      assert.deepEqual(states, [
        ['passed', 'passed'],
        ['passed', 'passed'],
        ['failed', 'failed'],
      ]);
      assert.deepEqual(readPeaks(project), { 'a.test.js > held': 500 });
    });
  });

  it('needs its baseline in continuous integration, and says so', function () {
    withProject(held(1e6), (project) => {
      const { code, stdout } = project.run([], { CI: 'true', FORCE_COLOR: '0' });
      assert.equal(code, 1);
      assert.match(
        stdout,
        /MemrayMochaError: \.memray-mocha\/baseline\.json has no peak of "a\.test\.js > held" to hold it to, .* and commit the file\.\n {6}at Context\.<anonymous> \(a\.test\.js:1:/,
      );
      assert.ok(!existsSync(join(project.folder, '.memray-mocha')));
    });
  });

  it('says in continuous integration what fail-on-increase would need', function () {
    withProject(limited(1e6), (project) => {
      const { code, stdout } = project.run(['--memray-fail-on-increase'], { CI: '1' });
      assert.equal(code, 0);
      assert.match(
        stdout,
        /\n\.memray-mocha\/baseline\.json has no peak of a\.test\.js > limited,/,
      );
      assert.ok(!existsSync(join(project.folder, '.memray-mocha')));
    });
  });
});

describe('update-baseline', function () {
  it('accepts higher peaks, also in continuous integration, and then they hold', function () {
    withProject(held(1e6), (project) => {
      project.run();
      project.write('a.test.js', held(2e6));
      assert.equal(project.run().code, 1);
      const { code, stdout } = project.run(['--memray-update-baseline'], { CI: '1' });
      assert.equal(code, 0);
      assert.match(stdout, /Wrote 1 peak to/);
      assert.equal(project.run().code, 0);
      assert.deepEqual(readPeaks(project), { 'a.test.js > held': 2000 });
    });
  });

  it('keeps tests that a hook adds', function () {
    const added = `
      const { Test } = require('${mochaModule}');
      ${held(1e6)}
      describe('suite', () => {
        before(function () {
          const add = (title, file) => {
            const test = new Test(title, () => allocate(2e6)).limitMemory('baseline');
            this.test.parent.addTest(Object.assign(test, { file }));
          };
          add('added');
          add('of the file', __filename);
          if (process.env.WITH_OTHER) add('other', __filename);
        });
        it('is there', () => {});
      });`;
    withProject(added, (project) => {
      project.run(['--memray-update-baseline'], { WITH_OTHER: '1' });
      const peaks = {
        'a.test.js > held': 1000,
        'a.test.js > suite > of the file': 2000,
        'suite > added': 2000,
      };
      assert.deepEqual(readPeaks(project), { ...peaks, 'a.test.js > suite > other': 2000 });
      const { code, stdout } = project.run();
      assert.equal(code, 0);
      assert.match(stdout, /peaks of tests that are gone: a\.test\.js > suite > other\. --memray-/);
      project.run(['--memray-update-baseline']);
      assert.deepEqual(readPeaks(project), peaks);
    });
  });

  it('removes tests that are gone, which are told of before', function () {
    const both = limited(1e6, 'old') + held(1e6).replace(allocate, '');
    withProject({ 'a.test.js': both, 'b.test.js': held(1e6) }, (project) => {
      project.run(['--memray-update-baseline']);
      project.write('a.test.js', both.replace('old', 'new'));
      const { stdout } = project.run();
      assert.match(
        stdout,
        /baseline\.json has peaks of tests that are gone: a\.test\.js > old\. --memray-/,
      );
      // What was not run, or hidden by .only, is not gone.
      project.run(['--memray-update-baseline', '--ignore', 'a.test.js']);
      writeFileSync(join(project.folder, 'a.test.js'), both.replace('it(', 'it.only('));
      project.run(['--memray-update-baseline']);
      assert.equal(Object.keys(readPeaks(project)).length, 3);
      project.write('a.test.js', both.replace('old', 'new'));
      project.run(['--memray-update-baseline']);
      assert.deepEqual(Object.keys(readPeaks(project)), [
        'a.test.js > held',
        'a.test.js > new',
        'b.test.js > held',
      ]);
    });
  });
});
