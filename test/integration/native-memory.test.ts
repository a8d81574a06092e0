// Native memory from the allocator to the verdict: the real addon, the real Mocha.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import { mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import type { Frame } from '../../dist/call-stack';
import type { AllocationResult, TestResult } from '../../dist/test-result';
import { buildFixtureAddon, fixtureAddon, fixtureLibrary } from '../helpers/fixture-addon';

const root = join(__dirname, '..', '..');
const dist = join(root, 'dist');
const fixtures = join(root, 'test', 'fixtures', 'native-memory');
const MiB = 1024 * 1024;

describe('native memory', function () {
  this.timeout(300_000);

  before(buildFixtureAddon);

  describe('of an addon', () => {
    let run: MochaRun;
    before(() => (run = runMocha('addon.test.js')));

    it('counts what a libuv thread allocates', () => {
      assert.deepEqual(run.violations('thread'), ['limitMemory']);
      assert.deepEqual(run.violations('thread: under the limit'), []);
      assertNear(run.result('thread').peak.nativeBytes, 5 * MiB, 0.01);
    });

    it('does not count it with currentThreadOnly', () => {
      assert.deepEqual(run.violations('thread: current thread only'), []);
      assert.deepEqual(run.violations('thread: leaked, current thread only'), []);
    });

    it('finds what a libuv thread leaks, with the module and its functions', () => {
      assert.deepEqual(run.violations('thread: leaked'), ['limitLeaks']);
      assert.deepEqual(run.violations('thread: released'), []);
      const [leak] = run.result('thread: leaked').leaks;
      assert.equal(leak!.bytes, 5 * MiB);
      assert.deepEqual(leak!.stack.slice(0, 3).map(inModule), [
        'fixture::AllocateInner(unsigned long) in fixture.node',
        'fixture::AllocateOuter(unsigned long) in fixture.node',
        'fixture::ExecuteInThread(napi_env__*, void*) in fixture.node',
      ]);
      assert.match(run.result('thread: leaked').violations[0]!.message, /fixture\.node/);
    });

    it('names the line that called the addon, at equal to the byte', () => {
      assert.deepEqual(run.violations('malloc'), ['limitMemory']);
      const [allocation] = run.result('malloc').topAllocations;
      assert.equal(allocation!.bytes, 3 * MiB);
      assert.equal(userLine(allocation!), lineOf('addon.test.js', 'allocateHere'));
    });

    it('counts new and mmap as it does malloc', () => {
      assert.deepEqual(run.violations('new'), ['limitMemory']);
      assert.deepEqual(run.violations('mmap'), ['limitMemory']);
      assert.equal(run.result('new').topAllocations[0]!.bytes, 3 * MiB);
      assert.equal(run.result('mmap').topAllocations[0]!.bytes, 3 * MiB);
    });

    it('counts at the peak what is live, and all in the totals', () => {
      assert.deepEqual(run.violations('churn'), []);
      const { peak, allocations } = run.result('churn');
      assertNear(peak.nativeBytes, 100_000, 0.1);
      assertNear(allocations.bytes, 100_000 * 10_000, 0.01);
    });

    it('does not subtract what was allocated before the test and freed in it', () => {
      assert.deepEqual(run.violations('freed: allocated before the test'), []);
      assertNear(run.result('freed: allocated before the test').peak.nativeBytes, 2 * MiB, 0.01);
    });

    it('shows full native frames below the JavaScript ones with `native`', () => {
      const { topAllocations } = runMocha('addon.test.js', ['--memray-native']).result('malloc');
      const { stack } = topAllocations[0]!;
      assert.deepEqual(stack.slice(0, 3).map(inModule), [
        'fixture::AllocateInner(unsigned long) in fixture.node',
        'fixture::AllocateOuter(unsigned long) in fixture.node',
        'fixture::Allocate(napi_env__*, napi_callback_info__*) in fixture.node',
      ]);
      const firstJs = stack.findIndex(({ kind }) => kind === 'js');
      assert.equal(stack[firstJs]!.functionName, 'allocateHere');
      assert.ok(stack.slice(firstJs).every(({ kind }) => kind === 'js'));
      assert.ok(stack.slice(3, firstJs).some(({ filename }) => filename === process.execPath));
    });
  });

  describe('of a program that does everything', () => {
    let run: MochaRun;
    before(() => {
      run = runMocha(file, [], ['--expose-gc', '--stress-compaction']);
    });

    const file = 'robustness.test.js';
    const keptLine = () => lineOf(file, 'keep');
    /** Of all call stacks with a frame: V8 may tell of other frames in them only part of the time. */
    const bytesOf = (title: string, isIt: (frame: Frame) => boolean) =>
      run
        .result(title)
        .leaks.filter(({ heap, stack }) => heap === 'native' && stack.some(isIt))
        .reduce((sum, { bytes }) => sum + bytes, 0);
    const nameOf = ({ functionName, filename, lineNumber }: Frame) =>
      `${functionName} ${filename}:${lineNumber}`;
    const bytesOfLine = (title: string, line: number) =>
      bytesOf(title, (frame) => frame.lineNumber === line && frame.filename === file);

    it('finds the lines while V8 moves and drops code', () => {
      const title = 'collects garbage again and again';
      assert.equal(run.result(title).state, 'passed', run.output);
      assertNear(bytesOfLine(title, keptLine()), 5000 * 1000, 0.03);
      assertNear(bytesOfLine(title, lineOf(file, 'others')), 3000 * 1000, 0.1);
    });

    it('goes on when child processes are spawned and forked', () => {
      const title = 'starts child processes';
      assert.equal(run.result(title).state, 'passed', run.output);
      assert.ok(bytesOfLine(title, keptLine()) >= MiB);
    });

    it('finds the lines of code in vm contexts', () => {
      const title = 'runs code in vm contexts';
      assert.equal(run.result(title).state, 'passed', run.output);
      assertNear(
        bytesOf(title, (frame) => nameOf(frame) === 'keepInContext /virtual/context.js:4'),
        20_000 * 100,
        0.05,
      );
    });

    it('counts what libraries allocated that are gone by the end', () => {
      const title = 'loads and unloads a library 200 times';
      assert.equal(run.result(title).state, 'passed', run.output);
      const allocation = run
        .result(title)
        .leaks.find(({ bytes, count }) => count === 200 && bytes === 200 * 10_000);
      assert.ok(allocation, 'no call stack of 200 allocations');
      assert.ok(bytesOfLine(title, keptLine()) >= MiB);
    });

    it('goes on when workers are terminated while they allocate', () => {
      const title = 'terminates workers while they allocate';
      assert.equal(run.result(title).state, 'passed', run.output);
      assertNear(bytesOfLine(title, keptLine()), 4 * MiB, 0.01);
    });
  });

  describe('that grows in a test', () => {
    let run: MochaRun;
    before(() => (run = runMocha('growing-memory.test.js')));

    for (const [title, expected] of [
      ['grows what was made while the file was loaded', 10 * MiB],
      ['makes a memory', 40 * MiB],
      ['grows the memory of the test before', 64 * 1024],
      ['grows it again', 2 * MiB],
      ['resizes a buffer that was made while the file was loaded', 5 * MiB],
      ['makes it smaller, and larger again', 3 * MiB - 64 * 1024],
    ] as const) {
      it(`counts what is new: ${title}`, () =>
        assertNear(run.result(title).peak.nativeBytes, expected, 0.05));
    }
  });

  describe('of a worker', () => {
    let run: MochaRun;
    before(() => (run = runMocha('worker-garbage.test.js', ['--exit'])));

    for (const title of [
      'drops 100 MB',
      'leaves 100 MB of garbage',
      'leaves 100 MB of garbage each time',
      'collects again',
      'is gone with its garbage',
      'is terminated amid its garbage',
      'goes on for ever',
      'goes on with a hundred times as much',
      ...Array.from({ length: 5 }, (_, i) => `is made all the time ${i}`),
    ]) {
      it(`is no garbage: ${title}`, () =>
        assert.equal(run.result(title).state, 'passed', run.output));
    }

    it('counts at the peak, also when it is garbage by the time of a collection', () => {
      assert.deepEqual(run.violations('holds 40 MB, and drops it'), ['limitMemory']);
      const { nativeBytes } = run.result('holds 40 MB, and drops it').peak;
      assert.ok(nativeBytes >= 30 * MiB && nativeBytes < 44 * MiB, String(nativeBytes));
    });

    it('is left out of what several hold', () => {
      assert.deepEqual(run.violations('holds 10 MB of 40'), ['limitMemory']);
      const { nativeBytes } = run.result('holds 10 MB of 40').peak;
      assert.ok(nativeBytes >= 36 * MiB && nativeBytes < 60 * MiB, String(nativeBytes));
    });

    it('is a leak when it is kept, and where the worker does not come to collect garbage', () => {
      assert.deepEqual(run.violations('keeps 5 MB'), ['limitLeaks']);
      assert.deepEqual(run.violations('does not hold up the program'), ['limitLeaks']);
    });
  });

  it('leaves process.exit() in a test body its exit code', () => {
    const { status, signal } = spawnMocha(['exit.test.js']);
    assert.deepEqual([status, signal], [7, null]);
  });

  it('survives workers that load the package and end', () => {
    const [own, ownNative, ...terminated] = runScript('worker-loads-package.js', dist);
    // What a Buffer costs besides its bytes.
    for (const overhead of [own, ownNative]) {
      assert.ok(Number(overhead) >= 0 && Number(overhead) < 1000, overhead);
    }
    assert.deepEqual(terminated, ['tracking', 'tracking']);
  });

  it('tells workers apart that follow each other', () => {
    const folder = mkdtempSync(join(tmpdir(), 'memray-mocha-native-'));
    const lines = runScript('workers-in-turn.js', dist, folder);
    rmSync(folder, { recursive: true });
    assert.deepEqual(
      lines.sort(),
      ['fifth', 'first', 'fourth', 'second', 'sixth', 'third'].map(
        (name) => `allocateIn_${name} ${join(folder, `${name}.js`)}`,
      ),
    );
  });

  it('keeps each worker the capture that it has not read yet', () => {
    assert.deepEqual(runScript('workers-at-once.js', dist), ['done', 'done', 'done', 'done']);
  });

  describe('of the tracker', () => {
    const COUNT = 10_000_000;

    for (const [loop, native, count] of [
      ['addon', false, COUNT],
      ['javascript', false, COUNT],
      ['addon', true, COUNT / 10],
    ] as const) {
      const frames = native ? ' with native frames' : '';
      it(`stays under 64 MB in ${count} allocations of the ${loop}${frames}, all counted`, () => {
        const parameters = [dist, fixtureAddon, loop, String(native), String(count)];
        const [text] = runScript('many-allocations.js', ...parameters);
        const measured = JSON.parse(text!) as Record<string, number>;
        assert.ok(measured.growthBytes! < 64 * MiB, text);
        assert.equal(measured.count, count, text);
        assert.ok(measured.deallocationCount! >= count, text);
        assert.equal(measured.leaks, 0, text);
      });
    }
  });
});

