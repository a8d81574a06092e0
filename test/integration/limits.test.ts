import assert from 'node:assert/strict';
import { MochaProject, withProject, type MeasuredRun } from '../helpers/mocha-project';

const mebibyte = 1024 ** 2;
const kept = 'const kept = [];';

/** Runs one file and gives results and output. */
const measure = (source: string, args?: string[], env?: NodeJS.ProcessEnv): MeasuredRun =>
  withProject(source, (project) => project.measure(args, env));

function assertNear(actual: number, expected: number, tolerance: number) {
  const isNear = Math.abs(actual - expected) <= expected * tolerance;
  assert.ok(isNear, `${actual} is not ${expected} within ${tolerance * 100}%`);
}

describe('limitMemory', function () {
  it('measures kept Buffers within 3%, with the line that allocates them on top', function () {
    const { result } = measure(`${kept}
      it('keeps', () => {
        for (let i = 0; i < 2000; i++) {
          kept.push(Buffer.alloc(16384));
        }
      });`);
    const { peak, topLocations } = result('keeps');
    assertNear(peak.nativeBytes, 31.25 * mebibyte, 0.03);
    assert.deepEqual([topLocations[0]!.filename, topLocations[0]!.lineNumber], ['a.test.js', 4]);
  });

  it('sees nothing in a test that allocates nothing', function () {
    const { result } = measure(`it('sync', () => {}); it('async', async () => {});`);
    for (const title of ['sync', 'async']) assert.ok(result(title).peak.bytes < 64 * 1024);
  });

  const sizes: [number, string][] = [
    [5 * 65536, 'failed'],
    [65536, 'failed'],
    [65536 - 4096, 'passed'],
    [1024, 'passed'],
  ];
  for (const [size, state] of sizes) {
    it(`of 64 KB: ${state} with ${size} bytes`, function () {
      const { code, result } = measure(`
        it('allocates', function () { this.limitMemory('64 KB'); new ArrayBuffer(${size}); });`);
      assert.deepEqual([result('allocates').state, code], [state, state === 'failed' ? 1 : 0]);
    });
  }

  it('of a part of a byte fails with any', function () {
    const { result } = measure(`
      it('allocates', function () { this.limitMemory(0.5); new ArrayBuffer(65536); });`);
    assert.equal(result('allocates').state, 'failed');
  });

  it('fails at exactly what the test used, and passes one byte over it', function () {
    const source = `it('allocates', function () {
        this.limitMemory(Number(process.env.LIMIT));
        new ArrayBuffer(100_000);
      });`;
    withProject(source, (project) => {
      const used = project.measure([], { LIMIT: '1e9' }).result('allocates').peak.bytes;
      for (const limit of [used, used + 1]) {
        const { peak, state } = project.measure([], { LIMIT: String(limit) }).result('allocates');
        assert.equal(state, peak.bytes >= limit ? 'failed' : 'passed');
      }
    });
  });

  it('says what was allocated, and where', function () {
    const { stdout } = measure(`function parseRow() { return new ArrayBuffer(120_000); }
      it('parses', function () { this.limitMemory('100 KB'); parseRow(); });`);
    assert.match(
      stdout,
      /MemoryLimitError: Test was limited to 100\.0KiB but allocated 117\.\dKiB\nList of allocations:\n {4}- 117\.\dKiB allocated here:\n {8}parseRow:a\.test\.js:1\n {8}\.\.\.\n/,
    );
    assert.match(
      stdout,
      /\n {6}at parseRow \(a\.test\.js:1:\d+\)\n {6}at \S+ \(a\.test\.js:2:\d+\)\n/,
    );
    assert.doesNotMatch(stdout, /dist\/mocha|expected - actual/);
  });

  it('covers the body from its start, wherever in it the limit is declared', function () {
    const { result } = measure(`${kept}
      it('late', function () { kept.push(Buffer.alloc(100_000)); this.limitMemory(50_000); });`);
    assert.equal(result('late').state, 'failed');
  });

  it('covers the body only', function () {
    const { result } = measure(`${kept}
      beforeEach(() => kept.push(Buffer.alloc(1e6)));
      afterEach(() => kept.push(Buffer.alloc(1e6)));
      it('does little', () => {}).limitMemory('500 KB');`);
    assert.equal(result('does little').state, 'passed');
  });

  it('can be declared on a suite, in hooks, by chaining; the innermost wins', function () {
    const { result } = measure(`
      const allocate = () => new ArrayBuffer(100_000);
      describe('suite', function () {
        this.limitMemory(50_000);
        it('of the suite', allocate);
        it('chained', allocate).limitMemory(1e6);
        it('lifted', function () { this.limitMemory(false); allocate(); });
        describe('with a hook', function () {
          beforeEach(function () { this.limitMemory(2e6); });
          it('of the hook', allocate);
          it('over the hook', () => new ArrayBuffer(3e6));
        });
        describe('with before', function () {
          before(function () { this.limitMemory(2e6); });
          it('of before', allocate);
        });
      }).limitLeaks(1e9);`);
    const states = [
      'of the suite',
      'chained',
      'lifted',
      'of the hook',
      'over the hook',
      'of before',
    ].map((title) => result(title).state);
    assert.deepEqual(states, ['failed', 'passed', 'passed', 'passed', 'failed', 'passed']);
  });

  it('counts what other threads allocate, unless told not to', function () {
    const { result } = measure(`
      const { Worker } = require('node:worker_threads');
      const inThread = () => new Promise((resolve) =>
        new Worker('const kept = Buffer.alloc(16 << 20)', { eval: true }).once('exit', resolve));
      it('all threads', async function () { this.limitMemory('16 MB'); await inThread(); });
      it('its own thread', async function () {
        this.limitMemory('16 MB', { currentThreadOnly: true });
        await inThread();
      });`);
    assert.equal(result('all threads').state, 'failed');
    assert.equal(result('its own thread').state, 'passed');
  });

  it('counts native code in a thread of libuv', function () {
    const { result } = measure(`
      const { scrypt } = require('node:crypto');
      const derive = () => new Promise((resolve) =>
        scrypt('a', 'b', 32, { N: 16384, r: 8, maxmem: 64 << 20 }, resolve));
      it('all threads', async function () { this.limitMemory('16 MB'); await derive(); });
      it('its own thread', async function () {
        this.limitMemory('16 MB', { currentThreadOnly: true });
        await derive();
      });`);
    assert.equal(result('all threads').state, 'failed');
    assert.equal(result('its own thread').state, 'passed');
  });
});

