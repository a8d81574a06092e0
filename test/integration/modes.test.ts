import assert from 'node:assert/strict';
import { existsSync, readdirSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { pathToFileURL } from 'node:url';
import type { JsonResults } from '../../dist/reporters/json-results';
import type { TestResult } from '../../dist/test-result';
import {
  mochaModule,
  register,
  withProject,
  withWatch,
  type MochaProject,
  type MochaRun,
} from '../helpers/mocha-project';
import { copyPackageTo } from '../helpers/package-copy';

/** A file with one test of each kind of end. */
const everyEnd = `
  const assert = require('node:assert');
  const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
  let attempt = 0;
  const farDown = (call, depth = 20) => depth > 0 ? farDown(call, depth - 1) : call();
  describe('suite', () => {
    it('passes', () => {});
    it('returns a value', () => 42);
    it('resolves', async () => { await wait(1); });
    it('resolves a thenable', () => ({ then(resolve) { setTimeout(resolve, 1); } }));
    it('resolves a thenable twice', () => ({ then(resolve) { resolve(); resolve(); } }));
    it('resolves and rejects a thenable', () => ({ then(resolve, reject) { resolve(); setImmediate(() => reject(new Error('second'))); } }));
    it('throws as a thenable', () => ({ then() { throw new Error('from then'); } }));
    it('throws as a thenable that has resolved', () => ({ then(resolve) { resolve(); throw new Error('from then'); } }));
    it('calls done', (done) => { setTimeout(done, 1); });
    it('calls done at once', (done) => { done(); });
    it('throws', () => { throw new Error('thrown'); });
    it('throws nothing', () => { throw undefined; });
    it('asserts', () => { assert.deepStrictEqual({ a: 1 }, { a: 2 }); });
    it('throws with a cause', () => { throw new Error('outer', { cause: new Error('inner') }); });
    it('rejects', async () => { await wait(1); throw new TypeError('rejected'); });
    it('rejects with nothing', () => Promise.reject());
    it('passes an error to done', (done) => { done(new Error('passed')); });
    it('passes a text to done', (done) => { done('text'); });
    it('passes no error to done, far down', (done) => { farDown(() => done({ a: 1 })); });
    it('passes a text to done later, far down', (done) => { setTimeout(() => farDown(() => done('text')), 1); });
    it('calls done twice', (done) => { done(); done(); });
    it('calls done and promises', async (done) => { setTimeout(done, 5); });
    it('calls done at once and promises', async (done) => { done(); });
    it('throws after done', (done) => { done(); throw new Error('late'); });
    it('skips', function () { this.skip(); });
    it('skips later', async function () { await wait(1); this.skip(); });
    it('skips with done', function (done) { setTimeout(() => this.skip(), 1); });
    it('is pending');
    it('times out', function (done) { this.timeout(20); });
    it('times out by a promise', function () { this.timeout(20); return new Promise(() => {}); });
    it('is too slow', function () { this.timeout(20); Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 60); });
    it('emits an error of its own', function (done) { this.test.emit('error', new Error('emitted')); setTimeout(done, 1); });
    it('emits an error and times out', function (done) { this.timeout(20); this.test.emit('error', new Error('emitted')); });
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

const reporter = require.resolve('../../dist/reporters/mocha-reporter');
/** With TMPDIR, where no other run's are. */
const temporaryFolders = ({ folder }: MochaProject) =>
  readdirSync(folder).filter((name) => /^memray-mocha-/.test(name));

/** What a reporter wrote, without times and without what comes after the tenth frame of a stack. */
function withoutTimes(stdout: string): string {
  return stdout
    .replaceAll(
      / ?\(\d+m?s\)|\d+ms\b|:\d+:\d+|"(duration|start|end)":"?[^,}]*|(time|timestamp)="[^"]*"/g,
      '',
    )
    .replaceAll(/(\n|\\n) +at [^\n\\]*node:internal[^\n\\"]*/g, '')
    .replaceAll(/,"speed":"\w+"/g, '');
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
    'with --forbid-only': ['--forbid-only'],
    'with --inline-diffs': ['--inline-diffs'],
    'with --exit': ['--exit'],
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

  for (const reporter of ['spec', 'tap', 'json-stream', 'xunit', 'dot']) {
    for (const args of [[], ['--inline-diffs']]) {
      it(`${['with', reporter, ...args].join(' ')}: the same output`, function () {
        withProject(everyEnd, (project) => {
          const all = ['--reporter', reporter, '--no-color', ...args];
          const text = ({ stdout }: MochaRun) =>
            withoutTimes(stdout.replace(/\n=+ MEMRAY REPORT[^]*/, ''));
          const expected = text(project.runPlain(all));
          assert.equal(text(project.run(['--memray-hide-summary', ...all])), expected);
        });
      });
    }
  }

  it('where the package is below the folder that Mocha runs in: the same stacks', function () {
    withProject(everyEnd, (project) => {
      copyPackageTo(join(project.folder, 'node_modules'));
      const stacks = (memray: string) =>
        outcome(
          project.runPlain([
            '--require=./node_modules/memray-mocha/dist/register.js',
            ...[`--memray=${memray}`, '--reporter=json', '--grep=done'],
          ]),
        );
      const expected = stacks('off');
      assert.deepEqual(stacks('all'), expected);
      assert.deepEqual(stacks('limits'), expected);
    });
  });

  it('with --forbid-only, when there is one', function () {
    const source = `it('one', () => {}); it.only('two', () => {});`;
    withProject(source, (project) => {
      const args = ['--forbid-only', '--reporter', 'json'];
      const [expected, actual] = [project.runPlain(args), project.run(args)];
      assert.equal(expected.code, 1);
      assert.deepEqual(
        [actual.code, actual.stderr.includes('`.only` forbidden')],
        [expected.code, expected.stderr.includes('`.only` forbidden')],
      );
    });
  });

  for (const [what, body] of [
    ['an uncaught error', `() => { throw new Error('through'); }`],
    ['what a thenable throws', `() => ({ then() { throw new Error('through'); } })`],
  ]) {
    it(`with ${what} that Mocha lets through`, function () {
      const source = `it('throws', ${body}); it('next', () => {});`;
      withProject(source, (project) => {
        const args = ['--allow-uncaught'];
        const [expected, actual] = [project.runPlain(args), project.run(args)];
        assert.equal(actual.code, expected.code);
        assert.match(actual.stderr, /Error: through/);
      });
    });
  }

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

  it('with --import, also where the folder it runs in has another Mocha', function () {
    const files = {
      'a.test.js': `it('runs', function () { this.limitMemory('1 MB'); });`,
      'node_modules/mocha/package.json': '{}',
      'node_modules/mocha/lib/mocha.cjs': `throw new Error('the other one');`,
      'node_modules/mocha/lib/mocha.js': `throw new Error('the other one');`,
    };
    withProject(files, (project) => {
      for (const args of [[], ['--parallel', '--jobs', '2']]) {
        const all = [
          `--import=${pathToFileURL(register).href}`,
          '--memray-json=results.json',
          ...args,
        ];
        const { code, stdout, stderr } = project.runPlain(all);
        assert.equal(code, 0, stdout + stderr);
        assert.equal(project.readResults().length, 1);
      }
    });
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

  for (const stub of ['() => {}', `() => { throw new Error('stub'); }`]) {
    it(`loses nothing to tests that leave ${stub} in fs`, function () {
      const stubbed = (name: string) => `
        before(() => {
          const fs = require('node:fs');
          for (const each of ['appendFileSync', 'writeFileSync', 'writeSync']) fs[each] = ${stub};
        });${file(name)}`;
      withProject({ 'a.test.js': stubbed('a'), 'b.test.js': stubbed('b') }, (project) => {
        const { tests, code } = project.measure(['--parallel', '--jobs', '2']);
        assert.equal(code, 2);
        assert.deepEqual(
          tests.map(({ id, state }) => `${id}: ${state}`),
          ['a', 'b'].flatMap((name) => [
            `${name}.test.js > ${name} > one: passed`,
            `${name}.test.js > ${name} > two: failed`,
          ]),
        );
      });
    });
  }

  it('runs a worker that begins after that', function () {
    const files = {
      'a.test.js': `
        const { readdirSync, rmSync } = require('node:fs');
        it('removes', () => {
          for (const name of readdirSync('.').filter((each) => each.startsWith('memray-mocha-'))) {
            rmSync(name, { recursive: true });
          }
        });`,
      'b.test.js': `it('runs', () => {});`,
      // Mocha loads it in a worker before what measures.
      'late.cjs': `
        if (process.env.MOCHA_WORKER_ID === '1') {
          Atomics.wait(new Int32Array(new SharedArrayBuffer(4)), 0, 0, 1000);
        }`,
    };
    withProject(files, (project) => {
      const { code, stdout } = project.runPlain(
        ['--require', './late.cjs', '--require', register, '--parallel', '--jobs', '2'],
        { TMPDIR: project.folder },
      );
      assert.equal(code, 0, stdout);
      assert.match(stdout, /2 passing/);
    });
  });

  it('ends as it should when a test removes what workers have found, and says so', function () {
    const source = `
      const { readdirSync, rmSync } = require('node:fs');
      it('removes', () => {
        const names = readdirSync('.').filter((name) => name.startsWith('memray-mocha-'));
        if (names.length !== 1) throw new Error(names.join());
        rmSync(names[0], { recursive: true });
      });
      it('passes', () => {});
      it('is limited', function () { this.limitMemory('1 MB'); });`;
    withProject(source, (project) => {
      const env = { TMPDIR: project.folder };
      const { code, stdout, tests } = project.measure(['--parallel', '--jobs', '2'], env);
      assert.equal(code, 0, stdout);
      assert.match(
        stdout,
        / 3 passing[^]*MEMRAY REPORT =+\nCould not measure what ran in workers: a test must have removed .*ENOENT/,
      );
      assert.deepEqual(tests, []);
    });
  });

  it('is not measured, and says so, where there is no folder for temporary files', function () {
    withProject(files, (project) => {
      const env = { TMPDIR: join(project.folder, 'missing') };
      const { code, stdout, stderr, tests } = project.measure(['--parallel', '--jobs', '2'], env);
      assert.equal(code, 0, stdout);
      assert.match(stdout, /6 passing/);
      assert.match(stderr, /Cannot write to .*missing, which TMPDIR, .* no limit fails\./);
      assert.equal(stderr.match(/no limit fails/g)!.length, 1);
      assert.deepEqual([tests, /MEMRAY REPORT/.test(stdout)], [[], false]);
    });
  });

  it('leaves no folder behind', function () {
    withProject(files, (project) => {
      project.run(['--parallel'], { TMPDIR: project.folder });
      assert.deepEqual(temporaryFolders(project), []);
    });
  });
});

describe('a run with --watch', function () {
  const file = (titles: string[]) =>
    titles.map((title) => `it('${title}', () => { new ArrayBuffer(1e6); });`).join('\n');
  const titlesOf = (tests: readonly TestResult[]) =>
    tests.flatMap(({ titlePath }) => titlePath).join();

  for (const mode of [[], ['--parallel', '--jobs', '2']]) {
    it(`${mode[0] ?? 'alone'}: each run has one report and one file of results, of itself`, async function () {
      const files = { 'a.test.js': file(['one', 'two']), 'b.test.js': file(['three']) };
      await withWatch(files, mode, async (mocha, project) => {
        const check = async (titles: string) => {
          const output = await mocha.nextRun();
          assert.equal(output.match(/MEMRAY REPORT/g)?.length, 1, output);
          assert.equal(output.match(/Allocation results/g)?.length, titles.split(',').length);
          assert.equal(titlesOf(project.readResults()), titles);
          assert.deepEqual(temporaryFolders(project), []);
        };
        await check('one,two,three');
        project.write('a.test.js', file(['four']));
        await check('four,three');
      });
    });
  }
});

describe('a run with --watch on GitHub Actions', function () {
  it('annotates nothing and adds to no job summary, however often it runs', async function () {
    const source = `it('a', function () { this.limitMemory('1 KB'); new ArrayBuffer(1e6); });`;
    await withWatch(
      { 'a.test.js': source },
      [],
      async (mocha, project) => {
        for (let run = 1; run <= 2; run++) {
          const output = await mocha.nextRun();
          assert.match(output, /Test was limited to 1\.0KiB/);
          assert.doesNotMatch(output, /::error/);
          project.write('a.test.js', `${source} // changed`);
        }
        assert.equal(existsSync(join(project.folder, 'summary.md')), false);
      },
      { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: 'summary.md' },
    );
  });
});

