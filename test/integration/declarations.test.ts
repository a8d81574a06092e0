import assert from 'node:assert/strict';
import { mkdirSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { withProject, type MeasuredRun } from '../helpers/mocha-project';

const root = resolve(__dirname, '../..');
const allocate =
  'const kept = []; const allocate = (bytes = 2e6) => void kept.push(Buffer.alloc(bytes));';

/** Runs a project that has memray-mocha installed, and gives the limit each test failed with, or its state. */
function statesOf(
  files: Record<string, string> | string,
  args?: string[],
  env?: NodeJS.ProcessEnv,
): Record<string, string> {
  const run = measure(files, args, env);
  return Object.fromEntries(
    run.tests.map(({ titlePath, state, violations }) => [
      titlePath.at(-1)!,
      violations[0]?.kind ?? state,
    ]),
  );
}

function measure(
  files: Record<string, string> | string,
  args: string[] = [],
  env = {},
): MeasuredRun {
  return withProject(files, (project) => {
    const modules = join(project.folder, 'node_modules');
    mkdirSync(modules);
    for (const [name, target] of [
      ['memray-mocha', root],
      ['mocha', join(root, 'node_modules/mocha')],
    ] as const) {
      symlinkSync(target, join(modules, name));
    }
    return project.measure(args, env);
  });
}

describe('limits with more arguments than there are', function () {
  it('fail the tests they concern: options behind a filter would be ignored', function () {
    const { stdout } = measure(`
      const { limitMemory } = require('memray-mocha');
      it('filter and options', function () { this.limitLeaks('1 MB', () => true, { repeat: 5 }); });
      it('by import', () => limitMemory('1 MB', {}, 'baseline'));
      describe('of the suite', function () {
        this.limitLeakedObjects(() => true, {});
        it('concerned', () => {});
      });
      it('next', function () { this.limitLeaks('1 MB', undefined, undefined); });`);
    assert.match(stdout, /1 passing[^]*3 failing/);
    assert.match(
      stdout,
      /of the suite\n +concerned:\n +TypeError: .* limitLeakedObjects to be left out/,
    );
    assert.match(
      stdout,
      /TypeError: Expected what follows the arguments of limitLeaks to be left out, got \{ repeat: 5 \} .*A filter and options are one argument/,
    );
  });
});

describe('limits that cannot hold', function () {
  it('fail the tests they concern, whatever their options throw', function () {
    const { stdout } = measure(`${allocate}
      describe('of the suite', function () {
        this.limitMemory('1 KB', { get currentThreadOnly() { throw new RangeError('mine'); } });
        it('concerned', () => allocate());
      });
      it('next', () => allocate());`);
    assert.match(stdout, /1 passing[^]*1 failing[^]*concerned:\n +RangeError: mine\n/);
  });

  it('are refused on a test that runs untracked, and where nothing runs', function () {
    const { stdout } = measure(
      `${allocate}
       const declare = (test) => { try { test.limitMemory('1 KB'); } catch (error) { console.log(error.code); } };
       it('untracked', function () { declare(this.test); allocate(); });
       describe('suite', function () { declare(this.ctx); });`,
      ['--memray=limits'],
    );
    assert.deepEqual(stdout.match(/ERR_MEMRAY_\w+/g), [
      'ERR_MEMRAY_LIMIT_NOWHERE',
      'ERR_MEMRAY_LIMIT_TOO_LATE',
    ]);
  });

  it('are refused in the body of a test that has ended', function () {
    const { stdout } = measure(`${allocate}
      const declareIn = (test, ms) => setTimeout(() => {
        try { test.limitMemory('1 KB'); } catch (error) { console.log(error.message); }
      }, ms);
      for (const ms of [0, 1])
        describe('after ' + ms, () => {
          it('ends', function () { declareIn(this, ms); allocate(); });
          afterEach((done) => setTimeout(done, 20));
        });
      it('is judged', function () { this.limitLeaks('10 MB'); declareIn(this, 0); allocate(); });`);
    assert.match(stdout, /3 passing/);
    const titles = [...stdout.matchAll(/when the body of "(.*)" had ended/g)].map(([, of]) => of);
    assert.deepEqual(titles, ['is judged', 'ends', 'ends']);
  });

  it('are none on a test that has ended: a hook may declare for all of a suite', function () {
    for (const mode of ['all', 'limits', 'off']) {
      const { stdout } = measure(
        `${allocate}
         const declare = (test) => test.parent.tests.forEach((each) => each.limitMemory('1 MB'));
         beforeEach(function () { declare(this.currentTest); });
         afterEach(function () { declare(this.currentTest); });
         it('first', () => {});
         it('second', () => allocate());`,
        [`--memray=${mode}`],
      );
      assert.match(stdout, mode === 'off' ? /2 passing/ : /1 passing[^]*1 failing[^]*1\) second:/);
    }
  });
});