describe('limitLeaks', function () {
  it('reports what is kept, once, with size and line', function () {
    const { stdout, result } = measure(`${kept}
      function remember() { kept.push(Buffer.alloc(65536)); }
      it('leaks', function () {
        this.limitLeaks('1 MB');
        for (let i = 0; i < 100; i++) remember();
      });`);
    const { violations, leaks } = result('leaks');
    assert.equal(violations.length, 1);
    assertNear(violations[0]!.actualBytes, 6.25 * mebibyte, 0.03);
    assert.ok(leaks.length > 0);
    assert.match(
      stdout,
      /allowed to leak 1\.0MiB per location but at least one location leaked more\nList of leaked allocations:\n {4}- 6\.\dMiB allocated here:\n {8}remember:a\.test\.js:2\n {8}\S+:a\.test\.js:5\n/,
    );
    assert.equal(stdout.match(/allocated here/g)!.length, 1);
  });

  it('leaves the peak what the body held until its end, though garbage is collected then', function () {
    const source = `
      const allocate = () => Array.from({ length: 5 }, () => Buffer.alloc(20_000));
      const wait = () => new Promise((resolve) => setTimeout(resolve, 1));
      describe('peak', function () {
        this.limitLeaks('1 MB');
        it('sync', () => void allocate().length);
        it('async', async () => { const held = allocate(); await wait(); void held.length; });
        it('done', (done) => { const held = allocate(); setTimeout(() => done(void held.length), 1); });
        it('repeated', () => void allocate().length).limitLeaks('1 MB', { repeat: 2, warmup: 1 });
      });`;
    const { code, stdout, tests } = measure(source);
    assert.equal(code, 0, stdout);
    for (const { titlePath, peak } of tests) {
      assert.ok(
        peak.bytes >= 100_000 && peak.bytes < 105_000,
        `${titlePath.join(' ')}: ${peak.bytes}`,
      );
    }
  });

  it('does not report garbage', function () {
    const { result } = measure(`
      it('sync', function () {
        this.limitLeaks('64 KB');
        for (let i = 0; i < 100; i++) Buffer.alloc(65536);
      });
      it('async', async function () {
        this.limitLeaks('64 KB');
        for (let i = 0; i < 100; i++) await Buffer.alloc(65536);
        return Buffer.alloc(1e6);
      });
      it('done', function (done) {
        this.limitLeaks('64 KB');
        const local = Array.from({ length: 100 }, () => Buffer.alloc(65536));
        setTimeout(() => done(local.length < 100), 1);
      });
      it('queued', function () {
        this.limitLeaks('64 KB');
        const local = Buffer.alloc(1e6);
        setImmediate(() => local);
      });
      it('names', function () {
        this.limitLeaks('64 KB');
        const local = {};
        for (let i = 0; i < 100_000; i++) local['name' + i] = i;
      });
      const registry = new FinalizationRegistry(({ held }) => held && registry.register({}, held));
      it('finalized', function () {
        this.limitLeaks('64 KB');
        let held;
        for (let i = 0; i < 5; i++) held = { array: new Array(20_000).fill(i), held };
        registry.register({}, held);
      });`);
    for (const title of ['sync', 'async', 'done', 'queued', 'names', 'finalized']) {
      assert.deepEqual(result(title).violations, [], title);
    }
  });

  it('does not report what Intl makes when it is first used', function () {
    const { result } = measure(`
      it('formats', function () {
        this.limitLeaks('512 KB');
        new Date(0).toLocaleString('de');
      });`);
    assert.deepEqual(result('formats').violations, []);
  });

  it('declared by a function that the body calls tells native frames as well', function () {
    const { stdout, result } = measure(`${kept}
      const limit = (test, filterFn) => test.limitLeaks('512 KB', filterFn);
      it('formats', function () {
        limit(this);
        new Date(0).toLocaleString('de', { dateStyle: 'full', timeStyle: 'full' });
        new Intl.Segmenter('de', { granularity: 'word' }).segment('a b');
      });
      it('asks', function () {
        limit(this, ({ frames }) => void console.log('asked about', frames[0].kind) ?? true);
        kept.push(Buffer.alloc(1e6));
      });
      it('keeps', function () {
        limit(this);
        kept.push(Buffer.alloc(1e6));
      });`);
    assert.deepEqual(result('formats').violations, []);
    assert.match(stdout, /asked about native/);
    assert.equal(result('keeps').state, 'failed');
  });

  it('does not report what OpenSSL makes when it is first used, nor the certificates that Node trusts', function () {
    const source = `${kept}
      const { createSecureContext } = require('node:tls');
      describe('first', function () {
        this.limitLeaks('64 KB');
        it('random', () => { require('node:crypto').randomBytes(10); });
        it('context', () => { createSecureContext(); });
        it('kept', () => { for (let i = 0; i < 20; i++) kept.push(createSecureContext()); });
      });`;
    // Where the environment names some that are trusted as well, Node 20 reads all when it starts.
    const { result } = measure(source, [], { NODE_EXTRA_CA_CERTS: '' });
    assert.deepEqual(result('random').violations, []);
    assert.deepEqual(result('context').violations, []);
    assert.equal(result('kept').state, 'failed');
  });

  it('does not report what Node loads of its own, nor the buffer into which it reads next', function () {
    const source = `${kept}
      const { once } = require('node:events');
      const http = require('node:http');
      const net = require('node:net');
      const { stripTypeScriptTypes } = require('node:module');
      const listen = async (server) => (await once(server.listen(0), 'listening'), server.address().port);
      const send = async (bytes, take) => {
        const server = net.createServer((socket) => socket.end(Buffer.alloc(bytes)));
        for await (const data of net.connect(await listen(server))) take?.(data);
        await new Promise((resolve) => server.close(resolve));
      };
      describe('first', function () {
        this.limitLeaks('64 KB');
        it('socket', () => send(200_000));
        it('kept', () => send(2_000_000, (data) => kept.push(data)));
        it('request', async () => {
          const server = http.createServer((request, response) => response.end('text'));
          const url = 'http://localhost:' + (await listen(server));
          await new Promise((resolve) => http.get(url, { agent: false }, (response) => response.resume().on('end', resolve)));
          server.close();
        });
        it('fetch', async () => {
          const server = http.createServer((request, response) => response.end('text'));
          await (await fetch('http://localhost:' + (await listen(server)))).text();
          server.close();
          server.closeAllConnections();
        });
        it('certificates', () => require('node:tls').rootCertificates.length);
        it('TypeScript', () => void stripTypeScriptTypes?.('let n: number')); // from Node 22 on
      });`;
    const { tests, result } = measure(source, [], { NODE_EXTRA_CA_CERTS: '' });
    assert.deepEqual(
      tests.filter(({ state }) => state !== 'passed').map(({ titlePath }) => titlePath.at(-1)),
      ['kept'],
    );
    assert.equal(result('kept').violations[0]?.kind, 'limitLeaks');
  });

  it('does not report what V8 keeps of text that it matched, split or compiled', function () {
    const { tests } = measure(`
      const vm = require('node:vm');
      const makeText = () => Buffer.alloc(2e6, 'some\\ntext ').toString('latin1');
      let made = 0;
      const makeCode = () => '/*' + makeText() + '*/' + made++;
      describe('text', function () {
        this.limitLeaks('512 KB');
        it('matched', () => { /t/.test(makeText()); });
        it('replaced', () => { makeText().replace(/some/g, 'any'); });
        it('split', () => { makeText().split('\\n'); });
        it('evaluated', () => { (0, eval)(makeCode()); });
        it('new Function', () => { new Function(makeCode()); });
        it('script', () => { new vm.Script(makeCode()).runInThisContext(); });
        it('numbers', () => { for (let i = 0; i < 20_000; i++) String(i * 1.5); }).limitLeaks('32 KB');
      });`);
    assert.equal(tests.length, 7);
    for (const { id, violations } of tests) assert.deepEqual(violations, [], id);
  });

  it('does not report the context that Node makes for regular expressions of its own', function () {
    const { result } = measure(`
      it('pipes', async function () {
        this.limitLeaks('128 KB');
        await new ReadableStream({ start(controller) { controller.close(); } })
          .pipeThrough(new TransformStream())
          .pipeTo(new WritableStream());
      });`);
    assert.deepEqual(result('pipes').violations, []);
  });

  it("tells what a line leaks from V8's names that it makes", function () {
    const { result } = measure(`${kept}
      it('leaks', function () {
        this.limitLeaks('1 MB');
        const local = {};
        for (let i = 0; i < 100_000; i++) { local['name' + i] = i; if (i % 10_000 === 0) kept.push(new Uint8Array(150_000)); }
      });`);
    const { state, leaks } = result('leaks');
    assert.equal(state, 'failed');
    assertNear(leaks.find(({ heap }) => heap === 'native')!.bytes, 1.5e6, 0.01);
  });

  it('reports objects that are made while no JavaScript runs', function () {
    const { result } = measure(`
      const { MessageChannel } = require('node:worker_threads');
      const kept = [];
      it('receives', function (done) {
        this.limitLeaks('500 KB');
        const { port1, port2 } = new MessageChannel();
        port2.once('message', (message) => { kept.push(message); port2.close(() => done()); });
        port1.postMessage(Array.from({ length: 1000 }, () => new Array(126).fill(1)));
      });`);
    const [violation] = result('receives').violations;
    assertNear(violation!.actualBytes, 1000 * 1048, 0.05);
  });

  it("reports of Buffers in Node's pool what is more than the one in use", function () {
    const { result } = measure(`
      const kept = [];
      it('dropped', function () {
        this.limitLeaks(Buffer.poolSize);
        for (let i = 0; i < 10_000; i++) Buffer.from('number ' + i);
      });
      it('kept', function () {
        this.limitLeaks(2 * Buffer.poolSize);
        for (let i = 0; i < 20_000; i++) kept.push(Buffer.from('number ' + i));
      });`);
    assert.equal(result('dropped').state, 'passed');
    assert.equal(result('kept').state, 'failed');
  });

  it('does not report garbage with --async-only either', function () {
    const { result } = measure(
      `it('async', async function () { this.limitLeaks('64 KB'); await Buffer.alloc(1e6); });
       it('sync', function () { this.limitLeaks('64 KB'); });`,
      ['--async-only'],
    );
    assert.deepEqual([result('async').state, result('sync').state], ['passed', 'failed']);
    assert.deepEqual(result('sync').violations, []);
  });

  it('passes when the filter ignores the leak, and asks it only about leaks over the limit', function () {
    const { result, stdout } = measure(`${kept}
      function warmCache() { kept.push(Buffer.alloc(1e6)); }
      it('ignores', function () {
        this.limitLeaks('500 KB', (stack) => {
          console.log('asked about', stack.frames.map((f) => f.functionName).includes('warmCache'));
          return !stack.frames.some((f) => f.functionName === 'warmCache');
        });
        warmCache();
        kept.push(Buffer.alloc(1000));
      });`);
    assert.equal(result('ignores').state, 'passed');
    assert.deepEqual(stdout.match(/asked about .*/g), ['asked about true']);
  });

  it('asks the filter about frames of the program, and none of Mocha or memray-mocha', function () {
    const { stdout } = measure(`${kept}
      const ofPackage = ({ kind, filename }) => kind === 'js' && /node_modules|\\/dist\\//.test(filename);
      const fill = () => kept.push(Buffer.alloc(1e6));
      it('leaks', function () {
        this.limitLeaks('500 KB', ({ frames }) => {
          console.log('asked about ' + frames.filter(({ kind }) => kind === 'js').map((f) => f.functionName));
          return !frames.some(ofPackage);
        });
        fill();
      });`);
    assert.match(stdout, /asked about (?:.*,)?fill,<anonymous>\n[^]*1 failing/);
  });

  it('fails the test with what the filter throws', function () {
    const { stdout, result } = measure(`${kept}
      it('asks', function () {
        this.limitLeaks(1000, { filterFn() { throw new RangeError('no opinion'); } });
        kept.push(Buffer.alloc(1e6));
      });`);
    assert.equal(result('asks').state, 'failed');
    assert.match(
      stdout,
      /RangeError: no opinion\n {6}at filterFn|RangeError: no opinion\n {6}at \S*filterFn/,
    );
  });

  it('goes on where Mocha stumbles over what the filter throws', function () {
    const { stdout, code, result } = measure(`${kept}
      it('asks', function (done) {
        this.limitLeaks(1000, () => { throw Symbol('no error'); });
        kept.push(Buffer.alloc(1e6));
        done();
      });
      it('is next', function () {});`);
    assert.equal(code, 1);
    assert.equal(result('asks').state, 'failed');
    assert.equal(result('is next').state, 'passed');
    assert.match(stdout, /Uncaught TypeError: Cannot convert a Symbol value to a string/);
  });

  it('sees leaks of promises and timers', function () {
    const { result } = measure(`${kept}
      const wait = () => new Promise((resolve) => setTimeout(resolve, 1));
      it('async', async function () { this.limitLeaks('500 KB'); await wait(); kept.push(Buffer.alloc(1e6)); });
      it('done', function (done) {
        this.limitLeaks('500 KB');
        setTimeout(() => { kept.push(Buffer.alloc(1e6)); done(); }, 1);
      });`);
    assert.deepEqual([result('async').state, result('done').state], ['failed', 'failed']);
  });

  it('counts what other threads leak, unless told not to', function () {
    const { result } = measure(`${kept}
      const { Worker } = require('node:worker_threads');
      const inThread = () => new Promise((resolve) => {
        const worker = new Worker('globalThis.kept = Buffer.alloc(4 << 20); require("node:worker_threads").parentPort.postMessage(1); setInterval(() => {}, 1e6)', { eval: true });
        worker.unref();
        worker.once('message', resolve);
        kept.push(worker);
      });
      it('all threads', async function () { this.limitLeaks('4 MB'); await inThread(); });
      it('its own thread', async function () {
        this.limitLeaks('4 MB', { currentThreadOnly: true });
        await inThread();
      });
      after(() => kept.forEach((worker) => worker.terminate()));`);
    assert.equal(result('all threads').state, 'failed');
    assert.equal(result('its own thread').state, 'passed');
  });
});