describe('a program that runs Mocha', function () {
  const source = `
    const kept = [];
    describe('suite', () => {
      it('one', () => { kept.push(Buffer.alloc(1e6)); });
      it('two', function () { this.limitMemory('1 MB'); kept.push(Buffer.alloc(2e6)); });
    });`;
  const run = (program: string) =>
    withProject({ 'a.test.js': source, 'b.test.js': source, 'program.js': program }, (project) => {
      const run = project.runNode(['program.js'], { MEMRAY_JSON: 'results.json' });
      return { ...run, tests: project.readResults() };
    });
  const start = `
    const { Mocha } = require('${mochaModule}');
    const end = (failures) => { process.exitCode = failures; };`;

  const ways: Record<string, string> = {
    'loads register': `
      require('${register}'); ${start}
      new Mocha({ color: false }).addFile('a.test.js').run(end);`,
    'loads register after Mocha': `${start}
      require('${register}');
      new Mocha({ color: false }).addFile('a.test.js').run(end);`,
    'hands its exports to Mocha as root hooks': `${start}
      const { mochaHooks } = require('${register}');
      new Mocha({ color: false, rootHooks: mochaHooks }).addFile('a.test.js').run(end);`,
    'names our reporter only': `${start}
      new Mocha({ color: false, reporter: '${reporter}' }).addFile('a.test.js').run(end);`,
    'runs in parallel': `
      require('${register}'); ${start}
      const mocha = new Mocha({ color: false, parallel: true, jobs: 2 });
      mocha.addFile('a.test.js').run(end);`,
  };
  for (const [way, program] of Object.entries(ways)) {
    it(`and ${way}: limits hold, with one report and one file of results`, function () {
      const { code, stdout, stderr, tests } = run(program);
      assert.deepEqual([code, stderr], [1, '']);
      assert.equal(stdout.match(/MEMRAY REPORT/g)?.length, 1, stdout);
      assert.match(stdout, /1 failing[^]*Test was limited to 1\.0MiB but allocated 1\.9MiB/);
      assert.deepEqual(
        tests.map(({ titlePath, state }) => `${titlePath.join(' ')} ${state}`),
        ['suite one passed', 'suite two failed'],
      );
    });
  }

  it('of its own, in a folder below that of a newer one: limits hold', function () {
    const library = join(dirname(mochaModule), 'lib');
    const files = {
      'node_modules/mocha/package.json': '{}',
      'node_modules/mocha/lib/mocha.cjs': `throw new Error('the other one');`,
      'packages/a/a.test.js': source,
      // As Mocha 10 and 11 are laid out.
      'packages/a/node_modules/mocha/package.json': '{}',
      'packages/a/node_modules/mocha/lib/mocha.js': `module.exports = require('${library}/mocha.cjs');`,
      'packages/a/node_modules/mocha/lib/cli/options.js': `module.exports = require('${library}/cli/options.cjs');`,
      'packages/a/program.js': `
        process.chdir(__dirname);
        require('${register}'); ${start}
        new Mocha({ color: false }).addFile('a.test.js').run(end);`,
    };
    withProject(files, (project) => {
      const { code, stdout, stderr } = project.runNode(['packages/a/program.js']);
      assert.deepEqual([code, stderr], [1, '']);
      assert.match(stdout, /1 failing[^]*Test was limited to 1\.0MiB but allocated 1\.9MiB/);
    });
  });

  it('twice: each run has its own report and results', function () {
    const { code, stdout, tests } = run(`
      require('${register}'); ${start}
      const mocha = new Mocha({ color: false }).cleanReferencesAfterRun(false);
      mocha.addFile('a.test.js').run(() => mocha.run(end));`);
    assert.equal(code, 1);
    assert.equal(stdout.match(/MEMRAY REPORT/g)?.length, 2);
    assert.equal(stdout.match(/Test was limited to 1\.0MiB but allocated 1\.9MiB/g)?.length, 2);
    assert.equal(tests.length, 2);
  });

  it('with another instance each time: the same', function () {
    const { stdout, tests } = run(`
      require('${register}'); ${start}
      new Mocha({ color: false }).addFile('a.test.js').run(() =>
        new Mocha({ color: false, reporter: 'json' }).addFile('b.test.js').run(end));`);
    assert.equal(stdout.match(/MEMRAY REPORT/g)?.length, 1);
    assert.deepEqual(
      tests.map((test) => test.file),
      ['b.test.js', 'b.test.js'],
    );
  });
});

