import assert from 'node:assert/strict';
import { withProject, type MochaRun } from '../helpers/mocha-project';

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
      /suite > three at the high-water mark\n\n\t 📦 Peak memory: 2\.9MiB \(native\)\n\t 📏 Total allocations: \d+\n\t 📊 Histogram of allocation sizes: \|.{1,5}\|\n\t 🥇 Biggest allocating functions:\n\t\t- allocate:a\.test\.js:3 -> 2\.9MiB\n/,
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

describe('memray-mocha/reporter', function () {
  it('shows each peak beside the test', function () {
    const reporter = require.resolve('../../dist/reporters/mocha-reporter');
    const { stdout } = run(['--reporter', reporter]);
    assert.match(stdout, /✔ one \[97\d\.\dKiB\]/);
    assert.match(stdout, /1\) fails by itself \[8\.6MiB\]\n/);
    assert.match(stdout, /1\) suite\n {7}fails by itself:\n/);
    assert.match(stdout, /MEMRAY REPORT/);
  });

  it('does so with --parallel', function () {
    const reporter = require.resolve('../../dist/reporters/mocha-reporter');
    const { stdout } = run(['--reporter', reporter, '--parallel']);
    assert.match(stdout, /✔ one \[97\d\.\dKiB\]/);
  });
});
