// What V8 does on its own, or others have it do, while its heap is measured.
import assert from 'node:assert/strict';
import { withProject, type MeasuredRun } from '../helpers/mocha-project';

const measure = (source: string, args: string[] = []): MeasuredRun =>
  withProject(source, (project) => project.measure(args));

const setFlags = (...flags: string[]): string =>
  flags.map((flag) => `require('node:v8').setFlagsFromString('${flag}');`).join('\n');

const objects = 'const keep = (n) => Array.from({ length: n }, (_, i) => ({ a: i, b: i, c: i }));';

describe('the JS heap', function () {
  it('reaches a limit by one large object, after which there is no other', function () {
    const { tests } = measure(`
      const large = new Array(2e6).fill(0);
      const use = (array) => { let sum = 0; for (const each of array) sum += each; return sum; };
      for (let i = 0; i < 10; i++) {
        it('copies ' + i, function () {
          this.limitMemory('4 MB');
          const copy = large.slice();
          use(copy);
          use(copy);
        });
      }`);
    assert.deepEqual(
      tests.map(({ state }) => state),
      new Array(10).fill('failed'),
    );
  });

  it('has its peak confirmed where a limit is declared, of native memory as well', function () {
    const { result } = measure(`
      ${objects}
      it('Buffer', function () {
        const buffer = Buffer.alloc(5e6);
        this.limitMemory('2 MB');
        buffer.fill(1);
      });
      it('objects', function () {
        const kept = keep(2e5);
        this.limitMemory('2 MB');
        if (kept.length === 0) throw kept;
      });`);
    for (const title of ['Buffer', 'objects']) assert.equal(result(title).state, 'failed', title);
  });

  it('has all garbage in the raw total, also what V8 collected before it was looked at', function () {
    const { tests } = measure(`
      const load = async () => {
        const parts = [];
        for (let i = 0; i < 128; i++) {
          parts.push(Buffer.alloc(65_536));
          if (i % 8 === 0) await new Promise(setImmediate);
        }
        return new Uint8Array(Buffer.concat(parts));
      };
      for (let i = 0; i < 4; i++) it('loads ' + i, async () => { await load(); });`);
    // The parts, what they make together, and its copy.
    const bytes = 3 * 128 * 65_536;
    for (const { id, peak } of tests) assert.ok(peak.rawBytes >= bytes, `${id}: ${peak.rawBytes}`);
  });

  it('reaches no limit by what dies only when garbage is collected once more', function () {
    const { code, stdout } = measure(`
      const text = Buffer.alloc(2 ** 20, 0xe9);
      it('drops names of properties', function () {
        this.limitMemory('2.5 MB');
        for (let i = 0; i < 24; i++) Object.keys({ [text.latin1Slice(10) + i]: 1 });
      });`);
    assert.equal(code, 0, stdout);
  });

  it('has nothing of the source maps in it that are read at the end', function () {
    const files = {
      'generated.js': `
        ${objects}
        module.exports = () => keep(1e5);
        //# sourceMappingURL=generated.js.map`,
      'generated.js.map': JSON.stringify({
        version: 3,
        sources: ['a.ts'],
        names: [],
        mappings: 'AACA,EACA;'.repeat(2e5),
      }),
      'a.test.js': `
        const make = require('./generated.js');
        it('holds 6 MB', function () {
          this.limitMemory('16 MB');
          if (make().length === 0) throw make;
        });`,
    };
    withProject(files, (project) => {
      const { stdout, result } = project.measure();
      assert.equal(result('holds 6 MB').state, 'passed', stdout);
      assert.ok(result('holds 6 MB').peak.bytes < 10e6, stdout);
    });
  });

  const profile = `
    const session = new (require('node:inspector').Session)();
    session.connect();`;

  it('is left to a program that samples it itself, which is said', function () {
    const { stderr, result } = measure(`
      ${profile}
      ${objects}
      let profile;
      before(() => session.post('HeapProfiler.startSampling'));
      it('objects', function () { this.limitMemory('2 MB'); if (!keep(2e5)) throw keep; });
      it('Buffer', function () { this.limitMemory('2 MB'); Buffer.alloc(5e6); });
      after((done) => session.post('HeapProfiler.stopSampling', done));`);
    assert.match(stderr, /MEMRAY_MOCHA_SAMPLER_TAKEN\] Warning: memray-mocha cannot measure/);
    assert.deepEqual([result('objects').state, result('Buffer').state], ['passed', 'failed']);
  });

  it('is not whole where the program stops the sampling, which is said', function () {
    const { stderr } = measure(`
      ${profile}
      ${objects}
      it('objects', function () {
        session.post('HeapProfiler.startSampling');
        session.post('HeapProfiler.stopSampling');
        if (!keep(2e5)) throw keep;
      });`);
    assert.match(stderr, /MEMRAY_MOCHA_SAMPLER_STOPPED\] Warning: .* could not measure all/);
  });

  it('is both in one program, and each is said once', function () {
    const { stderr } = measure(`
      ${profile}
      const start = () => session.post('HeapProfiler.startSampling');
      const stop = () => session.post('HeapProfiler.stopSampling');
      describe('taken', () => {
        before(start);
        it('once', () => {});
        it('again', () => {});
        after(stop);
      });
      describe('stopped', () => {
        for (const time of ['once', 'again']) it(time, () => { start(); stop(); });
      });`);
    assert.deepEqual(stderr.match(/MEMRAY_MOCHA_\w+/g), [
      'MEMRAY_MOCHA_SAMPLER_TAKEN',
      'MEMRAY_MOCHA_SAMPLER_STOPPED',
    ]);
  });

  it('is not collected where V8 tells of code', function () {
    const flags = ['--gc-global', '--compact-on-every-full-gc', '--no-compilation-cache'];
    const source = `
      const vm = require('node:vm');
      it('evaluates', () => {
        for (let i = 0; i < 300; i++) {
          const filename = '/' + 'long'.repeat(2e4) + i;
          new vm.Script('(() => ' + i + ')', { filename }).runInThisContext()();
        }
      });`;
    const { code, stdout } = measure(setFlags(...flags) + source);
    assert.equal(code, 0, stdout);
  });

  it('has no leak of code that a test loads and drops', function () {
    const { code, stdout } = measure(`
      ${setFlags('--no-compilation-cache')} // V8 keeps what it compiles, of its own accord, for longer.
      const vm = require('node:vm');
      it('evaluates', function () {
        this.limitLeaks('256 KB');
        for (let i = 0; i < 100; i++) {
          const source = Buffer.from('/*' + 'x'.repeat(1e4) + i + '*/').toString();
          new vm.Script(source, { filename: '/once' + i + '.js' }).runInThisContext();
        }
      });`);
    assert.equal(code, 0, stdout);
  });

  it('has the lines of code that was loaded where leaks were looked for', function () {
    const files = {
      'late.js': `
        const kept = [];
        exports.drop = () => {};
        exports.keep = () => {
          for (let i = 0; i < 1e4; i++) kept.push({ i });
        };`,
      'a.test.js': `
        let late;
        it('loads', function () {
          this.limitLeaks('1 MB');
          late = require('./late.js');
          late.drop();
        });
        it('keeps', function () {
          this.limitLeaks('1 MB', () => false);
          late.keep();
        });`,
    };
    withProject(files, (project) => {
      const { leaks } = project.measure().result('keeps');
      const [frame] = leaks[0]!.stack;
      assert.deepEqual([frame!.filename, frame!.lineNumber], ['late.js', 5]);
    });
  });

  const evaluate = `
    ${setFlags('--no-compilation-cache', '--expose-gc')} // V8 keeps what it compiles, of its own accord, for longer.
    const gc = require('node:vm').runInNewContext('gc');
    const evaluate = (count) => {
      for (let i = 0; i < count; i++) {
        new Function('/*' + 'x'.repeat(1e4) + i + '*/\\n//# sourceURL=once' + i)();
      }
    };`;

  it('does not fill up with evaluated code of ever new names', function () {
    const { stdout, result } = measure(`
      ${evaluate}
      it('evaluates up to a limit', function () {
        this.limitMemory('5 MB');
        evaluate(2000);
      });
      it('keeps nothing of it', () => {
        gc();
        const before = process.memoryUsage().heapUsed;
        evaluate(3000);
        gc();
        require('node:assert').ok(process.memoryUsage().heapUsed < before + 5e6);
      });`);
    assert.equal(result('evaluates up to a limit').state, 'passed', stdout);
    assert.equal(result('keeps nothing of it').state, 'passed', stdout);
  });

  it('has the lines of evaluated code, however much was evaluated since', function () {
    const { result } = measure(`
      ${evaluate}
      const kept = [];
      const keep = new Function('kept', [
        'return function keep() {',
        '  for (let i = 0; i < 1e4; i++)',
        '    kept.push({ i });',
        '}',
        '//# sourceURL=named.js',
      ].join('\\n'))(kept);
      keep(kept.length);
      before(() => {
        kept.length = 0;
        evaluate(1000);
        gc();
      });
      it('keeps', function () {
        this.limitLeaks('256 KB', () => false);
        keep();
      });`);
    const [frame] = result('keeps').leaks[0]!.stack;
    assert.deepEqual([frame!.filename, frame!.lineNumber], ['named.js', 5]);
  });

  it('has the name that evaluated code gives itself', function () {
    const { result } = measure(`
      const kept = [];
      const source = 'for (let i = 0; i < 1e4; i++) kept.push({ i });\\n//# sourceURL=/app/named.js';
      it('evaluates', function () {
        this.limitLeaks('1 MB', () => false);
        new Function('kept', source)(kept);
      });`);
    const [frame] = result('evaluates').leaks[0]!.stack;
    assert.deepEqual([frame!.filename, frame!.lineNumber], ['/app/named.js', 3]);
  });

  it("has no leak of V8's own for samples, where it had handles in reserve when they began", function () {
    const source = `
      it('drops objects', function () {
        this.limitLeaks('64 KB');
        for (let i = 0; i < 20; i++) Array.from({ length: 3000 }, (_, i) => ({ i }));
      });`;
    const { code, stdout } = measure(source, ['--memray=limits']);
    assert.equal(code, 0, stdout);
  });

  it("has no leak of V8's own for a worker that collects garbage", function () {
    const { code, stdout } = measure(`
      const { Worker } = require('node:worker_threads');
      const { once } = require('node:events');
      const churn = 'for (let i = 0; i < 40; i++) Array.from({ length: 5e4 }, (_, i) => ({ i }));';
      for (let i = 0; i < 4; i++) {
        it('starts ' + i, async function () {
          this.limitLeaks('60 KB');
          await once(new Worker(churn, { eval: true }), 'exit');
        });
      }`);
    assert.equal(code, 0, stdout);
  });

  it("has no leak of Node's own for the first worker", function () {
    const { code, stdout } = measure(`
      const { Worker } = require('node:worker_threads');
      it('starts', async function () {
        this.limitLeaks('256 KB');
        const worker = new Worker('1', { eval: true });
        await new Promise((resolve) => worker.once('exit', resolve));
      });`);
    assert.equal(code, 0, stdout);
  });
});