describe('a test that runs Mocha itself', function () {
  it('is measured with all it does, and no result of the outer run is lost', function () {
    const inner = `
      const kept = [];
      it('inner', function () { this.limitMemory('1 KB'); kept.push(Buffer.alloc(3e6)); });`;
    const outer = `
      const { Mocha } = require('${mochaModule}');
      const kept = [];
      it('before', () => { kept.push(Buffer.alloc(1e6)); });
      it('outer', (done) => {
        new Mocha({ reporter: 'min' }).addFile('inner.js').run((failures) => done(failures));
      });
      it('after', () => { kept.push(Buffer.alloc(2e6)); });`;
    withProject({ 'a.test.js': outer, 'inner.js': inner }, (project) => {
      const { code, stdout, tests, result } = project.measure();
      assert.equal(code, 0, stdout);
      assert.equal(stdout.match(/MEMRAY REPORT/g)!.length, 1);
      assert.deepEqual(
        tests.map(({ id }) => id),
        ['before', 'outer', 'after'].map((title) => `a.test.js > ${title}`),
      );
      assert.ok(result('outer').peak.bytes >= 3e6, `${result('outer').peak.bytes}`);
    });
  });
});

describe('a test that ends badly', function () {
  const endings: Record<string, string> = {
    'times out': `(done) => { kept.push(Buffer.alloc(5e6)); }`,
    'times out and goes on': `(done) => { kept.push(Buffer.alloc(5e6)); setTimeout(done, 60); }`,
    'times out by a promise': `async () => { kept.push(Buffer.alloc(5e6)); await new Promise(() => {}); }`,
    'is uncaught': `(done) => { kept.push(Buffer.alloc(5e6)); setTimeout(() => { throw new Error('x'); }, 1); }`,
    'is uncaught beside a promise': `async () => {
      kept.push(Buffer.alloc(5e6));
      setTimeout(() => { throw new Error('x'); }, 1);
      await new Promise(() => {});
    }`,
    'leaves a rejection to nobody': `(done) => { kept.push(Buffer.alloc(5e6)); void Promise.reject(new Error('x')); }`,
    'calls done again, much later': `(done) => { kept.push(Buffer.alloc(5e6)); done(); setTimeout(done, 25); }`,
    'calls done twice': `(done) => { kept.push(Buffer.alloc(5e6)); done(); done(); }`,
  };
  for (const [ending, body] of Object.entries(endings)) {
    it(`as it ${ending} leaves the next one right`, function () {
      const source = `
        const kept = [];
        describe('suite', () => {
          afterEach(() => { kept.push(Buffer.alloc(3e6)); });
          it('bad', ${body}).timeout(${ending.startsWith('times out') ? 30 : 2000});
          it('next', async () => {
            await new Promise((resolve) => setTimeout(resolve, 50));
            kept.push(Buffer.alloc(1e6));
          }).limitMemory('2 MB');
        });`;
      withProject(source, (project) => {
        const { result, stdout } = project.measure(['--reporter', reporter]);
        const near = (title: string, bytes: number) =>
          assert.ok(
            Math.abs(result(title).peak.nativeBytes - bytes) < 1e5,
            `${result(title).peak.nativeBytes}`,
          );
        assert.match(stdout, /1 failing/);
        assert.equal(result('next').state, 'passed');
        near('bad', 5e6);
        near('next', 1e6);
        // What is measured reaches the reporter in time.
        const shown = (result('bad').peak.bytes / 1024 ** 2).toFixed(1);
        assert.ok(stdout.includes(`bad [${shown}MiB]\n`), stdout);
      });
    });
  }
});