describe('limits', function () {
  it('of both kinds stand on one test', function () {
    const { result, stdout } = measure(`${kept}
      it('both', function () {
        this.limitMemory('100 KB').limitLeaks('100 KB');
        kept.push(Buffer.alloc(1e6));
      });`);
    const kinds = result('both').violations.map(({ kind }) => kind);
    assert.deepEqual(kinds, ['limitMemory', 'limitLeaks']);
    assert.match(stdout, /Test was limited to[^]*Test was allowed to leak/);
  });

  it('leave a failing body its own error', function () {
    const { stdout, result } = measure(`
      it('fails', function () {
        this.limitMemory(1);
        Buffer.alloc(1e6);
        throw new Error('my own');
      });`);
    assert.match(
      stdout,
      /Error: my own\n {6}at Context\.<anonymous> \(a\.test\.js:5:15\)\n {6}at process/,
    );
    assert.doesNotMatch(stdout, /Test was limited/);
    assert.deepEqual(result('fails').violations, []);
  });

  const mistakes: [string, RegExp][] = [
    [
      `this.limitMemory('24 XB')`,
      /TypeError: Expected the limit of limitMemory to be a memory size .*, got '24 XB' \(string\)\./,
    ],
    [`this.limitMemory('')`, /TypeError: .*, got '' \(string\)\./],
    [`this.limitMemory(-1)`, /TypeError: .*, got -1 \(number\)\./],
    [`this.limitMemory(NaN)`, /TypeError: .*, got NaN \(number\)\./],
    [`this.limitMemory('1 MB extra')`, /TypeError: .*, got '1 MB extra' \(string\)\./],
    [`this.limitMemory()`, /TypeError: .*, got nothing\./],
    [`this.limitLeaks()`, /TypeError: .*, got nothing\./],
    [
      `this.limitLeaks('1 MB', 'filter')`,
      /TypeError: Expected the second argument of limitLeaks .*, got 'filter' \(string\)\./,
    ],
    [`this.limitLeaks('1 MB', { filter() {} })`, /TypeError: .* got 'filter' \(string\)\./],
  ];

  describe('declared by mistake', function () {
    let project: MochaProject;
    let run: MeasuredRun;
    before('run them all', function () {
      const tests = mistakes.map(
        ([call], index) => `it('mistake ${index}', function () { ${call}; });
          it('next ${index}', () => {});`,
      );
      project = new MochaProject({ 'a.test.js': tests.join('\n') });
      run = project.measure();
    });
    after(() => project.remove());

    for (const [index, [call, message]] of mistakes.entries()) {
      it(`${call} fails that test alone, naming what was got`, function () {
        const failure = run.stdout
          .split(/\n {2}\d+\) /)
          .find((text) => text.startsWith(`mistake ${index}:`));
        assert.match(failure ?? '', message);
        assert.match(failure ?? '', /\n {6}at Context\.<anonymous> \(a\.test\.js:/);
        assert.equal(run.result(`next ${index}`).state, 'passed');
      });
    }
  });

  it('leave a test its timeout', function () {
    const { stdout, result } = measure(`
      it('is late', function () {
        this.timeout(50);
        this.limitMemory('1 MB');
        Buffer.alloc(5e6);
        for (const end = Date.now() + 80; Date.now() < end;);
      });`);
    assert.match(stdout, /Timeout of 50ms exceeded/);
    assert.deepEqual(result('is late').violations, []);
  });

  it('declared by mistake outside of a body fail their tests and no others', function () {
    const { stdout } = withProject(
      `describe('suite', function () { this.limitMemory('24 XB'); it('in the suite', () => {}); });
       it('chained', () => {}).limitLeaks('1 MB', 5);
       describe('hook', () => { beforeEach(function () { this.limitMemory(NaN); }); it('with a hook', () => {}); });
       it('other', () => {});`,
      (project) => project.run(),
    );
    assert.match(stdout, /1 passing[^]*3 failing/);
    for (const got of [`'24 XB'`, 'got 5', 'got NaN']) assert.ok(stdout.includes(got), got);
  });

  it('cannot be declared when the test has run', function () {
    const { stdout } = withProject(
      `it('passes', () => {}); afterEach(function () { this.limitMemory(1); });`,
      (project) => project.run(),
    );
    assert.match(
      stdout,
      /`limitMemory` was called in an after or afterEach hook, when tests have run/,
    );
  });
});
