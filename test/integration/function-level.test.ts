import assert from 'node:assert/strict';
import { type MeasuredRun, withProject } from '../helpers/mocha-project';

const source = `
  const kept = new Array(8000).fill(null); // does not grow
  let next = 0;
  function makeGarbage() {
    for (let i = 0; i < 10000; i++) new Array(128);
  }
  function keep(count) { // the function
    for (let i = 0; i < count; i++) {
      kept[next++] = new Array(125);
      kept[next++] = new Array(125);
    }
  }
  function keepMore(count) { keep(count); }
  afterEach(() => void kept.fill(null, (next = 0)));
  // First: garbage of others, collected meanwhile, would count against what it holds.
  it('holds until it ends', function () {
    this.limitMemory('8 MB');
    const held = [];
    for (let i = 0; i < 40; i++) held.push(new Array(50_000).fill(i));
  });
  it('leaks', function () {
    this.limitLeaks('500 KB');
    makeGarbage();
    keep(1000);
    keepMore(500);
  });
  it('leaks what is allowed', function () {
    this.limitLeaks('500 KB', (stack) => !stack.frames.some(({ functionName }) => functionName === 'keep'));
    keep(1000);
  });
  it('holds', function () {
    this.limitMemory('2 MB');
    makeGarbage();
    keep(4000);
  });
  it('drops', function () {
    this.limitMemory('2 MB');
    for (let i = 0; i < 10; i++) makeGarbage();
  });`;

/** Tells in how many call stacks it leaks. */
const manyStacks = `
  const { Tracker } = require(${JSON.stringify(require.resolve('../../dist/index'))});
  const functions = Array.from({ length: 300 }, (_, i) =>
    new Function('return function make' + i + '(kept) { for (let i = 0; i < 20; i++) kept.push({ i }); }')());
  const kept = [];
  const tracker = new Tracker({ traceJs: true });
  tracker.start();
  for (const make of functions) make(kept);
  const capture = tracker.stop();
  const count = (which) => capture.leaks().filter(({ heap }) => heap === which).length;
  console.log(JSON.stringify({ js: count('js'), native: count('native') }));
  capture.close();`;

const lineOf = (comment: string) =>
  source.split('\n').findIndex((line) => line.endsWith(`// ${comment}`)) + 1;
const ARRAY_BYTES = 32 + 16 + 125 * 8; // the array and its elements

describe('where V8 samples objects was not found, the tracker', function () {
  let run: MeasuredRun;
  let folder: string;

  before('run Mocha', function () {
    const env = { MEMRAY_MOCHA_FORCE_FUNCTION_LEVEL: '1' };
    run = withProject(source, (project) => {
      folder = project.folder;
      return project.measure([], env);
    });
  });

  it('says so once', () => {
    const warnings = run.stderr.match(/MEMRAY_MOCHA_FUNCTION_LEVEL/g);
    assert.deepEqual(warnings, ['MEMRAY_MOCHA_FUNCTION_LEVEL']);
    assert.match(
      run.stderr,
      /Warning: memray-mocha shows the functions that allocated on the JS heap, not their lines/,
    );
  });

  it('tells leaks by the functions of their call stacks', () => {
    const { state, leaks, violations } = run.result('leaks');
    assert.deepEqual([state, violations[0]!.kind], ['failed', 'limitLeaks']);
    const [kept, keptByMore, ...others] = leaks;
    for (const [leak, count] of [
      [kept!, 2000],
      [keptByMore!, 1000],
    ] as const) {
      const { functionName, filename, lineNumber, kind } = leak.stack[0]!;
      assert.deepEqual(
        [functionName, `${folder}/${filename}`, lineNumber, kind, leak.heap],
        ['keep', `${folder}/a.test.js`, lineOf('the function'), 'js', 'js'],
      );
      assert.ok(Math.abs(leak.bytes / (count * ARRAY_BYTES) - 1) < 0.05, `${leak.bytes}`);
    }
    assert.equal(keptByMore!.stack[1]!.functionName, 'keepMore');
    for (const { bytes } of others) assert.ok(bytes < 32 * 1024, JSON.stringify(others));
  });

  it("takes none of V8's notes of call stacks for the program's memory", () => {
    const { stdout, stderr } = withProject(manyStacks, (project) =>
      project.runNode(['a.test.js'], { MEMRAY_MOCHA_FORCE_FUNCTION_LEVEL: '1' }),
    );
    const { js, native } = JSON.parse(stdout || stderr) as { js: number; native: number };
    assert.ok(js >= 300 && native < 30, stdout);
  });

  it('asks the filter about them', () => {
    assert.equal(run.result('leaks what is allowed').state, 'passed');
  });

  it('confirms peaks, and shows the functions that hold', () => {
    const { state, violations, topAllocations } = run.result('holds');
    assert.deepEqual([state, violations[0]!.kind], ['failed', 'limitMemory']);
    assert.equal(topAllocations[0]!.stack[0]!.functionName, 'keep');
    assert.equal(run.result('drops').state, 'passed');
    assert.equal(run.result('holds until it ends').state, 'failed');
  });

  it('is not said where it was found', () => {
    const { stderr } = withProject(source, (project) => project.run());
    assert.doesNotMatch(stderr, /MEMRAY_MOCHA_FUNCTION_LEVEL/);
  });
});
