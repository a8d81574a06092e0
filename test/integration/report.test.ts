import assert from 'node:assert/strict';
import { existsSync } from 'node:fs';
import { join } from 'node:path';
import type { JsonResults } from '../../dist/reporters/json-results';
import { mochaModule, register, withProject, type MochaRun } from '../helpers/mocha-project';

const source = `
  const kept = [];
  function allocate(bytes) { kept.push(Buffer.alloc(bytes)); }
  describe('suite', () => {
    it('one', () => allocate(1e6));
    it('two', () => allocate(2e6));
    it('three', () => allocate(3e6));
    it('fails by itself', () => { allocate(9e6); throw new Error('own'); });
    it('over its limit', function () { this.limitMemory('1 KB'); allocate(4e6); });
    it('is skipped', function () { allocate(9e6); this.skip(); });
  });`;

const run = (args?: string[], env?: NodeJS.ProcessEnv): MochaRun =>
  withProject(source, (project) => project.run(args, env));
const reportedIn = (text: string) =>
  [...text.matchAll(/Allocation results for (.*) at the high-water mark/g)].map(([, id]) => id);
const ids = ['over its limit', 'three', 'two', 'one'].map(
  (title) => `a.test.js > suite > ${title}`,
);

describe('the report', function () {
  it('comes after the epilogue, with what failed by itself and what was skipped left out', function () {
    const { stdout, stderr, code } = run();
    assert.equal(code, 2);
    assert.equal(stderr, '');
    assert.match(stdout, /2 failing[^]*\n=+ MEMRAY REPORT =+\nAllocation results for /);
    assert.deepEqual(reportedIn(stdout), ids);
    assert.match(
      stdout,
      /suite > three at the high-water mark\n\n\t 📦 Peak memory: 2\.9MiB \(native; raw, not confirmed\)\n\t 📏 Total native allocations: \d+\n\t 📊 Histogram of native allocation sizes: \|.{1,5}\|\n\t 🥇 Biggest allocating functions:\n\t\t- allocate:a\.test\.js:3 -> 2\.9MiB\n/,
    );
  });

  it('shows as many tests as it is told to', function () {
    assert.deepEqual(reportedIn(run(['--memray-most-allocations=1']).stdout), ids.slice(0, 1));
    assert.deepEqual(reportedIn(run([], { MEMRAY_MOST_ALLOCATIONS: '2' }).stdout), ids.slice(0, 2));
    assert.deepEqual(reportedIn(run(['--memray-most-allocations=0']).stdout), ids);
  });

  it('is not shown when it is to be hidden, or nothing is tracked', function () {
    for (const option of ['--memray-hide-summary', '--no-memray', '--memray=off']) {
      assert.doesNotMatch(run([option]).stdout, /MEMRAY REPORT|results for/);
    }
  });

  it('is written where a test has replaced what writes', function () {
    const source = `
      it('passes', () => {
        Buffer.alloc(1e6);
        for (const stream of [process.stdout, process.stderr]) {
          stream.write = () => { throw new Error('replaced'); };
        }
      });`;
    withProject(source, (project) => {
      const { code, stdout } = project.run();
      assert.equal(code, 0);
      assert.match(stdout, /MEMRAY REPORT =+\nAllocation results for a\.test\.js > passes/);
    });
  });

  it('leaves a run as it ended where nobody reads it', function () {
    const files = {
      'a.test.js': `it('passes', () => { Buffer.alloc(1e6); });`,
      'run.js': `
        require('${register}');
        const { Mocha } = require('${mochaModule}');
        new Mocha({ reporter: 'json' }).addFile('a.test.js').run((failures) => { process.exitCode = failures; });`,
      'program.js': `
        const { spawn } = require('node:child_process');
        const child = spawn(process.execPath, ['run.js'], { stdio: ['ignore', 'ignore', 'pipe'] });
        child.stderr.destroy();
        child.on('exit', (code) => { console.log('ended with ' + code); });`,
    };
    withProject(files, (project) => {
      assert.equal(project.runNode(['program.js']).stdout, 'ended with 0\n');
    });
  });

  it('is as wide as the terminal', function () {
    const title = (columns: string) =>
      run([], { COLUMNS: columns }).stdout.match(/=+ MEMRAY REPORT =+/)![0].length;
    assert.deepEqual([title('60'), title('101')], [59, 101]);
  });

  it('is coloured where Mocha is, and not with NO_COLOR', function () {
    const colour = /\x1b\[/; // eslint-disable-line no-control-regex
    const reportOf = ({ stdout }: MochaRun) => stdout.slice(stdout.indexOf('MEMRAY REPORT') - 36);
    assert.match(reportOf(run(['--color'])), colour);
    assert.doesNotMatch(reportOf(run()), colour);
    assert.doesNotMatch(reportOf(run(['--color'], { NO_COLOR: '1' })), colour);
  });

  describe('beside a reporter that writes a format', function () {
    const parsers: Record<string, (stdout: string) => void> = {
      json: (stdout) => void JSON.parse(stdout),
      'json-stream': (stdout) =>
        stdout
          .trim()
          .split('\n')
          .forEach((line) => JSON.parse(line) as unknown),
      tap: (stdout) => assert.match(stdout, /^ok 1 suite one\n[^]*\n1\.\.6\n$/),
      xunit: (stdout) => assert.match(stdout, /^<testsuite [^]*<\/testsuite>\n$/),
    };
    for (const [reporter, parse] of Object.entries(parsers)) {
      it(`leaves stdout to ${reporter}`, function () {
        const { stdout, stderr } = run(['--reporter', reporter]);
        parse(stdout);
        assert.doesNotMatch(stdout, /MEMRAY REPORT/);
        assert.deepEqual(reportedIn(stderr), ids);
      });
    }

    it('gives xunit the message of the failure', function () {
      const { stdout } = run(['--reporter', 'xunit']);
      assert.match(
        stdout,
        /<failure>Test was limited to 1\.0KiB but allocated 3\.8MiB\nList of allocations:/,
      );
    });
  });

  it('has results as JSON on request', function () {
    withProject(source, (project) => {
      const { tests, result } = project.measure(['-R', 'dot']);
      assert.equal(tests.length, 6);
      const { durationMs, peak, allocations, topAllocations, ...rest } = result('three');
      assert.equal(typeof durationMs, 'number');
      assert.equal(peak.bytes, peak.nativeBytes + peak.jsHeapBytes);
      assert.ok(allocations.bytes >= 3e6 && allocations.count > 0);
      assert.equal(topAllocations[0]!.stack[0]!.kind, 'js');
      assert.deepEqual(rest.titlePath, ['suite', 'three']);
      assert.deepEqual(
        [rest.id, rest.file, rest.state, rest.retry],
        [ids[1], 'a.test.js', 'passed', 0],
      );
    });
  });
});

describe('what a test makes hard to write', function () {
  it('is written into a folder made anew', function () {
    const removing = `
      it('removes', () => { require('node:fs').rmSync('out', { recursive: true }); });
      it('allocates', () => { new ArrayBuffer(1e6); });`;
    withProject(removing, (project) => {
      const { code, stdout, stderr } = project.run(['--memray-json=out/results.json']);
      assert.deepEqual([code, stderr], [0, '']);
      assert.match(stdout, /2 passing[^]*MEMRAY REPORT[^]*for a\.test\.js > allocates/);
      const { tests } = JSON.parse(project.read('out/results.json')) as JsonResults;
      assert.deepEqual(
        tests.map(({ id, state }) => `${id}: ${state}`),
        ['a.test.js > removes: passed', 'a.test.js > allocates: passed'],
      );
    });
  });

  it('is told of, fails the run, and changes nothing else that is written', function () {
    const replacing = `
      const { rmSync, writeFileSync } = require('node:fs');
      it('replaces', () => {
        rmSync('out', { recursive: true });
        writeFileSync('out', '');
        new ArrayBuffer(1e6);
      });`;
    withProject(replacing, (project) => {
      const env = { GITHUB_STEP_SUMMARY: 'missing/summary.md' };
      const { code, stdout, stderr } = project.run(['--memray-json=out/results.json'], env);
      assert.equal(code, 1);
      assert.match(stdout, /1 passing[^]*MEMRAY REPORT/);
      const json = join(project.folder, 'out/results.json');
      const [first, second, ...others] = stderr.trim().split('\n');
      assert.ok(
        first!.includes(`Cannot write to ${json}, which the option \`json\` names:`),
        first,
      );
      assert.match(
        second!,
        /Cannot write to missing\/summary\.md, which GITHUB_STEP_SUMMARY names: ENOENT/,
      );
      assert.deepEqual(others, []);
    });
  });

  for (const args of [[], ['--exit'], ['--parallel', '--jobs=1']]) {
    it(`fails the run where the disk is full, with ${args.join(' ') || 'no option'}`, function () {
      const source = `it('passes', () => {});`;
      withProject({ 'a.test.js': source, 'b.test.js': source }, (project) => {
        const { code, stdout, stderr } = project.run(['--memray-json=/dev/full', ...args]);
        assert.match(stdout, /2 passing/);
        assert.match(
          stderr,
          /Cannot write to \/dev\/full, .* ENOSPC: .*\. Make room there, or name another file\./,
        );
        assert.equal(code, 1);
      });
    });
  }

  it('fails the run, and leaves no half of it', function () {
    const source = `
      for (let i = 0; i < 100; i++) it('passes ' + i, () => { new ArrayBuffer(1e6); });
      it('ends the process', () => { if (process.env.ENDS) process.exit(0); });`;
    withProject(source, (project) => {
      for (const ENDS of ['', '1']) {
        project.write('results.json', 'old');
        const run = project.runWithSmallFiles(16, ['--memray-json=results.json'], { ENDS });
        const { code, stderr } = run;
        assert.match(stderr, /Cannot write to .*results\.json, .* EFBIG: /);
        assert.equal(code, 1);
        assert.ok(!existsSync(join(project.folder, 'results.json')));
      }
    });
  });

  it('fails the run where it is a baseline', function () {
    const source = `
      it('passes', function () { this.limitMemory('baseline'); new ArrayBuffer(1e6); });
      after(() => require('node:fs').writeFileSync('.memray-mocha', 'no folder'));`;
    withProject(source, (project) => {
      const { code, stdout, stderr } = project.run();
      assert.match(stdout, /1 passing[^]*MEMRAY REPORT/);
      assert.match(
        stderr,
        /Cannot read the baseline .*: ENOTDIR: .* Name a file with the option `baseline`/,
      );
      assert.equal(code, 1);
    });
  });
});

describe('a test that ends the process', function () {
  it('takes no result of others with it, nor the report', function () {
    const source = `
      it('allocates', () => { Buffer.alloc(3e6); });
      it('ends', () => { Buffer.alloc(1e6); process.exit(3); });`;
    withProject(source, (project) => {
      const { code, stdout, tests } = project.measure();
      assert.equal(code, 3);
      assert.match(stdout, /MEMRAY REPORT[^]*allocates[^]*Peak memory: 2\.9MiB/);
      assert.deepEqual(
        tests.map(({ titlePath, state }) => `${titlePath.join()} ${state}`),
        ['allocates passed', 'ends failed'],
      );
    });
  });
});

describe('on GitHub Actions', function () {
  const env = { GITHUB_ACTIONS: 'true', GITHUB_STEP_SUMMARY: 'summary.md' };
  const runOnGithub = (args: string[]) =>
    withProject(source, (project) => {
      project.write('summary.md', 'Of an earlier step\n');
      const { stdout, stderr } = project.run(args, env);
      const annotations = (text: string) => text.match(/^::.*$/gm) ?? [];
      return {
        stdout,
        ofStdout: annotations(stdout),
        ofStderr: annotations(stderr),
        file: `${project.folder}/a.test.js`,
        summary: project.read('summary.md'),
      };
    });

  for (const args of [[], ['--parallel']]) {
    it(`annotates once what failed by its memory, and adds to the job summary: ${args.join()}`, function () {
      const { ofStdout, ofStderr, file, summary } = runOnGithub(args);
      assert.equal(ofStdout.length, 1);
      assert.deepEqual(ofStderr, []);
      assert.ok(
        ofStdout[0].startsWith(
          `::error file=${file},line=3,col=47,title=a.test.js > suite > over its limit::Test was limited to 1.0KiB but allocated 3.8MiB%0AList of allocations:%0A`,
        ),
        ofStdout[0],
      );
      assert.match(
        summary,
        /^Of an earlier step\n### Memory of tests\n\n\| Test [^]*\| a\.test\.js \\> suite \\> over its limit \| 3\.8MiB [^]*\n❌ \*\*a\.test\.js[^]*```text\nTest was limited[^]* {4}at allocate \(a\.test\.js:3:47\)\n/,
      );
      assert.equal(summary.match(/### Memory/g)!.length, 1);
    });
  }

  it('leaves stdout to a reporter that writes a format', function () {
    const { stdout, ofStderr } = runOnGithub(['--reporter', 'json']);
    JSON.parse(stdout);
    assert.equal(ofStderr.length, 1);
  });

  it("leaves annotations to Mocha's own reporter for GitHub", function () {
    const { ofStdout, summary } = runOnGithub(['--reporter', 'github-actions']);
    assert.equal(ofStdout.filter((line) => line.includes('Test was limited')).length, 1);
    assert.match(summary, /passing[^]*### Memory of tests/);
  });

  it('adds nothing to the job summary when the report is to be hidden', function () {
    const { ofStdout, summary } = runOnGithub(['--memray-hide-summary']);
    assert.equal(ofStdout.length, 1);
    assert.equal(summary, 'Of an earlier step\n');
  });
});

describe('memray-mocha/reporter', function () {
  const reporter = require.resolve('../../dist/reporters/mocha-reporter');
  const runReporter = (options: string[] = [], args: string[] = []) =>
    run([
      ...['--reporter', reporter, ...args],
      ...options.flatMap((option) => ['--reporter-option', option]),
    ]);

  for (const args of [[], ['--parallel']]) {
    describe(`in Mocha ${args.join()}`.trim(), function () {
      it('shows each peak beside the test, and marks what failed by its memory', function () {
        const { stdout } = runReporter([], args);
        assert.match(stdout, /✔ one \[97\d\.\dKiB\]/);
        assert.match(stdout, /1\) fails by itself \[8\.6MiB\]\n/);
        assert.match(stdout, /2\) over its limit \[3\.8MiB ✖ limitMemory\]\n/);
        assert.match(stdout, /1\) suite\n {7}fails by itself:\n/);
        assert.match(stdout, /2 failing[^]*MEMRAY REPORT/);
      });

      it('wraps dot', function () {
        const { stdout } = runReporter(['reporter=dot'], args);
        assert.match(stdout, /^\n\n {2}\.\.\.!!,\n\n {2}3 passing[^]*MEMRAY REPORT/);
      });

      it('wraps json, and leaves stdout to it', function () {
        const { stdout, stderr } = runReporter(['reporter=json'], args);
        const { tests } = JSON.parse(stdout) as { tests: { title: string }[] };
        assert.deepEqual(
          tests.map(({ title }) => title),
          ['one', 'two', 'three', 'fails by itself', 'over its limit', 'is skipped'],
        );
        assert.deepEqual(reportedIn(stderr), ids);
      });

      it('wraps xunit with its own options, and gives it properties', function () {
        const { stdout } = runReporter(['reporter=xunit,suiteName=Mine'], args);
        const testcase = (title: string) =>
          new RegExp(`<testcase classname="suite" name="${title}"[^]*?</testcase>`).exec(
            stdout,
          )![0];
        assert.match(stdout, /^<testsuite name="Mine" [^]*<\/testsuite>\n$/);
        assert.match(
          testcase('one'),
          /^<testcase [^>]*[^/]><properties><property name="memray\.peakBytes" value="1000\d\d\d"\/>(<property name="[\w.]+" value="\d+"\/>)+<\/properties><\/testcase>$/,
        );
        assert.match(
          testcase('over its limit'),
          /value="4000\d\d\d"\/>.*<property name="memray\.violation" value="limitMemory"\/><\/properties><failure>Test was limited/,
        );
      });
    });
  }

  const junit = `
    // As mocha-junit-reporter makes its XML.
    module.exports = class {
      constructor(runner, { reporterOptions }) {
        const cases = [];
        runner.on('pass', (test) => cases.push(this.getTestcaseData(test)));
        runner.on('end', () => console.log(JSON.stringify({ reporterOptions, cases })));
      }
      getTestcaseData({ title }) {
        return { testcase: [{ _attr: { name: title } }, { 'system-out': '' }] };
      }
    };`;

  for (const name of ['my-reporter', './node_modules/my-reporter/index.js']) {
    it(`wraps ${name}, and gives what makes XML as JUnit does properties`, function () {
      withProject(
        {
          'a.test.js': source,
          'node_modules/my-reporter/index.js': junit,
        },
        (project) => {
          const option = `reporter=${name},mine=1`;
          const { stdout } = project.run(['--reporter', reporter, '--reporter-option', option]);
          const { reporterOptions, cases } = JSON.parse(stdout) as {
            reporterOptions: object;
            cases: {
              testcase: [object, { properties: { property: { _attr: unknown } }[] }, object];
            }[];
          };
          assert.deepEqual(reporterOptions, { reporter: name, mine: '1' });
          const [attributes, { properties }, rest] = cases[0]!.testcase;
          assert.deepEqual([attributes, rest], [{ _attr: { name: 'one' } }, { 'system-out': '' }]);
          assert.deepEqual(
            properties.map(({ property }) => (property._attr as { name: string }).name),
            [
              'peakBytes',
              'peakNativeBytes',
              'peakJsHeapBytes',
              'allocationCount',
              'allocationBytes',
            ].map((each) => `memray.${each}`),
          );
        },
      );
    });
  }

  it('gives any reporter the result of a test, with how it ended', function () {
    const mine = `
      module.exports = class {
        constructor(runner) {
          for (const event of ['pass', 'fail', 'test end']) {
            runner.on(event, ({ title, memray: { id, state, durationMs }, duration = 0 }) => {
              const isSame = durationMs === duration;
              console.log([event, title, state, isSame, durationMs >= 5, id].join(', '));
            });
          }
        }
      };`;
    const ending = `
      const wait = () => new Promise((resolve) => setTimeout(resolve, 10));
      it('passes', () => wait());
      it('fails', async () => { await wait(); throw new Error('mine'); });
      it('is over', async function () { this.limitMemory('1 KB'); new ArrayBuffer(1e6); await wait(); });
      it('times out', (done) => {}).timeout(10);
      it('is skipped', async function () { await wait(); this.skip(); });`;
    withProject({ 'a.test.js': ending, 'mine.js': mine }, (project) => {
      for (const args of [[], ['--parallel']]) {
        const { stdout } = project.run(['--reporter', './mine.js', ...args]);
        const told = (event: string, title: string, state: string) =>
          `${event}, ${title}, ${state}, true, true, a.test.js > ${title}`;
        assert.deepEqual(stdout.match(/^(pass|fail|test end),.*$/gm), [
          told('pass', 'passes', 'passed'),
          told('test end', 'passes', 'passed'),
          ...['fails', 'is over', 'times out'].flatMap((title) => [
            told('fail', title, 'failed'),
            told('test end', title, 'failed'),
          ]),
          told('test end', 'is skipped', 'pending'),
        ]);
      }
    });
  });

  it('wraps a file that is named from a folder that a test leaves', function () {
    const mine = `
      module.exports = class {
        constructor(runner) {
          runner.on('end', () => console.log('mine: ' + runner.stats.passes));
        }
      };`;
    const leaving = `it('leaves', () => { process.chdir(require('node:os').tmpdir()); new ArrayBuffer(1e6); });`;
    withProject({ 'a.test.js': leaving, 'rep.cjs': mine }, (project) => {
      const args = ['--reporter', reporter, '--reporter-option', 'reporter=./rep.cjs'];
      const { code, stdout, stderr } = project.run(args);
      assert.deepEqual([code, stdout], [0, 'mine: 1\n']);
      assert.match(stderr, /^=+ MEMRAY REPORT =+\nAllocation results for a\.test\.js > leaves/);
    });
  });

  it('brings along what measures, without --require', function () {
    withProject(source, (project) => {
      for (const args of [[], ['--parallel']]) {
        const { stdout } = project.runPlain(['--reporter', reporter, ...args]);
        assert.match(stdout, /✔ one \[97\d\.\dKiB\]/);
        assert.equal(stdout.match(/MEMRAY REPORT/g)!.length, 1);
      }
    });
  });

  it('says so where another reporter brings it along when the run has begun', function () {
    const files = {
      'a.test.js': source,
      'both.cjs': `
        module.exports = class {
          constructor(runner, options) {
            const reporter = ${JSON.stringify(reporter)};
            new (require(reporter))(runner, options);
          }
        };`,
    };
    withProject(files, (project) => {
      const { stderr } = project.runPlain(['--reporter', './both.cjs']);
      assert.match(stderr, /measures nothing in this run, .*--require memray-mocha\/register/);
    });
  });

  it('names a reporter that does not exist, and the nearest that does', function () {
    const { code, stderr } = runReporter(['reporter=dott']);
    assert.equal(code, 1);
    assert.match(
      stderr,
      /Cannot load the reporter `dott`, which the reporter option `reporter` names: Cannot find module .*\. Name one of Mocha's own \(.*\bdot, .*\), an installed package or a file\. Did you mean dot\?/,
    );
    assert.match(stderr, /ERR_MEMRAY_REPORTER_NOT_FOUND/);
  });

  it('says so of a module that is no reporter', function () {
    withProject({ 'a.test.js': source, 'mine.js': 'module.exports = {};' }, (project) => {
      const args = ['--reporter', reporter, '--reporter-option', 'reporter=./mine.js'];
      assert.match(project.run(args).stderr, /reporter `\.\/mine\.js`, .*: it exports no class\./);
    });
  });
});
