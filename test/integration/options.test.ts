import assert from 'node:assert/strict';
import { existsSync, readdirSync, statSync } from 'node:fs';
import { join } from 'node:path';
import { main } from '../../dist/cli/main';
import { withProject, type MochaProject } from '../helpers/mocha-project';

const recursive = `
  function recurse(n) { return n > 1 ? recurse(n - 1) : new ArrayBuffer(2e6); }
  it('recurses', function () { this.limitMemory('1 MB'); recurse(10); });`;
const fifteen = `
  const kept = [];
  it('allocates', function () {
    this.limitMemory('1 KB');
${Array.from({ length: 15 }, () => '    kept.push(new ArrayBuffer(1e5));').join('\n')}
  });`;

/** How many call stacks the output shows, and frames named `recurse`. */
function countShown(stdout: string) {
  return {
    stacks: stdout.match(/ allocated here:/g)?.length ?? 0,
    recursive: stdout.match(/\n {8}recurse:/g)?.length ?? 0,
  };
}

/** What the command line says of a capture. */
function readStats(project: MochaProject, capture: string): Record<string, number> {
  const file = join(project.folder, capture);
  assert.ok(existsSync(file), file);
  const printed: string[] = [];
  const code = main(['stats', '--json', file], {
    log: (text) => void printed.push(text),
    error: (text) => void printed.push(text),
  });
  assert.equal(code, 0, printed.join('\n'));
  return JSON.parse(printed.join('')) as Record<string, number>;
}

describe('options', function () {
  for (const [stacks, frames] of [
    [1, 1],
    [5, 5],
    [100, 10],
  ]) {
    it(`stacks ${stacks} shows ${frames} frames`, function () {
      const { stdout } = withProject(recursive, (project) =>
        project.run([`--memray-stacks=${stacks}`]),
      );
      assert.equal(countShown(stdout).recursive, frames);
      assert.equal(stdout.includes('\n        ...\n'), stacks! < 100);
    });
  }

  for (const [verbosity, stacks] of [
    [-1, 0],
    [0, 10],
    [1, 10],
    [2, 15],
  ]) {
    it(`verbosity ${verbosity} shows ${stacks} allocations`, function () {
      const { stdout } = withProject(fifteen, (project) =>
        project.run([], { MEMRAY_VERBOSITY: String(verbosity) }),
      );
      const shown = countShown(stdout).stacks;
      assert.ok(verbosity === 2 ? shown >= stacks! : shown === stacks, `${shown}`);
      assert.equal(/\n {4}\.\.\.and \d+ more\n/.test(stdout), stacks === 10);
    });
  }

  it('native shows native frames', function () {
    const [without, withNative] = withProject(recursive, (project) =>
      [[], ['--memray-native', '--memray-stacks=3']].map((args) => project.run(args).stdout),
    );
    assert.doesNotMatch(without!, /\n {8}\S*ArrayBuffer\S*:/);
    assert.match(withNative!, /\n {8}\S*(Alloc|alloc)\S*:/);
  });

  it('come from the command line, the environment, .mocharc and package.json, in this order', function () {
    const framesShown = (project: MochaProject, args: string[] = [], env = {}) =>
      countShown(project.run(args, env).stdout).recursive;
    withProject(recursive, (project) => {
      project.write('package.json', JSON.stringify({ mocha: { memray: { stacks: 2 } } }));
      assert.equal(framesShown(project), 2);
      project.write('.mocharc.json', JSON.stringify({ memray: { stacks: 3 } }));
      assert.equal(framesShown(project), 3);
      assert.equal(framesShown(project, [], { MEMRAY_STACKS: '4' }), 4);
      assert.equal(framesShown(project, ['--memray-stacks=5'], { MEMRAY_STACKS: '4' }), 5);
      assert.equal(framesShown(project, ['--no-config', '--no-package']), 1);
      project.write('other.json', JSON.stringify({ memray: { stacks: 6 } }));
      assert.equal(framesShown(project, ['--config', 'other.json']), 6);
    });
  });

  it('reach the process that Mocha starts for flags of Node', function () {
    withProject(recursive, (project) => {
      project.write('.mocharc.json', JSON.stringify({ memray: { stacks: 3 } }));
      const { stdout } = project.run(['--expose-gc']);
      assert.equal(countShown(stdout).recursive, 3);
    });
  });

  it('reach the workers of a parallel run', function () {
    const { stdout } = withProject(recursive, (project) =>
      project.run(['--parallel', '--memray-stacks=4']),
    );
    assert.equal(countShown(stdout).recursive, 4);
  });

  const mistakes: [string[], NodeJS.ProcessEnv, RegExp][] = [
    [
      ['--memray-stack=1'],
      {},
      /There is no memray-mocha option --memray-stack\. Did you mean --memray-stacks\?/,
    ],
    [
      ['--memray-stacks=0'],
      {},
      /Expected --memray-stacks to be a whole number, at least 1, got '0'/,
    ],
    [
      [],
      { MEMRAY_STACSK: '1' },
      /option MEMRAY_STACSK \(in the environment\)\. Did you mean MEMRAY_STACKS\?/,
    ],
    [
      ['--memray-bin-path=a.test.js'],
      {},
      /Cannot write to .*a\.test\.js, which the option `bin-path` names/,
    ],
    [['--memray-json=.'], {}, /Cannot write to .*, which the option `json` names: it is a folder/],
  ];
  for (const [args, env, message] of mistakes) {
    it(`${[...args, ...Object.keys(env)].join(' ')} stops before a test runs`, function () {
      const { code, stdout, stderr } = withProject(`it('runs', () => {});`, (project) =>
        project.run(args, env),
      );
      assert.equal(code, 1);
      assert.match(stderr, message);
      assert.doesNotMatch(stdout, /passing/);
    });
  }

  describe('memray: limits', function () {
    const source = `
      it('without', () => {});
      it('in the body', function () { this.limitMemory('1 MB'); });
      it('chained', () => {}).limitLeaks('1 MB');`;

    it('tracks tests with a limit only', function () {
      withProject(source, (project) => {
        const { tests } = project.measure(['--memray=limits']);
        assert.deepEqual(
          tests.map(({ titlePath }) => titlePath[0]),
          ['in the body', 'chained'],
        );
      });
    });
  });
});

