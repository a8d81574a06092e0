// V8's names of code, as Node 20, 22, 24 and 26 give them to code event handlers.
import assert from 'node:assert/strict';
import { BUILTIN, CaptureWriter, STATE, WEBASSEMBLY } from '../helpers/capture-writer';
import { read } from '../helpers/capture-source';
import type { Frame } from '../../dist/call-stack';

interface Code {
  /** The script's own name; without it nobody knows the script. */
  script?: string;
  type?: number;
  line?: number;
  column?: number;
}

function frameOf(name: string, { script, type, line, column }: Code = {}): Frame {
  const writer = new CaptureWriter().thread(1);
  const code = writer.code(
    name,
    script === undefined ? 0 : writer.script(script),
    type,
    line,
    column,
  );
  writer.allocation(8, 1, 1, writer.stack(0, writer.jsFrame(code)));
  return read(writer.end()).leaks()[0]!.stack.frames[0]!;
}

/** What a name says: function, file, line, column. */
function parse(name: string, code?: Code): [string, string, number, number] {
  const { functionName, filename, lineNumber, columnNumber } = frameOf(name, code);
  return [functionName, filename, lineNumber, columnNumber];
}

describe('V8 code names', () => {
  const names: [string, string, [string, string, number, number]][] = [
    [
      'a function',
      'JS:~parseRow /app/catalogue.js:41:18',
      ['parseRow', '/app/catalogue.js', 41, 18],
    ],
    ['a getter', 'JS:~get bar /app/t.cjs:4:44', ['get bar', '/app/t.cjs', 4, 44]],
    ['a private method', 'JS:~#priv /app/t.cjs:4:105', ['#priv', '/app/t.cjs', 4, 105]],
    ['a class', 'JS:~K file:///app/m.mjs:2:8', ['K', '/app/m.mjs', 2, 8]],
    ['a name with spaces', 'JS:~a b c /app/t.cjs:4:235', ['a b c', '/app/t.cjs', 4, 235]],
    ['a name beyond ASCII', 'JS:~日本 /app/t.cjs:16:46', ['日本', '/app/t.cjs', 16, 46]],
    ['an anonymous function', 'JS:~ /app/t.cjs:7:9', ['<anonymous>', '/app/t.cjs', 7, 9]],
    ['a CommonJS module', 'JS:* /app/t.cjs:1:1', ['<module>', '/app/t.cjs', 1, 1]],
    ['an ES module', 'Script:~ file:///app/m.mjs:1:1', ['<module>', '/app/m.mjs', 1, 1]],
    ['eval code', 'Eval:~ :1:1', ['<eval>', '', 1, 1]],
    ['a function in eval code', 'JS:~inEval :1:17', ['inEval', '', 1, 17]],
    ['a new Function', 'JS:~ :1:20', ['<anonymous>', '', 1, 20]],
    [
      'Node’s own',
      'JS:~copyAccessor node:internal/per_context/primordials:60:22',
      ['copyAccessor', 'node:internal/per_context/primordials', 60, 22],
    ],
    [
      'Node’s own, in short',
      'JS:^get readable node:stream:12:3',
      ['get readable', 'node:stream', 12, 3],
    ],
    ['a path with spaces', 'JS:~load /my files/a b.js:3:4', ['load', '/my files/a b.js', 3, 4]],
    ['a path with colons', 'JS:~load /app/a:1:2.js:3:4', ['load', '/app/a:1:2.js', 3, 4]],
    ['a path of Windows', 'JS:~inVm C:\\x y\\z.js:1:15', ['inVm', 'C:\\x y\\z.js', 1, 15]],
    [
      'a name that is no path',
      'JS:~inVm evalmachine.<anonymous>:1:2',
      ['inVm', 'evalmachine.<anonymous>', 1, 2],
    ],
    ['the tag of older V8', 'LazyCompile:*run /app/t.js:1:2', ['run', '/app/t.js', 1, 2]],
    ['another tag of older V8', 'Function:~run /app/t.js:1:2', ['run', '/app/t.js', 1, 2]],
    ['a name alone', 'JS:lonely', ['lonely', '', 0, 0]],
    ['nothing', '', ['<anonymous>', '', 0, 0]],
  ];
  for (const [what, name, expected] of names) {
    it(`of ${what}: ${name}`, () => assert.deepEqual(parse(name), expected));
  }

  for (const mark of ['~', '^', '*', '+', "*'", "+'", 'o*', 'o+', "o+'", '']) {
    it(`with the tier mark "${mark}"`, () => {
      assert.deepEqual(parse(`JS:${mark}of /a.js:1:2`), ['of', '/a.js', 1, 2]);
    });
  }

  it('are split where the script’s own name says', () => {
    const script = 'with space:3:4.js';
    assert.deepEqual(parse(`JS:~in Vm ${script}:1:16`, { script }), ['in Vm', script, 1, 16]);
    assert.deepEqual(parse('JS:~f /a /a:1:2', { script: '/a /a' }), ['f', '/a /a', 1, 2]);
  });

  it('give way to the script’s own name', () => {
    const script = '/generated/named.js';
    assert.deepEqual(parse('JS:~inNamed :1:18', { script }), ['inNamed', script, 1, 18]);
    assert.deepEqual(parse('Eval:~ :1:1', { script }), ['<module>', script, 1, 1]);
  });

  it('give way to the code’s own line and column', () => {
    assert.deepEqual(parse('JS:~f /a.js:1:2', { line: 5, column: 6 }), ['f', '/a.js', 5, 6]);
  });

  it('that V8 cut say what is left of them', () => {
    const script = `/${'d'.repeat(600)}/f.js`;
    const cut = (name: string) => name.slice(0, 512);
    const where = { script, line: 3, column: 4 };
    assert.deepEqual(parse(cut(`JS:~long path ${script}:3:4`), where), ['long path', script, 3, 4]);
    assert.deepEqual(parse(cut(`JS:~ ${script}:3:4`), where), ['<anonymous>', script, 3, 4]);
    const name = 'n'.repeat(600);
    assert.deepEqual(parse(cut(`JS:~${name} /a.js:3:4`), { ...where, script: '/a.js' }), [
      name.slice(0, 508),
      '/a.js',
      3,
      4,
    ]);
    const [functionName, filename] = parse(cut(`JS:~f ${script}:3:4`));
    assert.deepEqual([functionName, filename], ['f', script.slice(0, 506)]);
  });

  it('of WebAssembly functions lose index and tier', () => {
    const script = 'wasm://wasm/588b66f2';
    const parseWasm = (name: string) => frameOf(name, { script, type: WEBASSEMBLY });
    assert.deepEqual(parseWasm('JS:foo-0-liftoff'), {
      functionName: 'foo',
      filename: script,
      lineNumber: 0,
      columnNumber: 0,
      kind: 'wasm',
    });
    assert.equal(parseWasm('JS:my-mod/a-b-12-turbofan').functionName, 'my-mod/a-b');
    assert.equal(parseWasm('JS:wasm-function[3]-3-turbofan').functionName, 'wasm-function[3]');
    assert.equal(parseWasm('JS:plain').functionName, 'plain');
    assert.equal(parseWasm('').functionName, '<anonymous>');
  });

  it('of a state of V8 are shown as they are', () => {
    const { functionName, filename, kind } = frameOf('V8: garbage collection', { type: STATE });
    assert.deepEqual([functionName, filename, kind], ['V8: garbage collection', '', 'native']);
  });

  it('of builtins are not shown', () => {
    const { functionName } = frameOf('Builtin:ArrayPrototypePush', { type: BUILTIN });
    assert.equal(functionName, '<unknown>');
  });

  const urls: [string, string][] = [
    ['file:///app/m.mjs', '/app/m.mjs'],
    ['file:///my%20files/%C3%A9%2e.mjs', '/my files/é..mjs'],
    ['file:///app/m.mjs?update=17#x', '/app/m.mjs'],
    ['file://host/app/m.mjs', '/app/m.mjs'],
    ['file:///a%2', '/a%2'],
    ['file:///a%zz%4g', '/a%zz%4g'],
    ['file://', ''],
    ['https://example.com/a%20b.js', 'https://example.com/a%20b.js'],
  ];
  for (const [url, path] of urls) {
    it(`of ES modules have paths: ${url}`, () => {
      assert.equal(parse(`JS:~f ${url}:1:2`, { script: url })[1], path);
    });
  }
});