describe('a plug-in that has Mocha run generators', function () {
  it('still sees them, and so do hooks', function () {
    const source = `
      const { Runnable } = require('${mochaModule}');
      const { run } = Runnable.prototype;
      // As co-mocha does.
      Runnable.prototype.run = function (callback) {
        const { fn } = this;
        if (fn.constructor.name === 'GeneratorFunction') this.fn = async () => { for (const each of fn()) await each; };
        run.call(this, callback);
      };
      function* failing() { yield Promise.reject(new Error('mine')); }
      beforeEach(function () {
        if (this.currentTest.fn.name !== 'failing') throw new Error(this.currentTest.fn.toString());
      });
      it('fails', failing);`;
    withProject(source, (project) => {
      const args = ['--reporter', 'json'];
      const { code, failures } = outcome(project.run(args));
      assert.deepEqual([code, failures], [1, ['fails']]);
      assert.deepEqual(outcome(project.run(args)), outcome(project.runPlain(args)));
    });
  });
});

describe("a test that replaces Node's functions", function () {
  const bodies = {
    plain: '() => {}',
    async: 'async () => {}',
    limited: `function () { this.limitMemory('1 GB'); }`,
    failing: `() => { throw new Error('mine'); }`,
  };

  it('has their calls to itself, and is measured', function () {
    const source = `
      const replaced = [
        [require('node:path'), ['resolve', 'relative', 'isAbsolute', 'join', 'normalize']],
        [require('node:url'), ['fileURLToPath']],
        [process, ['cwd']],
        [process.hrtime, ['bigint']],
        [Math, ['round']],
        [Object, ['hasOwn']],
        [WeakMap.prototype, ['delete']],
      ];
      for (const [object, names] of replaced) {
        for (const name of names) {
          describe(name, () => {
            const original = object[name];
            let calls = 0;
            beforeEach(() => {
              object[name] = () => { calls++; throw new Error(name + ' is replaced'); };
            });
            afterEach(() => {
              object[name] = original;
              if (calls > 0) throw new Error(name + ' was called');
            });
            ${Object.entries(bodies)
              .map(([title, body]) => `it('${title}', ${body});`)
              .join('\n')}
          });
        }
      }`;
    withProject(source, (project) => {
      const args = ['--memray-bin-path=captures', '--reporter', 'json'];
      const run = project.measure(args);
      const { failures } = JSON.parse(run.stdout) as JsonReport;
      const messages = new Set(failures.map(({ err }) => err.message));
      assert.deepEqual([...messages], ['mine']);
      assert.equal(run.tests.length, 11 * 4);
    });
  });

  const replaceUntilAfterEach = `
    const undo = [];
    const replace = (object, name, by) => {
      const original = object[name];
      undo.push(() => { object[name] = original; });
      object[name] = by;
    };
    afterEach(() => undo.splice(0).forEach((each) => each()));`;

  it('until its afterEach hook is measured where that is usual', function () {
    const source = `${replaceUntilAfterEach}
      const replaced = [
        [Math, ['max', 'min', 'floor', 'ceil', 'round', 'abs']],
        [Object, ['assign', 'entries', 'fromEntries', 'create', 'defineProperty']],
        [Number, ['isInteger', 'isSafeInteger', 'isFinite']],
        [Array, ['from']],
        [Array.prototype, ['filter', 'find', 'flatMap', 'map', 'some', 'sort']],
        [Map.prototype, ['get', 'has', 'set']],
        [String.prototype, ['replaceAll', 'split']],
      ];
      for (const [object, names] of replaced) {
        for (const name of names) {
          for (const gives of [undefined, 1e9]) {
            it(name, () => { replace(object, name, () => gives); });
            it('limited ' + name, function () {
              this.limitMemory('10 MB').limitLeaks('10 MB');
              replace(object, name, () => gives);
            });
          }
        }
      }`;
    withProject(source, (project) => {
      const { code, stdout, tests } = project.measure(['--reporter', 'json']);
      const { failures } = JSON.parse(stdout) as JsonReport;
      assert.deepEqual([code, failures], [0, []]);
      assert.equal(tests.length, 26 * 4);
    });
  });

  it('until its afterEach hook fails only where it has a limit, and says why', function () {
    const source = `${replaceUntilAfterEach}
      const kept = [];
      for (const gives of [undefined, 1]) {
        const stub = () => kept.push(Buffer.alloc(1e5)) && replace(DataView.prototype, 'getUint32', () => gives);
        it('free', stub);
        it('limited', function () { this.limitMemory('10 MB'); stub(); });
      }
      it('next', function () { this.limitMemory('10 MB'); });`;
    withProject(source, (project) => {
      const { failures } = JSON.parse(
        project.run(['--reporter', 'json', '--memray-hide-summary']).stdout,
      ) as JsonReport;
      assert.deepEqual(
        failures.map(({ fullTitle }) => fullTitle),
        ['limited', 'limited'],
      );
      for (const { err } of failures) {
        assert.match(err.message!, /^memray-mocha could not .* before .* body ends\.$/);
      }
    });
  });

  for (const options of [
    ['--memray=limits'],
    [],
    ['--memray-limit-memory=1GB'],
    ['--memray-limit-leaks=1GB'],
  ]) {
    it(`by a spy from its beforeEach hook finds no calls of ours with ${options.join() || 'no options'}`, function () {
      const source = `
        const calls = [];
        const spied = [[Array.prototype, 'push'], [Array.prototype, 'find'], [Array.prototype, 'filter'],
          [Array.prototype, 'map'], [Array.prototype, 'join'], [Map.prototype, 'get'], [String.prototype, 'startsWith']];
        const originals = spied.map(([prototype, name]) => prototype[name]);
        const forEach = Array.prototype.forEach;
        beforeEach(() => forEach.call(spied, ([prototype, name], i) => {
          prototype[name] = function (...args) {
            calls[calls.length] = name;
            return originals[i].apply(this, args);
          };
        }));
        describe('in a suite', () => it('is spied on', () => { calls[calls.length] = 'body'; }));
        afterEach(() => {
          calls[calls.length] = 'afterEach';
          forEach.call(spied, ([prototype, name], i) => { prototype[name] = originals[i]; });
        });
        after(() => console.log(calls.slice(0, calls.lastIndexOf('afterEach')).join(' ')));`;
      withProject(source, (project) => {
        const findCalls = (args: string[]) =>
          project
            .run([...args, '--memray-hide-summary'])
            .stdout.split('\n')
            .find((line) => line.includes('body'));
        assert.equal(findCalls(options), findCalls(['--memray=off']));
      });
    });
  }

  it('or the folder it is in leaves the next one right', function () {
    const source = `
      const fs = require('node:fs');
      it('leaves nowhere to be', () => {
        fs.mkdirSync('gone');
        process.chdir('gone');
        fs.rmdirSync('../gone');
      });
      it('is limited', function () { this.limitMemory('1 GB'); });`;
    withProject(source, (project) => {
      const { code, stdout, result } = project.measure(['--reporter', 'json']);
      assert.equal(code, 0, stdout);
      assert.equal(result('is limited').state, 'passed');
    });
  });
});