class MochaRun {
  constructor(
    readonly output: string,
    private readonly results: Map<string, TestResult>,
  ) {}

  result(title: string): TestResult {
    const result = this.results.get(title);
    assert.ok(result, `no result of "${title}" in:\n${this.output}`);
    return result;
  }

  violations(title: string): string[] {
    return this.result(title).violations.map(({ kind }) => kind);
  }
}

/** Runs a fixture and reads its results. */
function runMocha(file: string, options: string[] = [], nodeOptions: string[] = []): MochaRun {
  const folder = mkdtempSync(join(tmpdir(), 'memray-mocha-native-'));
  const json = join(folder, 'results.json');
  const { stdout, stderr, signal } = spawnMocha(
    [file, `--memray-json=${json}`, ...options],
    nodeOptions,
  );
  const output = stdout + stderr;
  assert.equal(signal, null, output);
  const { tests } = JSON.parse(readFileSync(json, 'utf8')) as { tests: TestResult[] };
  rmSync(folder, { recursive: true });
  return new MochaRun(output, new Map(tests.map((test) => [test.titlePath.at(-1)!, test])));
}

function spawnMocha([file, ...options]: string[], nodeOptions: string[] = []) {
  return spawnSync(
    process.execPath,
    [
      ...nodeOptions,
      join(root, 'node_modules', 'mocha', 'bin', 'mocha.js'),
      '--no-config',
      `--require=${join(dist, 'register.js')}`,
      '--timeout=60000',
      file!,
      ...options,
    ],
    {
      cwd: fixtures,
      encoding: 'utf8',
      env: {
        ...process.env,
        FIXTURE_ADDON: fixtureAddon,
        FIXTURE_LIBRARY: fixtureLibrary,
        TEST_COUNTS_FILE: '',
      },
    },
  );
}

