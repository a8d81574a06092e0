// `limitLeakedObjects`, with the tests of pytest-memray's test_object_tracking.py by name.
import assert from 'node:assert/strict';
import { withProject, type MeasuredRun } from '../helpers/mocha-project';

const measure = (source: string, files: Record<string, string> = {}, args: string[] = []) =>
  withProject(`const kept = [];\n${source}`, (project) => {
    for (const [path, text] of Object.entries(files)) project.write(path, text);
    return project.measure(args);
  });

const TICKING = 'const made = [{}]; setInterval(function tick() { return made; }, 1e6).unref();';

/** What each test failed with, by its title; undefined of one that passed. */
const failuresOf = ({ tests }: MeasuredRun) =>
  Object.fromEntries(
    tests.map(({ titlePath, violations }) => [titlePath.at(-1)!, violations[0]?.message]),
  );

describe('limitLeakedObjects', function () {
  it('does what the original checks', function () {
    const leak = `this.test.fn.leaked = [[1, 2, 3], new Map([['key', 'value']])];`;
    const run = measure(`
      class CustomClass { constructor(value) { this.value = value; } }
      it('objects_are_tracked_and_reported', function () { this.limitLeakedObjects(); ${leak} });
      it('ignoring_some_leaked_objects', function () {
        this.limitLeakedObjects({ filterFn: ({ constructorName }) => constructorName !== 'Map' });
        ${leak}
      });
      it('ignoring_all_leaked_objects', function () { this.limitLeakedObjects(() => false); ${leak} });
      it('no_frames_leak', function () {
        this.limitLeakedObjects();
        const list = [1, 2, 3];
        const map = new Map([['temp', list]]);
        if (map.size !== 1) throw new Error();
      });
      it('complex_object_types', function () {
        this.limitLeakedObjects();
        this.test.fn.leaks = { custom: new CustomClass(42), set: new Set([1]), bytes: Buffer.alloc(5000),
          nested: { list: [1, [2, 3]] } };
      });
      it('large_number_of_leaks', function () {
        this.limitLeakedObjects();
        for (let i = 0; i < 100; i++) kept.push({ id: i, data: 'Object ' + i, tags: [i] });
      });`);
    const failures = failuresOf(run);
    assert.match(failures.objects_are_tracked_and_reported!, /^Test leaked 3 objects \(/);
    assert.match(failures.objects_are_tracked_and_reported!, /- 1 Map \(.*\) held by:\n.*\.leaked/);
    assert.match(failures.ignoring_some_leaked_objects!, /^Test leaked 2 objects \(/);
    assert.doesNotMatch(failures.ignoring_some_leaked_objects!, /Map \(/);
    assert.equal(failures.ignoring_all_leaked_objects, undefined);
    assert.equal(failures.no_frames_leak, undefined);
    for (const name of ['CustomClass', 'Set', 'Buffer', 'Object', 'Array']) {
      assert.match(failures.complex_object_types!, new RegExp(`- \\d ${name} \\(`));
    }
    assert.match(failures.large_number_of_leaks!, /- 100 Object \(.* in all\) held by:\n +kept \(/);
    assert.match(failures.large_number_of_leaks!, /- 100 Array .*\n +kept .* -> Object\.tags/);
    assert.match(run.stdout, /MemoryLimitError: Test leaked 3 objects/);
    assert.equal(run.result('no_frames_leak').state, 'passed');
    assert.equal(run.code, 4);
  });

  it('reports nothing of bodies that clean up', function () {
    const run = measure(
      `const { EventEmitter } = require('node:events');
       const bus = new EventEmitter();
       const heard = new EventEmitter().on('x', () => {}).on('x', () => {});
       function Old() {}
       const target = new EventTarget();
       const controller = new AbortController();
       const [url, headers] = [new URL('http://a/?b=c'), new Headers({ a: 'b' })];
       const [format, error] = [new Intl.NumberFormat('en'), new Error()];
       const server = require('node:http').createServer();
       const [response, sink] = [new Response('text'), new WritableStream({ write() {} })];
       const log = console;
       describe('clean', function () {
         this.limitLeakedObjects();
         it('garbage', () => { new Old(); for (let i = 0; i < 100; i++) [i, { i }, /x/.exec('x')]; });
         it('async', async () => {
           await new Promise((resolve) => setTimeout(resolve, 2));
           await Promise.all([1, 2].map(async (each) => each));
         });
         it('done', (done) => { setImmediate(() => process.nextTick(done)); });
         it('timers', () => { clearInterval(setInterval(() => {}, 77)); });
         it('listeners', () => { const f = () => {}; bus.on('x', f).off('x', f); });
         it('one of several listeners', () => { heard.once('x', () => {}).emit('x'); });
         it('listeners of an EventTarget', () => {
           const f = () => {};
           target.addEventListener('x', f);
           target.removeEventListener('x', f);
           target.addEventListener('y', f, { once: true });
           target.dispatchEvent(new Event('y'));
         });
         it('what Node and V8 make when it is first used', () => {
           [controller.signal.aborted, url.searchParams.get('b'), [...headers]];
           [format.format(1), error.stack];
         });
         it('modules', async () => {
           require('./fresh.js').get();
           (await import('./fresh.mjs')).get();
           require('node:zlib').gzipSync('x');
           new URL('http://a');
         });
         it('output', () => { console.error('some'); });
         it('server', async () => {
           const server = require('node:http').createServer();
           await new Promise((resolve) => server.listen(0, resolve));
           await new Promise((resolve) => server.close(resolve));
         });
         it('server from before', async () => {
           await new Promise((resolve) => server.listen(0, resolve));
           await new Promise((resolve) => server.close(resolve));
         });
         it('body of a response from before', () => response.text());
         it('stream from before', async () => {
           const writer = sink.getWriter();
           await writer.write('x');
           writer.releaseLock();
         });
         it('console', () => { console.time('a'); log.count('b'); });
       });`,
      {
        'fresh.js': 'const made = [{}]; exports.get = () => made;',
        'fresh.mjs': 'const made = [{}]; export const get = () => made;',
      },
    );
    assert.deepEqual(Object.values(failuresOf(run)).filter(Boolean), []);
    assert.equal(run.code, 0, run.stdout);
    assert.equal(run.tests.length, 15);
  });

  it('reports nothing of a body that leaves nothing, where coverage is counted', function () {
    const source = `it('clean', function () { this.limitLeakedObjects(); });`;
    withProject(source, (project) => {
      const run = project.run([], { NODE_V8_COVERAGE: 'coverage' });
      assert.equal(run.code, 0, run.stdout);
    });
  });

  it('names what holds: variables, globals, emitters, timers', function () {
    const failures = failuresOf(
      measure(`
        const bus = new (require('node:events').EventEmitter)();
        const byKey = new Map();
        const target = new EventTarget();
        const known = () => {};
        let settle;
        const settled = new Promise((resolve) => { settle = resolve; });
        class Listener {}
        const logger = { _events: [] };
        const large = {};
        for (let i = 0; i < 20; i++) large['p' + i] = i;
        const server = require('node:http').createServer();
        describe('leaks', function () {
          this.limitLeakedObjects();
          it('map', () => { byKey.set('a', new Listener()); });
          it('global', () => { global.cache = new Listener(); });
          it('emitter', () => { bus.on('change', function onChange() {}); });
          it('event target', () => { target.addEventListener('x', function onEvent() {}); });
          it('known listener', () => { target.addEventListener('y', known); });
          it('symbol', () => { byKey[Symbol('own')] = {}; });
          it('symbol of many properties', () => { large[Symbol('own')] = new Listener(); });
          it('server', () => { server[Symbol('own')] = new Listener(); });
          it('console', () => { console.own = new Listener(); });
          it('promise', () => { settle([{}]); return settled; });
          it('timer', () => { setInterval(function tick() {}, 1e6).unref(); });
          it('context', function () { this.session = new Listener(); });
          it('proxy', () => { kept.push(new Proxy(byKey, {})); });
          it('nameless symbol', () => { byKey[Symbol()] = new Map(); });
          it('other events', () => { logger._events.push(['text']); });
          it('weak', () => { kept.push(new WeakRef(new Listener())); });
        });`),
    );
    assert.match(failures.map!, /1 Listener .*\n +byKey \(a\.test\.js\) -> Map\[\]/);
    assert.match(failures.global!, /1 Listener .*\n +\(global\)\.cache/);
    assert.match(failures.emitter!, /1 Function onChange .*\n +bus .*_events -> Object\.change/);
    assert.match(failures['event target']!, /1 Function onEvent .*\n +target .*<symbol kEvents>/);
    assert.match(failures['known listener']!, /1 Listener .*\n +target .*<symbol kEvents>/);
    assert.match(failures.symbol!, /1 Object .*\n +byKey .* -> Map\.<symbol own>/);
    const many = failures['symbol of many properties']!;
    assert.match(many, /1 Listener .*\n +large .* -> Object\.<symbol own>/);
    assert.match(failures.server!, /1 Listener .*\n +server .* -> Server\.<symbol own>/);
    assert.match(failures.console!, /1 Listener .*\n.*console\.own/);
    assert.match(failures['nameless symbol']!, /1 Map .*\n +byKey .* -> Map\.<symbol>/);
    assert.match(failures['other events']!, /1 Array .*\n +logger .*_events -> Array\[0\]/);
    assert.match(failures.promise!, /1 Object .*\n.* -> Promise\[\] -> Array\[0\]/);
    assert.match(failures.timer!, /1 Function tick .*\n.*Timeout\._onTimeout/);
    assert.match(failures.context!, /1 Listener .*\n +Context\.session/);
    assert.match(
      failures.proxy!,
      /1 Proxy .*\n +kept .* -> Array\[0\]\n +- 1 Object .*\n.*-> Proxy\[\]/,
    );
    assert.match(failures.weak!, /^Test leaked 1 object \(/);
  });

  it('follows prototypes, but not those of classes from before', function () {
    const failures = failuresOf(
      measure(
        `class Base {}
         const old = {};
         let scope = {};
         describe('leaks', function () {
           this.limitLeakedObjects();
           it('chain', () => { for (let i = 0; i < 3; i++) scope = Object.create(scope); });
           it('replaced', () => { Object.setPrototypeOf(old, { list: [] }); });
           it('class', () => { kept.push(new (class Mixin extends Base { static table = new Map(); #own = 1; })()); });
           it('generator', () => { kept.push((function* rows() { yield 1; })()); });
           it('known class', () => { kept.push(new Base()); });
           it('loaded class', () => { kept.push(new (require('./fresh.js'))()); });
           it('loaded functions', async () => { require('./ticking.js'); await import('./ticking.mjs'); });
         });`,
        {
          'fresh.js': 'const made = [{}]; module.exports = class { get() { return made; } };',
          'ticking.js': TICKING,
          'ticking.mjs': TICKING,
        },
      ),
    );
    assert.match(failures.chain!, /^Test leaked 3 objects \(/);
    assert.match(
      failures.replaced!,
      /1 Array .*\n +old \(.*\) -> Object\.__proto__ -> Object\.list/,
    );
    assert.match(failures.class!, /^Test leaked 3 objects \(/);
    assert.match(failures.class!, /1 Function Mixin [^]*1 Map /);
    assert.match(failures.generator!, /^Test leaked 2 objects \([^]*1 Function rows /);
    assert.match(failures['known class']!, /^Test leaked 1 object \(/);
    assert.match(failures['loaded class']!, /^Test leaked 1 object \(/);
    assert.match(failures['loaded functions']!, /^Test leaked 2 objects \(/);
  });

  it('reports nothing of a module that the body loads and something else holds too', function () {
    const lib =
      'const options = { a: 1 }; const list = [1, 2]; const f = () => options.a + list.length;';
    const run = measure(
      `const lazy = require('./lazy.js');
       describe('clean', function () {
         this.limitLeakedObjects();
         it('exports', () => { lazy.keepExports(); });
         it('function', () => { lazy.keepFunction(); });
         it('class', () => { lazy.keepClass(); });
         it('variable', () => { lazy.keepVariable(); });
         it('of an ES module', async () => { await lazy.keepOfEsModule(); });
         it('by default', async () => { await lazy.keepDefault(); });
         it('of Node', () => { lazy.keepBuiltin(); });
       });`,
      {
        'lazy.js': `let exports_, f, Class, variable, esm, default_, zlib;
          exports.keepExports = () => (exports_ ??= require('./exports.cjs')).f();
          exports.keepFunction = () => (f ??= require('./function.cjs').f)();
          exports.keepClass = () => (Class ??= require('./class.cjs'));
          exports.keepVariable = () => (variable ??= require('./variable.cjs').get());
          exports.keepOfEsModule = async () => (esm ??= (await import('./lib.mjs')).f)();
          exports.keepDefault = async () => (default_ ??= (await import('./default.mjs')).default);
          exports.keepBuiltin = () => (zlib ??= require('node:zlib'));`,
        'exports.cjs': `${lib} exports.f = f; exports.opts = options;`,
        'function.cjs': `${lib} exports.f = f; exports.opts = options;`,
        'class.cjs': 'module.exports = class { static table = new Map(); };',
        'variable.cjs': 'const made = { list: [] }; exports.get = () => made;',
        'lib.mjs': `${lib} export { f, options };`,
        'default.mjs': `${lib} export default { f, options };`,
      },
    );
    assert.deepEqual(Object.values(failuresOf(run)).filter(Boolean), []);
    assert.equal(run.code, 0, run.stdout);
  });

  it('reports what tests make of a module that the body loads, or add to it', function () {
    const registry = 'const all = []; exports.all = all; exports.add = (each) => all.push(each);';
    const failures = failuresOf(
      measure(
        `let registry;
         describe('leaks', function () {
           this.limitLeakedObjects();
           it('only to the module', () => { (registry ??= require('./registry.cjs')).add({}); });
           it('to the module', () => { registry.add({}); });
           it('to the exports', () => { registry.added = [{}]; });
           it('to a value', () => { registry.all.added = {}; });
           it('to both', () => { const made = {}; kept.push(made); require('./again.cjs').add(made); });
           it('made', () => { kept.push(require('./maker.cjs').make()); });
           it('instance', () => { kept.push(new (require('./class.cjs'))()); });
           it('no longer in the cache', () => {
             kept.push(require('./copy.cjs'));
             delete require.cache[require.resolve('./copy.cjs')];
           });
         });`,
        {
          'registry.cjs': registry,
          'again.cjs': registry,
          'copy.cjs': registry,
          'maker.cjs': 'exports.make = () => ({});',
          'class.cjs': 'module.exports = class Made {};',
        },
      ),
    );
    // Nobody can tell it from what the module made as it was loaded.
    assert.equal(failures['only to the module'], undefined);
    assert.match(failures['to the module']!, /^Test leaked 1 object \([^]*1 Object /);
    assert.match(failures['to the exports']!, /^Test leaked 2 objects \([^]*\.added/);
    assert.match(
      failures['to a value']!,
      /^Test leaked 1 object \([^]*\n +exports \(registry\.cjs\) -> Object\.all -> Array\.added\n/,
    );
    assert.match(failures['to both']!, /^Test leaked 1 object \([^]*kept /);
    assert.match(failures.made!, /^Test leaked 1 object \([^]*kept /);
    assert.match(failures.instance!, /^Test leaked 1 object \([^]*1 Made /);
    assert.match(failures['no longer in the cache']!, /^Test leaked 3 objects \(/);
  });

  it('is declared as other limits are, beside them', function () {
    const run = measure(
      `const { limitLeakedObjects } = require(${JSON.stringify(require.resolve('../..'))});
       const leak = () => kept.push({});
       it('chained', leak).limitLeakedObjects();
       it('import', () => { limitLeakedObjects(); leak(); });
       it('none', leak);
       describe('hook', function () {
         beforeEach(function () { this.limitLeakedObjects(); });
         it('by hook', leak);
         it('lifted', function () { this.limitLeakedObjects(false); leak(); });
       });
       it('all', function () {
         this.limitMemory('1 MB').limitLeaks('1 MB').limitLeakedObjects();
         kept.push(new ArrayBuffer(2 ** 21));
       });
       it('filter throws', function () { this.limitLeakedObjects(() => { throw new RangeError('mine'); }); leak(); });
       it('bad', function () { this.limitLeakedObjects('1 MB'); });
       it('fails by itself', function () { this.limitLeakedObjects(); leak(); throw new Error('own'); });
       const declare = (context) => context.limitLeakedObjects();
       const later = declare;
       it('late', function () { later(this); });
       let attempts = 0;
       it('retried', function () { this.retries(1); this.limitLeakedObjects(); if (attempts++ === 0) leak(); });`,
    );
    const kinds = Object.fromEntries(
      run.tests.map(({ titlePath, violations }) => [
        titlePath.at(-1)!,
        violations.map(({ kind }) => kind).join(),
      ]),
    );
    const leaked = 'limitLeakedObjects';
    assert.deepEqual(kinds, {
      chained: leaked,
      import: leaked,
      none: '',
      'by hook': leaked,
      lifted: '',
      all: `limitMemory,limitLeaks,${leaked}`,
      'filter throws': '',
      bad: '',
      'fails by itself': '',
      late: '',
      retried: '',
    });
    assert.match(run.stdout, /RangeError: mine/);
    assert.match(
      run.stdout,
      /TypeError: Expected the argument of limitLeakedObjects to be a filter/,
    );
    assert.match(run.stdout, /Error: own/);
    assert.match(run.stdout, /`limitLeakedObjects` was called by a function the test calls/);
    assert.equal(run.code, 8, run.stdout);
  });
});
