import assert from 'node:assert/strict';
import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { cachedDataVersionTag } from 'node:v8';
import { withProject, type MochaProject } from '../helpers/mocha-project';

/** Prints V8's tag of its flags, which a change of any flag changes. */
const printTag = `console.log('tag ' + require('node:v8').cachedDataVersionTag());`;
const usualTag = cachedDataVersionTag();

/** With `js-heap` objects count too, and other flags are set when a test is tracked. */
const limitsOnly = ['--memray=limits', '--memray-js-heap=false'];

/** The tags that a run of Mocha printed. */
function readTags(stdout: string): number[] {
  return [...stdout.matchAll(/^tag (\d+)$/gm)].map(([, tag]) => Number(tag));
}

describe('with memray: limits, V8', function () {
  const untracked = `it('has no limit', () => { ${printTag} });`;
  const limited = `it('has a limit', () => { ${printTag} }).limitMemory('1 MB');`;

  it('keeps its flags until the first test with a limit, and not for longer', function () {
    withProject(`${untracked} ${limited} ${untracked}`, (project) => {
      const tags = readTags(project.run(['--memray=limits']).stdout);
      assert.equal(tags.length, 3);
      assert.equal(tags[0], usualTag);
      assert.notEqual(tags[1], usualTag);
      assert.equal(tags[2], tags[1]);
    });
  });

  it('keeps them until then in workers, too', function () {
    const files = { 'a.test.js': untracked, 'b.test.js': untracked };
    withProject(files, (project) => {
      const { stdout } = project.run(['--memray=limits', '--parallel', '--jobs=2']);
      assert.deepEqual(readTags(stdout), [usualTag, usualTag]);
    });
  });

  it('has all tests without a limit run as with memray: off, unlike with memray: all', function () {
    withProject(untracked, (project) => {
      assert.deepEqual(readTags(project.run(['--memray=off']).stdout), [usualTag]);
      assert.notDeepEqual(readTags(project.run(['--memray=all']).stdout), [usualTag]);
    });
  });

  it('forgets no coverage: its flags are set at once where coverage is measured', function () {
    withProject({ 'a.test.js': `${untracked} ${limited}` }, (project) => {
      mkdirSync(join(project.folder, 'coverage'));
      const env = { NODE_V8_COVERAGE: join(project.folder, 'coverage') };
      const tags = readTags(project.run(limitsOnly, env).stdout);
      assert.equal(tags.length, 2);
      assert.notEqual(tags[0], usualTag);
      assert.equal(tags[1], tags[0]);
    });
  });
});

describe('code that V8 had compiled before the first test with a limit', function () {
  const hold = `
    function holdTwo(kept, bytes) {
      kept.push(new ArrayBuffer(bytes));
      kept.push(new ArrayBuffer(2 * bytes));
    }
    class Holder {
      constructor(kept, bytes) { this.bytes = new ArrayBuffer(bytes); kept.push(this); }
    }
    function hold(kept, bytes) {
      holdTwo(kept, bytes);
      kept.push(new ArrayBuffer(3 * bytes));
      for (let i = 4; i < 6; i++) {
        if (i === 4) kept.push(new ArrayBuffer(4 * bytes));
        else new Holder(kept, 5 * bytes);
      }
    }
    async function holdLater(kept, bytes) {
      kept.push(new ArrayBuffer(6 * bytes));
      await undefined;
      kept.push(new ArrayBuffer(7 * bytes));
    }
    function* holdInTurn(kept, bytes) {
      kept.push(new ArrayBuffer(8 * bytes));
      yield;
      kept.push(new ArrayBuffer(9 * bytes));
    }
    module.exports = async (kept, bytes) => {
      hold(kept, bytes);
      await holdLater(kept, bytes);
      for (const turn of holdInTurn(kept, bytes)) void turn;
    };`;
  const lines = [
    [1, 'holdTwo', 3],
    [2, 'holdTwo', 4],
    [3, 'hold', 11],
    [4, 'hold', 13],
    [5, 'Holder', 7],
    [6, 'holdLater', 18],
    [7, 'holdLater', 20],
    [8, 'holdInTurn', 23],
    [9, 'holdInTurn', 25],
  ];

  /** Of the test `is limited`: what was allocated in `hold.js`, by size in 100 KB. */
  function findLines(project: MochaProject) {
    const run = project.measure(limitsOnly);
    assert.equal(run.stderr, '');
    const { topAllocations, violations } = run.result('is limited');
    const found = topAllocations
      // An `await` has V8 allocate a few bytes now and then, and so has a write barrier, which
      // notes in 256 or 512 bytes that `kept` is old and what it got is young.
      .filter(({ bytes, stack: [frame] }) => bytes >= 1e5 && frame?.filename === 'hold.js')
      .map(({ bytes, stack: [frame] }) => [
        Math.round(bytes / 1e5),
        frame!.functionName,
        frame!.lineNumber,
      ])
      .sort(([one], [other]) => Number(one) - Number(other));
    return { found, message: violations[0]!.message };
  }

  /** @param calls how often the functions are called in a test that is not tracked */
  const heat = (calls: number) => `
    const holdAll = require('./hold');
    const kept = [];
    it('is hot', async () => {
      for (let i = 0; i < ${calls}; i++) { await holdAll(kept, 8); kept.length = 0; }
    }).timeout(0);
    it('is limited', () => holdAll(kept, 1e5)).limitMemory('1 MB');`;

  // In the interpreter, in Sparkplug's code, and in that of the compilers above it.
  for (const calls of [1, 500, 20_000]) {
    it(`shows its lines after ${calls} calls`, function () {
      withProject({ 'a.test.js': heat(calls), 'hold.js': hold }, (project) => {
        const { found, message } = findLines(project);
        assert.deepEqual(found, lines);
        // The largest first, by what `found` says.
        assert.match(
          message,
          /List of allocations:\n +- \d+\.\dKiB allocated here:\n +holdInTurn:hold\.js:25\n/,
        );
      });
    });
  }
});