describe('limits declared by import', function () {
  const imports = `const { limitMemory, limitLeaks } = require('memray-mocha'); ${allocate}`;

  it('hold for the test whose body calls, from its start', function () {
    const states = statesOf(`${imports}
      it('over', () => { allocate(); limitMemory('1 MB'); });
      it('under', () => { limitMemory('4 MB'); allocate(); });
      it('leaks', () => { limitLeaks('1 MB'); allocate(); });
      it('after an await', async () => { await allocate(); limitMemory('1 MB'); });
      it('with done', (done) => { limitMemory('1 MB'); allocate(); setTimeout(done, 1); });
      it('next', () => allocate());`);
    assert.deepEqual(states, {
      over: 'limitMemory',
      under: 'passed',
      leaks: 'limitLeaks',
      'after an await': 'limitMemory',
      'with done': 'limitMemory',
      next: 'passed',
    });
  });

  it('hold for the tests of a suite whose callback calls, and for those of a hook', function () {
    const states = statesOf(`${imports}
      describe('outer', () => {
        limitMemory('1 MB');
        it('of outer', () => allocate());
        describe('inner', () => {
          it('before the call', () => allocate());
          limitMemory(false);
          it('of inner', () => allocate());
        });
        it('of outer again', () => allocate());
      });
      describe('with before', () => {
        before(async () => { await null; limitMemory('1 MB'); });
        it('of before', () => allocate());
      });
      describe('with beforeEach', () => {
        beforeEach(() => limitMemory('1 MB'));
        it('of beforeEach', () => allocate());
        it('lifted', () => { limitMemory(false); allocate(); });
      });
      it('of none', () => allocate());`);
    assert.deepEqual(states, {
      'of none': 'passed',
      'of outer': 'limitMemory',
      'of outer again': 'limitMemory',
      'before the call': 'passed',
      'of inner': 'passed',
      'of before': 'limitMemory',
      'of beforeEach': 'limitMemory',
      lifted: 'passed',
    });
  });

  it('work from ES modules, in each worker of a parallel run, and with `memray: limits`', function () {
    const file = (title: string) => `
      import { limitMemory } from 'memray-mocha';
      import { describe, it } from 'mocha';
      ${allocate}
      describe('suite', () => {
        limitMemory('1 MB');
        it('${title} of the suite', () => allocate());
        it('${title} in the body', () => { allocate(); limitMemory('3 MB'); allocate(); });
      });
      it('${title} of none', () => allocate());`;
    const files = { 'a.test.mjs': file('a'), 'b.test.mjs': file('b') };
    const states = statesOf(files, ['--parallel', '--jobs', '2', '--memray=limits']);
    assert.deepEqual(states, {
      'a of the suite': 'limitMemory',
      'a in the body': 'limitMemory',
      'b of the suite': 'limitMemory',
      'b in the body': 'limitMemory',
    });
  });

  it('fail where there is nothing to limit, and say what to do', function () {
    const run = (source: string) => {
      const { stdout, stderr } = withProject(source, (project) => project.run());
      return stdout + stderr;
    };
    const module = JSON.stringify(join(root, 'dist/index.js'));
    const atTop = run(`require(${module}).limitMemory('1 MB'); it('runs', () => {});`);
    assert.match(
      atTop,
      /`limitMemory` was called outside of any suite, hook or test\. Call it in one/,
    );
    const afterwards = run(`
      const { limitLeaks } = require(${module});
      it('runs', () => {});
      after(() => limitLeaks('1 MB'));`);
    assert.match(afterwards, /`limitLeaks` was called in an after or afterEach hook/);
  });

  it('fail without memray-mocha/register, and say so', function () {
    const module = JSON.stringify(join(root, 'dist/index.js'));
    const { stdout } = withProject(
      `it('runs', () => require(${module}).limitMemory('1 MB'));`,
      (project) => project.runPlain(),
    );
    assert.match(
      stdout,
      /was called without memray-mocha\/register\. Load it with Mocha: --require/,
    );
  });

  it('fail after an await where a test that timed out may be the one that calls', function () {
    const { stdout, result } = measure(`${imports}
      const wait = (ms) => new Promise((resolve) => setTimeout(resolve, ms));
      it('times out', async function () { this.timeout(10); await wait(50); });
      it('calls at once', async () => { limitMemory('1 MB'); await wait(1); });
      it('calls later', async () => { await wait(1); limitMemory('1 MB'); });`);
    assert.equal(result('calls at once').state, 'passed');
    assert.equal(result('calls later').state, 'failed');
    assert.match(
      stdout,
      /`limitMemory` was called after an await, when "times out" may still go on, .*\. Call it before the first await\./,
    );
  });
});

