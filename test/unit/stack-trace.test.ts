import assert from 'node:assert/strict';
import { runInNewContext } from 'node:vm';
import { resolve } from 'node:path';
import {
  displayPath,
  formatFrame,
  formatPlace,
  formatStackLine,
  isOfHarnessOnly,
  shortenName,
  stripOwnFrames,
  visibleFrames,
  withoutHarness,
} from '../../dist/stack-trace';
import { callStack, frame } from '../helpers/rows';

const cwd = '/app';
const ownFile = resolve(__dirname, '../../dist/mocha/wrapped-body.js');
const mocha = 'run:/app/node_modules/mocha/lib/runnable.js:368';
const timers = 'processImmediate:node:internal/timers:483';
const evil = {
  ...frame('f:/app/a.js:1'),
  functionName: '\x1b[31mevil\n::error::injected\u009b\u202e',
  filename: '/app/\x1b]0;\x07\r\u2028.js',
};
const names = (frames: { functionName: string }[]) => frames.map((each) => each.functionName);

describe('visibleFrames', function () {
  const stack = callStack(
    'native malloc:/usr/lib/libc.so:0',
    'alloc:node:buffer:380',
    'parseRow:/app/src/catalogue.js:41',
    'map:node:internal/x:1',
    '<anonymous>:/app/test/a.test.js:3',
    `call:${ownFile}:9`,
    mocha,
    timers,
  );

  it("begins at the user's first frame and ends at the test", function () {
    const shown = visibleFrames(stack, { cwd, native: false });
    assert.deepEqual(names(shown), ['parseRow', 'map', '<anonymous>']);
  });

  it('begins with the native frames when they are asked for', function () {
    assert.equal(visibleFrames(stack, { cwd, native: true })[0]!.functionName, 'malloc');
  });

  it('begins at JavaScript where no frame is the user’s', function () {
    const node = callStack('native malloc:/usr/lib/libc.so:0', 'readFile:node:fs:1');
    assert.deepEqual(names(visibleFrames(node, { cwd, native: false })), ['readFile']);
    assert.deepEqual(names(visibleFrames(node, { cwd, native: true })), ['malloc', 'readFile']);
  });

  it('shows all there is when no frame is the user’s', function () {
    const native = callStack('native malloc:/usr/lib/libc.so:0', 'native work:/app/addon.node:0');
    assert.deepEqual(names(visibleFrames(native, { cwd, native: false })), ['malloc', 'work']);
  });

  it('begins at what asked V8 for memory where there is no JavaScript', function () {
    const allocators = ['node::NodeArrayBufferAllocator::Allocate', 'v8::internal::Heap::Allocate'];
    const view = { cwd, native: false };
    const shown = (frames: string[]) => {
      const stack = frames.map((name) => ({
        ...frame('native f:/bin/node:0'),
        functionName: name,
      }));
      return names(visibleFrames({ frames: stack }, view));
    };
    assert.deepEqual(shown([...allocators, 'node::Buffer::Copy', 'uv_run']), ['node::Buffer::Copy', 'uv_run']); // prettier-ignore
    assert.deepEqual(shown([...allocators, '<unknown>']), [...allocators, '<unknown>']);
  });
});

describe('withoutHarness', function () {
  it('keeps a stack of Mocha alone, and tells it is', function () {
    const { frames } = callStack('setTimeout:node:timers:1', mocha, timers);
    assert.equal(withoutHarness(frames), frames);
    assert.ok(isOfHarnessOnly(frames));
  });

  it('keeps a call the user makes back into Mocha', function () {
    const { frames } = callStack(mocha, 'test:/app/test/a.test.js:3', mocha);
    assert.deepEqual(names(withoutHarness(frames)), ['run', 'test']);
    assert.ok(!isOfHarnessOnly(frames));
  });

  it('does not take native memory without JavaScript for Mocha’s', function () {
    assert.ok(!isOfHarnessOnly(callStack('native work:/app/addon.node:0').frames));
  });
});

