// The packed tarball, installed in an empty folder as a user does it.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  copyFileSync,
  cpSync,
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import type { TestResult } from '../../dist/test-result';
import { headersFolder } from '../../scripts/headers-folder.mjs';
import { run } from '../../scripts/run.mjs';

const root = join(__dirname, '..', '..');
const abi = process.versions.modules;

describe('the published package', function () {
  this.timeout(1_800_000);
  let folder: string;
  let files: string[];

  before('pack it, and install it beside Mocha', async function () {
    folder = mkdtempSync(join(tmpdir(), 'memray-mocha-package-'));
    cpSync(join(__dirname, 'project'), folder, { recursive: true });
    writeFileSync(join(folder, 'package.json'), '{ "private": true }\n');

    await run(process.execPath, ['scripts/setup.mjs']);
    const parameters = ['pack', '--json', '--ignore-scripts', '--pack-destination', folder];
    const packed = await run('npm', [...parameters, '--loglevel=silent'], { quiet: true });
    const [tarball] = JSON.parse(packed) as [{ filename: string; files: { path: string }[] }];
    files = tarball.files.map(({ path }) => path).sort();

    const packages = ['mocha', '@types/mocha', '@types/node@20', `./${tarball.filename}`];
    await runNpm(['install', ...packages]);
  });

  after(() => rmSync(folder, { recursive: true, force: true }));

  /** npm in the project, with the headers of this Node, so that nothing is downloaded to compile. */
  function runNpm(parameters: string[], path = process.env.PATH) {
    const headers = headersFolder(process.execPath);
    return run('npm', [...parameters, '--no-audit', '--no-fund', '--loglevel=error'], {
      cwd: folder,
      env: { ...process.env, PATH: path, ...(headers && { npm_config_nodedir: headers }) },
      quiet: true,
    });
  }

  function runNode(...parameters: string[]) {
    const { stdout, stderr, status } = spawnSync(process.execPath, parameters, {
      cwd: folder,
      encoding: 'utf8',
    });
    assert.equal(status, 0, stdout + stderr);
    return stdout + stderr;
  }

  const installed = (...path: string[]) => join(folder, 'node_modules', 'memray-mocha', ...path);

  function runMocha(env: NodeJS.ProcessEnv = {}) {
    const { stdout, stderr, status } = spawnSync(
      'npx',
      ['mocha', '--require', 'memray-mocha/register', '--memray-json=results.json', 'test/'],
      { cwd: folder, encoding: 'utf8', env: { ...process.env, ...env } },
    );
    const output = stdout + stderr;
    const file = join(folder, 'results.json');
    assert.ok(existsSync(file), output);
    const { tests } = JSON.parse(readFileSync(file, 'utf8')) as { tests: TestResult[] };
    rmSync(file);
    const result = (title: string) => tests.find(({ titlePath }) => titlePath.at(-1) === title)!;
    return { output, status, usage: result('uses memory'), leak: result('leaks memory') };
  }

  describe('the tarball', () => {
    it('has everything that is needed, and nothing else', () => {
      const needed =
        /^(bin\/memray-mocha\.js|binding\.gyp|package\.json|(README|CHANGELOG)\.md|LICENSE|docs\/[\w-]+\.md|dist\/[\w/-]+\.(js|d\.ts)|dist\/capture\/parser\.wasm|native\/[\w/]+\.(h|cc)|prebuilds\/linux-x64\/abi\d+\.node|scripts\/(build-native|headers-folder|run)\.mjs)$/;
      assert.deepEqual(
        files.filter((file) => !needed.test(file)),
        [],
      );
      assert.deepEqual(
        files.filter((file) => file.startsWith('native/test/')),
        [],
      );
    });

    it('has what the package promises', () => {
      const promised = [
        'LICENSE',
        'README.md',
        'bin/memray-mocha.js',
        'binding.gyp',
        'dist/capture/parser.wasm',
        'dist/index.d.ts',
        'dist/index.js',
        'dist/register.js',
        'dist/reporters/mocha-reporter.js',
        'docs/capture-format.md',
        'native/binding.cc',
        `prebuilds/linux-x64/abi${abi}.node`,
        'scripts/build-native.mjs',
      ];
      assert.deepEqual(
        promised.filter((file) => !files.includes(file)),
        [],
      );
    });

    it('has the output of every source, and no older one', () => {
      const sources = readdirSync(join(root, 'src'), { recursive: true, encoding: 'utf8' })
        .filter((name) => name.endsWith('.ts'))
        .map((name) => `dist/${name.replace(/\.ts$/, '.js')}`);
      assert.deepEqual(
        files.filter((file) => /^dist\/.*\.js$/.test(file)),
        sources.sort(),
      );
    });
  });

  describe('in an empty folder', () => {
    it('can be required', () => {
      const script =
        'const m = require("memray-mocha"); console.log(typeof m.Tracker, typeof m.CaptureReader)';
      assert.equal(runNode('-e', script).trim(), 'function function');
    });

    it('can be imported', () => {
      const script =
        'import { Tracker, CaptureReader } from "memray-mocha"; console.log(typeof Tracker, typeof CaptureReader)';
      assert.equal(runNode('--input-type=module', '-e', script).trim(), 'function function');
    });

    it('has types', () => {
      const tsc = join(root, 'node_modules', 'typescript', 'bin', 'tsc');
      for (const project of ['', '.globals', '.node10'])
        runNode(tsc, '-p', `tsconfig${project}.json`);
    });

    it('has a reporter, which wraps others', () => {
      const reporter = ['mocha', '--no-color', '--reporter', 'memray-mocha/reporter'];
      const report = (...args: string[]) =>
        spawnSync('npx', [...reporter, ...args, 'test/'], { cwd: folder, encoding: 'utf8' }).stdout;
      assert.match(report(), /✔ uses memory \[\d[^]*MEMRAY REPORT/);
      assert.match(report('--reporter-option', 'reporter=dot'), /\n {2}\.!\n[^]*MEMRAY REPORT/);
    });

    it('has a command', () => {
      assert.match(runNode(join('node_modules', '.bin', 'memray-mocha'), '--help'), /summary/);
    });
  });

  describe('its limits', () => {
    // Of native memory: objects are known by samples. And to find out which are live, garbage is
    // collected when there is time, after which V8 may note in native memory where old refer to young.
    const native = { MEMRAY_JS_HEAP: 'false' };

    it('fail at exactly what was leaked, and pass one byte over', () => {
      const { leak } = runMocha(native);
      const bytes = leak.leaks[0]!.bytes;
      assert.ok(bytes >= 64 * 65536, `${bytes}`);

      const over = runMocha({ ...native, LEAK_LIMIT: `${bytes + 1} B` });
      assert.deepEqual(over.leak.violations, []);
      assert.equal(over.leak.state, 'passed');

      const equal = runMocha({ ...native, LEAK_LIMIT: `${bytes} B` });
      assert.equal(equal.leak.state, 'failed');
      assert.equal(equal.leak.violations[0]?.kind, 'limitLeaks');
      assert.equal(equal.leak.violations[0]?.actualBytes, bytes);
      assert.equal(equal.status, 1);
    });

    it('fail at exactly the peak, and pass one byte over', () => {
      const { usage } = runMocha(native);
      const bytes = usage.peak.bytes;

      const over = runMocha({ ...native, MEMORY_LIMIT: `${bytes + 1} B` });
      assert.equal(over.usage.peak.bytes, bytes);
      assert.equal(over.usage.state, 'passed');

      const equal = runMocha({ ...native, MEMORY_LIMIT: `${bytes} B` });
      assert.equal(equal.usage.peak.bytes, bytes);
      assert.equal(equal.usage.state, 'failed');
      assert.equal(equal.usage.violations[0]?.kind, 'limitMemory');
    });
  });

  describe('without a prebuilt binary', () => {
    beforeEach(() => rmSync(installed('prebuilds'), { recursive: true, force: true }));

    it('compiles one, for a Node whose path has a space too', async () => {
      const node = copyNodeTo(join(folder, 'some node'));
      await runNpm(['rebuild', 'memray-mocha'], `${dirname(node)}:${process.env.PATH}`);
      assert.ok(existsSync(installed('prebuilds', 'linux-x64', `abi${abi}.node`)));
      assert.equal(runMocha().leak.state, 'failed');
    });

    function installWithoutCompiler() {
      const { stderr, status } = spawnSync(
        process.execPath,
        [installed('scripts', 'build-native.mjs'), '--install'],
        { encoding: 'utf8', env: { PATH: '/nonexistent' } },
      );
      assert.equal(status, 0, stderr);
      assert.match(stderr, /Install a C\+\+20 compiler .* then run `npm rebuild memray-mocha`/);
      return stderr;
    }

    it('installs without a compiler, and says what to do', () => {
      rmSync(installed('build'), { recursive: true, force: true });
      installWithoutCompiler();
      assert.ok(existsSync(installed('build', 'install.log')));
    });

    it('installs where it cannot write, and says what went wrong', () => {
      rmSync(installed('build'), { recursive: true, force: true });
      // What holds for the superuser, too.
      writeFileSync(installed('build'), '');
      assert.match(installWithoutCompiler(), /What went wrong: .*\/build/);
      rmSync(installed('build'));
    });

    it('installs on a platform it cannot measure, and runs the tests', () => {
      const pretend = join(folder, 'pretend-macos.cjs');
      const output = runNode(
        '--require',
        pretend,
        installed('scripts', 'build-native.mjs'),
        '--install',
      );
      assert.match(output, /measures memory on Linux x64 with glibc only, not on darwin-x64/);

      const mocha = join(folder, 'node_modules', 'mocha', 'bin', 'mocha.js');
      const report = runNode(
        '--require',
        pretend,
        mocha,
        '--require',
        'memray-mocha/register',
        'test/',
      );
      assert.match(report, /2 passing/);
      assert.match(report, /darwin/);
    });
  });
});

/** A copy of the running Node, with its headers if it has them. */
function copyNodeTo(home: string): string {
  const headers = headersFolder(process.execPath);
  mkdirSync(join(home, 'bin'), { recursive: true });
  copyFileSync(process.execPath, join(home, 'bin', 'node'));
  if (headers) symlinkSync(join(headers, 'include'), join(home, 'include'));
  return join(home, 'bin', 'node');
}