describe('a test that gives all objects a property', function () {
  const names = ['value', 'lazy', 'get', 'set', 'writable'];
  const ofLimits = ['memory', 'increase', 'leaks', 'leakedObjects'];
  for (const args of [[], ['--memray-limit-memory=1GB'], ['--memray-limit-leaks=1GB']]) {
    it(`${['passes', ...args].join(' ')}, whatever its name`, function () {
      const source = `
        for (const name of ${JSON.stringify([...names, ...ofLimits])}) {
          describe(name, () => {
            const get = () => { throw new Error(name + ' was asked for'); };
            const properties = [{ value: 1, writable: true }, { get }];
            beforeEach(() => {
              const property = { ...properties.pop(), enumerable: true, configurable: true };
              Object.defineProperty(Object.prototype, name, property);
            });
            afterEach(() => { delete Object.prototype[name]; });
            it('passes', () => {});
            it('passes too', () => {});
          });
        }`;
      withProject(source, (project) => {
        const { code, stdout, stderr, tests } = project.measure(args);
        assert.deepEqual([code, stderr], [0, ''], stdout);
        assert.equal(tests.length, 2 * (names.length + ofLimits.length));
      });
    });
  }
});

describe('a run is not cut off', function () {
  const allocating = `function (done) {
    this.timeout(30);
    for (let i = 0; i < 10_000; i++) new ArrayBuffer(16);`;
  const oddities: Record<string, string> = {
    'a stack that is no text': `async () => { throw Object.assign(new Error('odd'), { stack: { frames: [] } }); }`,
    'a stack that is prepared as no text': `async () => {
      Error.prepareStackTrace = (_, frames) => ({ frames });
      throw new Error('odd');
    }`,
    'a message that is no text, in a later run': `async function () {
      this.limitLeaks('10 MB', { repeat: 3 });
      if (++runs === 2) throw Object.assign(new Error(), { message: { odd: 1 } });
    }`,
    'a timeout whose stack is no text': `${allocating} Error.prepareStackTrace = (_, frames) => frames; }`,
    'a timeout that cannot be explained': `${allocating}
      require('node:vm').runInThisContext = () => { throw new Error('stub'); };
    }`,
  };
  it('by an error that comes when a leak limit has the end of its test wait, and has one failure', function () {
    const source = `
      it('odd', () => { setImmediate(() => { throw new Error('late'); }); });
      it('next', (done) => { setTimeout(done, 20); });`;
    withProject(source, (project) => {
      const args = ['--memray-limit-leaks=1GB', '--reporter', 'json'];
      const { code, failures, passes } = outcome(project.run(args));
      assert.deepEqual([code, failures, passes], [1, ['odd'], ['next']]);
    });
  });

  for (const [oddity, body] of Object.entries(oddities)) {
    it(`by ${oddity}`, function () {
      const source = `
        let runs = 0;
        afterEach(() => { delete Error.prepareStackTrace; });
        it('odd', ${body});
        it('second', () => { throw new Error('second'); });`;
      withProject(source, (project) => {
        const { code, stdout } = project.run(['--reporter', 'json']);
        const { failures } = JSON.parse(stdout) as JsonReport;
        const titles = failures.map(({ fullTitle }) => fullTitle);
        assert.deepEqual([code, titles], [2, ['odd', 'second']]);
      });
    });
  }
});

