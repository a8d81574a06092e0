import assert from 'node:assert/strict';
import { cpSync, mkdirSync, rmSync, symlinkSync } from 'node:fs';
import { join, resolve } from 'node:path';
import { mochaModule, register, withProject } from '../helpers/mocha-project';

const pretend = require.resolve('../package/project/pretend-macos.cjs');
const home = resolve(__dirname, '../..');
const reason = 'Memory can be tracked on Linux x64 with glibc only, and this is darwin-x64.';

describe('where memory cannot be tracked', function () {
  it('tests run as usual, and are told of once', function () {
    const source = `it('is over', function () { this.limitMemory('1 KB'); Buffer.alloc(1e6); });`;
    withProject(source, (project) => {
      for (const args of [[], ['--parallel', '--jobs', '2']]) {
        const env = { NODE_OPTIONS: `--require "${pretend}"` };
        const { code, stdout, stderr, tests } = project.measure(args, env);
        assert.deepEqual([code, tests], [0, []]);
        assert.match(stdout, /1 passing/);
        assert.doesNotMatch(stdout, /MEMRAY REPORT/);
        assert.equal(
          stderr,
          `memray-mocha cannot see memory here: ${reason} Tests run as usual, and no limit fails.\n`,
        );
      }
    });
  });

  it('on musl, too, whose loader takes the binary and then crashes in it', function () {
    const source = `it('is over', function () { this.limitMemory('1 KB'); Buffer.alloc(1e6); });`;
    withProject(source, (project) => {
      const musl = require.resolve('../fixtures/pretend-musl.cjs');
      const { code, stderr } = project.run([], { NODE_OPTIONS: `--require "${musl}"` });
      assert.equal(code, 0);
      assert.match(stderr, /glibc only, and this is linux-x64 with musl\. Tests run as usual/);
    });
  });

  const flags: [string, RegExp][] = [
    ['--no-addons', /: Node loads no native addons: start it without --no-addons, /],
    ['--jitless', /: V8 has no WebAssembly, .*: start Node without --jitless and --lite-mode\. /],
  ];
  for (const [flag, expected] of flags) {
    it(`with ${flag}, tests run as usual, and are told of once`, function () {
      const source = `it('is over', function () { this.limitMemory('1 KB'); Buffer.alloc(1e6); });`;
      const program = `
        require('${register}');
        const { Mocha } = require('${mochaModule}');
        new Mocha({ color: false }).addFile('a.test.js').run((failures) => { process.exitCode = failures; });`;
      withProject({ 'a.test.js': source, 'program.js': program }, (project) => {
        const { code, stdout, stderr } = project.runNode([flag, 'program.js']);
        assert.equal(code, 0, stderr);
        assert.match(stdout, /1 passing/);
        assert.match(stderr, expected);
        assert.equal(stderr.match(/no limit fails/g)!.length, 1);
      });
    });
  }

  it('a tracker does not start, and says why', function () {
    const program = `
      const { Tracker } = require('${home}');
      console.log(JSON.stringify([Tracker.supported, Tracker.unsupportedReason]));
      try {
        new Tracker().start();
      } catch ({ name, code, message }) {
        console.log(JSON.stringify([name, code, message]));
      }`;
    withProject({ 'program.js': program }, (project) => {
      const { code, stdout, stderr } = project.runNode(['--require', pretend, 'program.js']);
      assert.deepEqual([code, stderr], [0, '']);
      assert.deepEqual(
        stdout.split('\n', 2).map((line) => JSON.parse(line) as unknown),
        [
          [false, reason],
          [
            'MemrayMochaError',
            'ERR_MEMRAY_UNSUPPORTED',
            `Memory cannot be tracked here. ${reason} Ask \`Tracker.supported\` first.`,
          ],
        ],
      );
    });
  });
});

describe('where a part of the package is missing', function () {
  it('it says which, and what to do', function () {
    withProject({ 'a.test.js': '' }, (project) => {
      const copy = join(project.folder, 'copy');
      mkdirSync(copy);
      cpSync(join(home, 'dist'), join(copy, 'dist'), { recursive: true });
      symlinkSync(join(home, 'node_modules'), join(copy, 'node_modules'));
      const run = () => project.runPlain(['--require', './copy/dist/register.js']);

      const native = run();
      assert.equal(native.code, 1);
      assert.match(
        native.stderr,
        /Cannot load the native part .*: no such file\.[^]*npm rebuild memray-mocha --ignore-scripts=false\n/,
      );

      rmSync(join(copy, 'dist/capture/parser.wasm'));
      const parser = run();
      assert.equal(parser.code, 1);
      assert.match(
        parser.stderr,
        /Cannot load the part of memray-mocha that reads captures: ENOENT.*parser\.wasm'\. If a bundler .*--external:memray-mocha/,
      );
    });
  });
});