describe('captures', function () {
  const files = {
    'magic/a.test.js': `
      const kept = [];
      it('a', () => {});
      for (const i of [1, 2]) it('b[' + i + ']', () => { kept.push(Buffer.alloc(1e6 * i)); });
      let attempt = 0;
      it('again', function () { this.retries(1); if (attempt++ === 0) throw new Error('once'); });
      it('twin', () => {});
      it('twin', () => {});
      it('x'.repeat(300), () => {});`,
  };

  it('are kept, one for each attempt at each test', function () {
    withProject(files, (project) => {
      const { stdout } = project.run(['magic', '--memray-bin-path=d', '--memray-bin-prefix=H']);
      const names = readdirSync(join(project.folder, 'd')).sort();
      const long = names.find((name) => name.includes('xxx'))!;
      assert.deepEqual(
        names.filter((name) => name !== long),
        ['a', 'again-retry1', 'again', 'b[1]', 'b[2]', 'twin-(2)', 'twin'].map(
          (title) => `H-magic-a.test.js-${title}.bin`,
        ),
      );
      assert.equal(Buffer.byteLength(long), 255);
      assert.match(long, /^H-magic-a\.test\.js-x+-[0-9a-f]{16}\.bin$/);
      assert.ok(
        stdout.includes(`Created 8 captures at ${join(project.folder, 'd')} with prefix H\n`),
      );
    });
  });

  it('are kept apart where files of other workers would have their names', function () {
    const twins = (bytes: number) => `
      const kept = [];
      it('twin', () => { kept.push(Buffer.alloc(${bytes})); });
      it('twin', () => { kept.push(Buffer.alloc(${bytes * 2})); });`;
    const files = { 'test/a/b.test.js': twins(1e6), 'test/a-b.test.js': twins(4e6) };
    withProject(files, (project) => {
      const args = ['test/**/*.test.js', '--memray-bin-path=d', '--memray-bin-prefix=H'];
      const { tests, stdout } = project.measure([...args, '--parallel', '--jobs', '2']);
      assert.deepEqual(
        readdirSync(join(project.folder, 'd')).sort(),
        ['-(2)', '-(3)', '-(4)', ''].map((twin) => `H-test-a-b.test.js-twin${twin}.bin`),
      );
      assert.match(stdout, /Created 4 captures/);
      assert.equal(new Set(tests.map(({ capture }) => capture)).size, 4);
      for (const { capture, peak } of tests) {
        assert.equal(readStats(project, capture!).peakBytes, peak.bytes);
      }
    });
  });

  it('have a random prefix by default, and replace what is there', function () {
    withProject(files, (project) => {
      project.run(['magic', '--memray-bin-path=d']);
      assert.match(readdirSync(join(project.folder, 'd'))[0]!, /^[0-9a-f]{32}-magic-/);
      project.write('e/p-magic-a.test.js-a.bin', '');
      project.run(['magic', '--memray-bin-path=e', '--memray-bin-prefix=p']);
      assert.ok(statSync(join(project.folder, 'e/p-magic-a.test.js-a.bin')).size > 32);
    });
  });

  it('are not kept unless asked for', function () {
    withProject(files, (project) => {
      project.run(['magic']);
      assert.deepEqual(readdirSync(project.folder), ['magic']);
    });
  });

  it('have the totals of the report, to the byte, on the command line', function () {
    withProject(files, (project) => {
      const { tests } = project.measure(['magic', '--memray-bin-path=d', '--memray-bin-prefix=H']);
      assert.equal(tests.length, 8);
      for (const { capture, peak, allocations } of tests) {
        const stats = readStats(project, capture!);
        assert.deepEqual(
          [stats.peakBytes, stats.allocationCount, stats.allocationBytes],
          [peak.bytes, allocations.count, allocations.bytes],
        );
      }
    });
  });

  it('are named in the failure', function () {
    const { stdout } = withProject(recursive, (project) =>
      project.run(['--memray-bin-path=d', '--memray-bin-prefix=H']),
    );
    assert.match(
      stdout,
      /\n`npx memray-mocha tree --biggest-allocs=0 d\/H-a\.test\.js-recurses\.bin` shows all call stacks\.\n/,
    );
  });
});