describe('analysis', function () {
  it('counts neither in the duration nor in the timeout of a test', function () {
    const source = `
      const kept = [];
      it('allocates often', async function () {
        this.limitLeaks('1 GB');
        const start = performance.now();
        for (let i = 0; i < 20_000; i++) kept.push(new ArrayBuffer(16));
        const bodyMs = performance.now() - start;
        this.timeout(bodyMs + 100);
        console.log('body: ' + bodyMs);
      });`;
    withProject(source, (project) => {
      const { stdout, result } = project.measure();
      const bodyMs = Number(/body: (.*)/.exec(stdout)![1]);
      const { state, durationMs } = result('allocates often');
      assert.equal(state, 'passed');
      assert.ok(durationMs < bodyMs + 100, `${durationMs} ms, ${bodyMs} ms of its own`);
    });
  });

  it('says how long it took when a test times out because of it', function () {
    const source = `
      it('allocates often', () => { for (let i = 0; i < 100_000; i++) new ArrayBuffer(16); }).timeout(5);`;
    withProject(source, (project) => {
      const { stdout, result } = project.measure();
      const { durationMs, allocations } = result('allocates often');
      const [, costMs, count] =
        /Error: Timeout of 5ms exceeded\..* memray-mocha took about (\d+)ms of it to record (\d+) allocations.*: raise the timeout/.exec(
          stdout,
        )!;
      assert.equal(Number(count), allocations.count);
      assert.ok(Number(costMs) > 0 && Number(costMs) <= durationMs, `${costMs} ${durationMs}`);
    });
  });

  it('says how long it took when a test times out because its peak is confirmed', function () {
    const source = `
      it('keeps much', function () {
        this.timeout(20);
        this.limitMemory('baseline');
        const kept = [];
        for (let i = 0; i < 300_000; i++) kept.push({ i });
      });
      it('keeps too much', function () {
        this.timeout(20);
        this.limitMemory('1 MB');
        const kept = [];
        for (let i = 0; i < 300_000; i++) kept.push({ i });
      });`;
    withProject(source, (project) => {
      const { stdout } = project.measure();
      for (const excess of ['', ", \\d+\\.\\dMiB, which reaches the test's limit of 1\\.0MiB"]) {
        assert.match(
          stdout,
          new RegExp(
            `Timeout of 20ms exceeded\\..* memray-mocha took .*about \\d+ms of it to collect garbage and confirm the peak${excess}: raise the timeout`,
          ),
        );
      }
    });
  });

  it('says of which test it fails, though others have its title', function () {
    const source = `
      const { ArrayBuffer } = globalThis;
      const timesOut = () => it('times out', function (done) {
        this.timeout(20);
        for (let i = 0; i < 1000; i++) new ArrayBuffer(16);
        globalThis.ArrayBuffer = class { constructor() { throw new RangeError('no memory'); } };
      });
      afterEach(() => { globalThis.ArrayBuffer = ArrayBuffer; });
      describe('first', timesOut);
      describe('second', timesOut);`;
    withProject(source, (project) => {
      const said =
        'Could not measure a.test.js > first > times out and 1 more: RangeError: no memory';
      const { stdout } = project.run(['--memray-json=results.json']);
      assert.ok(stdout.includes(said), stdout);
      assert.deepEqual(
        (JSON.parse(project.read('results.json')) as JsonResults).unmeasured.map(({ id }) => id),
        ['a.test.js > first > times out', 'a.test.js > second > times out'],
      );
      const hidden = project.run(['--memray-hide-summary']);
      assert.ok(hidden.stderr.includes(said) && !hidden.stdout.includes(said), hidden.stderr);
    });
  });

  it('works beside fake timers, a faked Date and a faked Promise', function () {
    const source = `
      const real = { setTimeout, setImmediate, Date, Promise, hrtime: process.hrtime };
      beforeEach(() => {
        globalThis.setTimeout = globalThis.setImmediate = () => { throw new Error('fake'); };
        globalThis.Promise = class { constructor() { throw new Error('fake'); } };
        globalThis.Date = class {};
        process.hrtime = Object.assign(() => [0, 0], { bigint: () => 0n });
      });
      afterEach(() => { Object.assign(globalThis, real); process.hrtime = real.hrtime; });
      it('has a leak limit', function () { this.limitLeaks('1 MB'); });
      it('is repeated', function (done) { this.limitLeaks('1 MB', { repeat: 3 }); done(); });`;
    withProject(source, (project) => {
      const { code, stdout } = project.measure();
      assert.equal(code, 0, stdout);
    });
  });
});