describe('formatting frames', function () {
  it('prints paths inside the working directory relative to it', function () {
    assert.equal(displayPath('/app/src/a.js', cwd), 'src/a.js');
    assert.equal(displayPath('file:///app/src/a%20b.mjs', cwd), 'src/a b.mjs');
    assert.equal(displayPath('/application/a.js', cwd), '/application/a.js');
    assert.equal(displayPath('node:fs', cwd), 'node:fs');
    assert.equal(displayPath('', cwd), '<unknown>');
  });

  it('prints the URL of a file on another host as it is', function () {
    const url = 'file://host/app/a.mjs';
    assert.equal(displayPath(url, cwd), url);
    assert.equal(formatFrame({ ...frame('f:/app/a.js:41'), filename: url }, cwd), `f:${url}:41`);
    const stack = callStack(`f:${url}:41`, mocha);
    assert.deepEqual(names(visibleFrames(stack, { cwd, native: false })), ['f']);
    assert.ok(!isOfHarnessOnly(stack.frames));
  });

  it('prints function, file and line', function () {
    assert.equal(formatFrame(frame('parseRow:/app/src/a.js:41'), cwd), 'parseRow:src/a.js:41');
  });

  it('prints no file and no line where these are not known', function () {
    assert.equal(formatFrame(frame('native f:/bin/node:0'), cwd), 'f:/bin/node');
    const ofV8 = { functionName: 'V8: compiled code', filename: '', lineNumber: 0 };
    assert.equal(formatPlace(ofV8), 'V8: compiled code');
  });

  const cppNames: [string, string][] = [
    ['uv__io_poll', 'uv__io_poll'],
    ['node::Start(int, char**)', 'node::Start'],
    [
      'std::_Deque_base<std::unique_ptr<v8::Task>, std::allocator<int> >::_M_initialize_map(unsigned long)',
      'std::_Deque_base::_M_initialize_map',
    ],
    [
      'v8::internal::(anonymous namespace)::Construct(v8::Isolate*)',
      'v8::internal::{anonymous}::Construct',
    ],
    ['f::operator()(int) const', 'f::operator()'],
    ['operator<<(std::ostream&, int)', 'operator<<'],
    ['void std::vector<int>::push(int&&)', 'std::vector::push'],
    ['v8::Malloced::operator new(unsigned long)', 'v8::Malloced::operator new'],
    ['<anonymous>', '<anonymous>'],
  ];
  for (const [name, short] of cppNames) {
    it(`leaves of ${name} the name`, function () {
      assert.equal(shortenName(name), short);
    });
  }

  it('comes to an end where a test has replaced what shortens a name', function () {
    const { replace } = String.prototype;
    try {
      String.prototype.replace = () => 'f<int>';
      assert.equal(shortenName('g<int>()'), 'f<int>');
    } finally {
      String.prototype.replace = replace;
    }
  });

  it('cuts a name that is still long', function () {
    const printed = formatFrame(frame(`${'x'.repeat(100)}:/app/a.cc:1`), cwd);
    assert.equal(printed, `${'x'.repeat(79)}…:a.cc:1`);
  });

  it('prints a frame as V8 does in a stack', function () {
    assert.equal(formatStackLine(frame('f:/app/a.js:41')), '    at f (/app/a.js:41:7)');
  });

  it('cuts between characters, not within one', function () {
    const name = `${'x'.repeat(78)}😀`;
    assert.equal(shortenName(`${name}x`), `${name}x`);
    assert.equal(shortenName(`${name}xy`), `${name}…`);
  });

  for (const printed of [
    formatFrame(evil, cwd),
    formatStackLine(evil),
    shortenName(evil.functionName),
  ]) {
    it(`shows nothing that terminals or GitHub act upon: ${printed}`, function () {
      assert.doesNotMatch(printed, /[\p{Cc}\u2028-\u202e\u2066-\u2069]/u);
      assert.match(printed, /�\[31mevil�::error::injected/);
    });
  }
});

describe('stripOwnFrames', function () {
  it('leaves a stack as it would be without us', function () {
    const error = new Error('own');
    error.stack = `Error: own\n    at f (/app/a.js:1:1)\n    at call (${ownFile}:1:2)\n    at g (/app/b.js:1:1)`;
    stripOwnFrames(error);
    assert.equal(error.stack, 'Error: own\n    at f (/app/a.js:1:1)\n    at g (/app/b.js:1:1)');
  });

  it('takes lines out that Mocha has made relative to where it runs', function () {
    const error = new Error('own');
    const relative = displayPath(ownFile, process.cwd());
    error.stack = `Error: own\n    at fail (${relative}:1:2)\n    at f (a.js:1:1)`;
    stripOwnFrames(error);
    assert.equal(error.stack, 'Error: own\n    at f (a.js:1:1)');
  });

  it('takes lines out of an error of another realm too', function () {
    const error = runInNewContext('new Error("theirs")') as Error;
    error.stack = `Error: theirs\n    at call (${ownFile}:1:2)\n    at g (/app/b.js:1:1)`;
    stripOwnFrames(error);
    assert.equal(error.stack, 'Error: theirs\n    at g (/app/b.js:1:1)');
  });

  it('leaves alone what is no error, and copes with a frozen one', function () {
    const frozen = new Error('frozen');
    frozen.stack = `Error\n    at call (${ownFile}:1:2)`;
    for (const value of [Object.freeze(frozen), 'text', undefined]) stripOwnFrames(value);
  });

  it('copes with an error that has something else for a stack, or throws when it is looked at', function () {
    const fail = () => assert.fail('it was looked at');
    const errors = [
      Object.assign(new Error('mine'), { stack: { frames: [] } }),
      Object.assign(new Error('mine'), { stack: Symbol('stack') }),
      Object.defineProperty(new Error('mine'), 'stack', { get: fail }),
      Object.defineProperty(new Error('mine'), 'cause', { get: fail }),
      new Proxy(new Error('mine'), { getPrototypeOf: fail }),
    ];
    for (const error of errors) assert.doesNotThrow(() => stripOwnFrames(error));
  });
});