describe("Sparkplug's code", function () {
  /** Of a function with so many variables and properties that operands take two bytes. */
  const many = Array.from({ length: 300 }, (_, i) => `v${i} = of.p${i}`).join(', ');
  /** `@` stands for a buffer whose size says in which line it is. */
  const template = `
    const kept = [];
    class Base { constructor(buffer) { this.buffer = buffer; } }
    class Holder extends Base {
      constructor() {
        super(@);
        this.second = @;
      }
      get third() { return @; }
    }
    function* turns() {
      kept.push(@);
      yield @;
      try { yield* [@]; } finally {
        kept.push(@); }
    }
    async function later() {
      kept.push(@);
      await undefined;
      for await (const turn of turns()) kept.push(turn);
      kept.push(@);
    }
    const wide = (of) => {
      kept.push(@);
      let ${many};
      v299 = of?.p299 ?? @;
      kept.push(v0, v299);
      return @;
    };
    function branches(n) {
      switch (n) {
        case 0:
          return @;
        case 1: kept.push(
          1,
          @,
        );
        case 2:
          for (const each of [1, 2]) {
            if (each > 1) kept.push(@);
            else continue;
          }
          break;
        default:
          try { null.x; }
          catch { kept.push(@);
          }
      }
      const { a = @, ...rest } = { b: \`\${n}\` };
      do { kept.push(a, rest);
        n -= 2;
      } while (n > 0 && kept.push(
        @));
      label: for (;;) {
        while (true) { if (kept.push(@)) break label; }
      }
      return [...[1, 2]].map((each) =>
        kept.push(each, @));
    }
    async function all() {
      const holder = new Holder();
      kept.push(holder, holder.third, wide({}), ...[1, 3, 0].map(branches));
      await later();
    }`;
  const bufferAt = (line: number) => `new ArrayBuffer(${1000 * line})`;
  const program = `${template
    .split('\n')
    .map((line, index) => line.replaceAll('@', bufferAt(index + 1)))
    .join('\n')}
    const { Tracker } = require(${JSON.stringify(require.resolve('../../dist/index'))});
    const tracker = new Tracker();
    tracker.start();
    all().then(() => {
      const capture = tracker.stop();
      const rows = capture.leaks().filter(({ bytes, heap }) => bytes >= 1000 && heap === 'native');
      const isBaseline = new Function('f', 'return %ActiveTierIsSparkplug(f)');
      console.log(JSON.stringify({
        lines: rows.map(({ bytes, stack: { frames } }) => [frames[0].lineNumber, bytes]),
        areBaseline: [all, later, turns, wide, branches, Holder].map(isBaseline),
      }));
      capture.close();
    });`;

  for (const moreFlags of [[], ['--interpreted-frames-native-stack']]) {
    it(['tells its lines', ...moreFlags].join(' '), function () {
      const lines = template
        .split('\n')
        .flatMap((text, index) => (/@/.test(text) ? index + 1 : []));
      const flags = ['--always-sparkplug', '--no-opt', '--allow-natives-syntax', ...moreFlags];
      withProject({ 'program.js': program }, (project) => {
        const { stdout, stderr } = project.runNode([...flags, 'program.js']);
        assert.equal(stderr, '');
        const found = JSON.parse(stdout) as { lines: [number, number][]; areBaseline: boolean[] };
        assert.ok(found.areBaseline.every(Boolean), String(found.areBaseline));
        assert.deepEqual(
          found.lines.map(([line]) => line).sort((one, other) => one - other),
          lines,
        );
        for (const [line, bytes] of found.lines) {
          // The rest is V8's, to look after one buffer or two.
          assert.ok(bytes % (1000 * line) < 1000, `${bytes} bytes on line ${line}`);
        }
      });
    });
  }

  it("is V8's own memory, no leak of the function that V8 compiled", function () {
    const names = Array.from({ length: 100 }, (_, i) => `warm${i}`);
    const warming = `
      ${names.map((name) => `function ${name}(o) { o.x += ${name.length}; return o.x > 5 ? o : [o]; }`).join('\n')}
      function makeArray() { return new Uint8Array(40); }
      const warm = () => { const o = { x: 1 }; ${names.map((name) => `${name}(o);`).join(' ')} };
      const { Tracker } = require(${JSON.stringify(require.resolve('../../dist/index'))});
      const tracker = new Tracker({ jsHeap: true, sampleIntervalBytes: 1 });
      tracker.start();
      for (let i = 0; i < 1000; i++) warm();
      const arrays = new Array(1000);
      for (let i = 0; i < 1000; i++) arrays[i] = makeArray();
      gc();
      const capture = tracker.stop();
      const rows = capture.leaks().filter(({ heap }) => heap === 'js');
      console.log(JSON.stringify(rows.map(({ bytes, stack }) => [stack.frames[0].functionName, bytes])));
      capture.close();`;
    withProject({ 'program.js': warming }, (project) => {
      const flags = ['--expose-gc', '--no-opt'];
      const { stdout, stderr } = project.runNode([...flags, 'program.js']);
      assert.equal(stderr, '');
      const rows = JSON.parse(stdout) as [string, number][];
      const bytesOf = Object.fromEntries(rows);
      assert.ok(bytesOf['V8: compiled code']! > names.length * 500, stdout);
      // Their bytes are on V8's heap, too.
      assert.ok(bytesOf['makeArray']! > 1000 * 56, stdout);
      assert.ok(!names.some((name) => name in bytesOf), stdout);
    });
  });
});