/** Runs a script that is to end by itself and without an error. Gives the lines it prints. */
function runScript(file: string, ...parameters: string[]): string[] {
  const { status, signal, stdout, stderr } = spawnSync(
    process.execPath,
    [join(fixtures, file), ...parameters],
    { encoding: 'utf8' },
  );
  assert.deepEqual([status, signal], [0, null], stderr);
  return stdout.trim().split('\n');
}

/** The line marked `// line of <name>`. */
function lineOf(file: string, name: string): number {
  const lines = readFileSync(join(fixtures, file), 'utf8').split('\n');
  return lines.findIndex((line) => line.endsWith(`// line of ${name}`)) + 1;
}

/** The line of the user's code that allocated. */
function userLine({ stack }: AllocationResult): number | undefined {
  return stack.find(({ kind, filename }) => kind === 'js' && !filename.startsWith('node:'))
    ?.lineNumber;
}

function inModule({ functionName, filename }: { functionName: string; filename: string }): string {
  return `${functionName} in ${filename.replace(/^.*\//, '')}`;
}

function assertNear(actual: number, expected: number, tolerance: number): void {
  const message = `${actual} is not ${expected} within ${tolerance * 100}%`;
  assert.ok(Math.abs(actual - expected) <= tolerance * expected, message);
}