describe('limits for every test', function () {
  const source = `${allocate}
    it('over', () => allocate());
    it('under', () => {});
    it('chained', () => allocate()).limitMemory('4 MB');
    it('lifted', function () { this.limitMemory(false); allocate(); });`;
  const expected = { over: 'limitMemory', under: 'passed', chained: 'passed', lifted: 'passed' };

  it('come from the configuration, the environment and the command line', function () {
    const memray = { limitMemory: '1 MB', limitLeaks: '1 GB' };
    const mocharc = { '.mocharc.json': JSON.stringify({ memray }) };
    assert.deepEqual(statesOf({ 'a.test.js': source, ...mocharc }), expected);
    assert.deepEqual(statesOf(source, ['--memray-limit-memory=1MB']), expected);
    assert.deepEqual(statesOf(source, [], { MEMRAY_LIMIT_MEMORY: '1 MB' }), expected);
    const off = statesOf({ 'a.test.js': source, ...mocharc }, ['--no-memray-limit-memory']);
    assert.equal(off.over, 'passed');
  });

  it('reach the workers of a parallel run, and count as limits with `memray: limits`', function () {
    const args = ['--parallel', '--memray=limits', '--memray-limit-leaks=1MB'];
    const states = statesOf(
      `${allocate} it('leaks', () => allocate()); it('does not', () => {});
       it('lifted', function () { this.limitLeaks(false); allocate(); });`,
      args,
    );
    assert.deepEqual(states, { leaks: 'limitLeaks', 'does not': 'passed', lifted: 'passed' });
  });

  it('are named where they fail a test, of which no line says so', function () {
    const limits = ['--memray-limit-memory=1MB', '--memray-limit-leaks=1MB'];
    const { stdout } = withProject(
      `${allocate} it('over', () => allocate());
       it('over its own', function () { this.limitMemory('1 MB').limitLeaks('1 MB'); allocate(); });`,
      (project) => project.run(limits),
    );
    assert.equal(stdout.match(/raise the limit \(the option `limit-memory`\)\./g)?.length, 1);
    assert.equal(stdout.match(/raise the limit \(the option `limit-leaks`\), or/g)?.length, 1);
    assert.equal(stdout.match(/raise the limit/g)!.length, 4);
  });

  it('stop the run when they are malformed', function () {
    const { code, stderr } = withProject(source, (project) =>
      project.run(['--memray-limit-memory=24XB']),
    );
    assert.equal(code, 1);
    assert.match(
      stderr,
      /Expected --memray-limit-memory to be a size such as `64 MB`, or `false`, got '24XB'/,
    );
  });
});

describe('every interface', function () {
  const bodies = `${allocate}
    const chained = () => allocate();
    function inBody() { this.limitMemory('1 MB'); allocate(); }`;
  const interfaces: Record<string, string> = {
    bdd: `
      describe('suite', function () {
        this.limitMemory('1 MB');
        it('of the suite', () => allocate());
        specify('lifted', function () { this.limitMemory(false); allocate(); });
      });
      context('chained suite', () => { it('of the chained suite', () => allocate()); }).limitMemory('1 MB');
      describe('hooks', () => {
        beforeEach(function () { this.limitMemory('1 MB'); });
        it('of the hook', () => allocate());
      });
      it('chained', chained).limitMemory('1 MB');
      it('in the body', inBody);`,
    tdd: `
      suite('suite', function () {
        this.limitMemory('1 MB');
        test('of the suite', () => allocate());
        test('lifted', function () { this.limitMemory(false); allocate(); });
      });
      suite('chained suite', () => { test('of the chained suite', () => allocate()); }).limitMemory('1 MB');
      suite('hooks', () => {
        setup(function () { this.limitMemory('1 MB'); });
        test('of the hook', () => allocate());
      });
      test('chained', chained).limitMemory('1 MB');
      test('in the body', inBody);`,
    qunit: `
      test('chained', chained).limitMemory('1 MB');
      test('in the body', inBody);
      suite('suite').limitMemory('1 MB');
      test('of the suite', () => allocate());
      test('lifted', function () { this.limitMemory(false); allocate(); });
      suite('imported');
      require('memray-mocha').limitMemory('1 MB');
      test('of the chained suite', () => allocate());
      suite('hooks');
      beforeEach(function () { this.limitMemory('1 MB'); });
      test('of the hook', () => allocate());`,
    exports: `
      module.exports = {
        suite: {
          before() { this.limitMemory('1 MB'); },
          'of the suite': () => allocate(),
          lifted() { this.limitMemory(false); allocate(); },
        },
        'by import': {
          'of the chained suite': () => { require('memray-mocha').limitMemory('1 MB'); allocate(); },
        },
        hooks: {
          beforeEach: () => require('memray-mocha').limitMemory('1 MB'),
          'of the hook': () => allocate(),
        },
        'in the body': inBody,
        chained() { this.test.limitMemory('1 MB'); allocate(); },
      };`,
    require: `
      const { suite, test, setup } = require('mocha');
      suite('suite', function () {
        this.limitMemory('1 MB');
        test('of the suite', () => allocate());
        test('lifted', function () { this.limitMemory(false); allocate(); });
      });
      suite('chained suite', () => { test('of the chained suite', () => allocate()); }).limitMemory('1 MB');
      suite('hooks', () => {
        setup(function () { this.limitMemory('1 MB'); });
        test('of the hook', () => allocate());
      });
      test('chained', chained).limitMemory('1 MB');
      test('in the body', inBody);`,
  };
  for (const [name, source] of Object.entries(interfaces)) {
    it(`takes limits on suites, in hooks, in bodies and by chaining: ${name}`, function () {
      const args = name === 'require' ? [] : ['--ui', name];
      assert.deepEqual(statesOf(bodies + source, args), {
        'of the suite': 'limitMemory',
        lifted: 'passed',
        'of the chained suite': 'limitMemory',
        'of the hook': 'limitMemory',
        chained: 'limitMemory',
        'in the body': 'limitMemory',
      });
    });
  }
});
