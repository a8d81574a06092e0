// What is written is not what runs: these tests are compiled, bundled or squeezed into one line.
import assert from 'node:assert/strict';
import { rmSync } from 'node:fs';
import { join } from 'node:path';
import { encode } from '@jridgewell/sourcemap-codec';
import ts from 'typescript';
import { main } from '../../dist/cli/main';
import type { TestResult } from '../../dist/test-result';
import { withProject, type MochaProject } from '../helpers/mocha-project';

const written = `
  interface Row {
    name: string;
  }

  enum Size {
    Small = 1024,
    Large = 65536,
  }

  const kept: unknown[] = [];
  const seen: string[] = [];

  function keep(
    rows: Row[],
    size: Size.Large,
  ): void {
    for (const _ of rows) kept.push(new Uint8Array(size));
  }

  it('keeps', function (this: any) {
    this.limitLeaks('1 MB', (stack: any) => {
      seen.push(...stack.frames.map((f: any) => \`\${f.filename}:\${f.lineNumber}:\${f.columnNumber}\`));
      return true;
    });
    const rows: Row[] = Array.from({ length: 32 }, () => ({ name: '' }));
    keep(rows, Size.Large);
  });

  it('tells what the filter saw', () => {
    throw new Error(seen.join('\\n'));
  });
`;

/** The frame at a text of the source that occurs once. */
function at(functionName: string, text: string, file = 'src/a.ts', source = written): string {
  const before = source.slice(0, source.indexOf(text)).split('\n');
  assert.equal(source.split(text).length, 2, text);
  return `${functionName}:${file}:${before.length}:${before.at(-1)!.length + 1}`;
}

const frames = [at('keep', 'new Uint8Array'), at('<anonymous>', 'keep(rows, Size')];

function compile(options: ts.CompilerOptions = {}): { outputText: string; sourceMapText: string } {
  const { outputText, sourceMapText = '' } = ts.transpileModule(written, {
    fileName: 'src/a.ts',
    compilerOptions: { target: ts.ScriptTarget.ES2022, sourceMap: true, ...options },
  });
  return { outputText, sourceMapText };
}

/** The script as the compiler left it, with another word on its source map. */
function script(sourceMappingUrl: string): string {
  const { outputText } = compile();
  return outputText.replace(
    /\/\/# sourceMappingURL=.*\s*$/,
    `//# sourceMappingURL=${sourceMappingUrl}\n`,
  );
}

function sectioned(): string {
  const map = JSON.parse(compile().sourceMapText) as { sources: string[] };
  map.sources = ['../src/a.ts'];
  return JSON.stringify({ version: 3, sections: [{ offset: { line: 2, column: 0 }, map }] });
}

const external = compile().sourceMapText.replace('"a.ts"', '"../src/a.ts"');
const inside = external.replace('../src', './src');
const inline = `data:application/json;base64,${Buffer.from(inside).toString('base64')}`;
const projects: Record<string, Record<string, string>> = {
  'a map in a file': { 'a.test.js': script('maps/a.js.map'), 'maps/a.js.map': external },
  'an inline map': { 'a.test.js': script(inline) },
  'a map in sections': {
    'a.test.js': `'use strict';\n// Another file of the bundle.\n${script('maps/b.map')}`,
    'maps/b.map': sectioned(),
  },
};

const run = (project: MochaProject, env?: NodeJS.ProcessEnv) =>
  project.measure(['--memray-bin-path=captures', '--memray-bin-prefix=c'], env);

/** The user's frames of the largest row. */
function userFrames(rows: TestResult['leaks']): string[] {
  return (rows[0]?.stack ?? [])
    .filter(({ kind, filename }) => kind === 'js' && !filename.startsWith('node:'))
    .map((f) => `${f.functionName}:${f.filename}:${f.lineNumber}:${f.columnNumber}`);
}

describe('source maps', function () {
  for (const [title, files] of Object.entries(projects)) {
    it(`are read: ${title}`, function () {
      withProject(files, (project) => {
        const { result, stdout, stderr } = run(project);
        assert.equal(stderr, '');
        assert.deepEqual(userFrames(result('keeps').leaks), frames);
        assert.deepEqual(userFrames(result('keeps').topAllocations), frames);
        const [, line, column] = /src\/a\.ts:(\d+):(\d+)/.exec(frames[0]!)!;
        const path = join(project.folder, 'src/a.ts');
        assert.ok(stdout.includes(`allocated here:\n        keep:src/a.ts:${line}\n`), stdout);
        assert.ok(stdout.includes(`at keep (src/a.ts:${line}:${column})`), stdout);
        assert.ok(stdout.includes(`\t\t- keep:src/a.ts:${line} -> 2.0MiB`), stdout);
        assert.ok(stdout.includes(`${path}:${line}:${column}\n`), `what the filter saw: ${stdout}`);
      });
    });
  }

  it('are in the capture with what they say, and not needed again', function () {
    withProject(projects['a map in a file']!, (project) => {
      run(project);
      rmSync(join(project.folder, 'maps'), { recursive: true });
      const printed: string[] = [];
      const file = join(project.folder, 'captures/c-a.test.js-keeps.bin');
      const code = main(['tree', '--leaks', file], {
        log: (text) => printed.push(text),
        error: (text) => printed.push(text),
      });
      assert.equal(code, 0, printed.join('\n'));
      const [, line] = /:(\d+):/.exec(frames[0]!)!;
      assert.match(printed.join('\n'), new RegExp(`keep +src/a\\.ts:${line}\\b`));
    });
  });

  it('give the same with --enable-source-maps', function () {
    withProject(projects['a map in a file']!, (project) => {
      const { result } = run(project, { NODE_OPTIONS: '--enable-source-maps' });
      assert.deepEqual(userFrames(result('keeps').leaks), frames);
    });
  });

  it('are read for ES modules, with a query in their URL and odd names of folders', function () {
    const folder = 'lib #1%20';
    const module = script('maps/a.map').replace(/^"use strict";$/m, '');
    withProject(
      {
        'a.test.mjs': `await import('./${encodeURIComponent(folder)}/a.mjs?v=1#top');`,
        [`${folder}/a.mjs`]: module,
        [`${folder}/maps/a.map`]: external.replace('../src/a.ts', '../../src/a.ts'),
      },
      (project) => {
        assert.deepEqual(userFrames(run(project).result('keeps').leaks), frames);
      },
    );
  });

  it('are read in the workers of --parallel', function () {
    withProject(projects['an inline map']!, (project) => {
      const { result, stderr } = project.measure(['--parallel']);
      assert.equal(stderr, '');
      assert.deepEqual(userFrames(result('keeps').leaks), frames);
    });
  });

  it('tell lines apart that were squeezed into one, and not what one line became', function () {
    const source = 'it(..., () => {\n  a.push(buffer());\n  b.push(buffer());\n});';
    const pieces: [string, number, number][] = [
      ['const a=[],f=()=>new Uint8Array(65536);it("keeps",function t(){', 0, 0],
      ['for(let i=0;i<8;i++)', 1, 2],
      ['a.push(f());', 1, 2],
      ['a.push(f());', 2, 2],
      ['a.push(f());', 1, 9],
      ['});', 3, 0],
    ];
    let column = 0;
    const segments = pieces.map(([text, line, originalColumn]) => {
      column += text.length;
      return [column - text.length, 0, line, originalColumn] as [number, number, number, number];
    });
    const map = { version: 3, sources: ['a.ts'], names: [], mappings: encode([segments]) };
    const url = `data:application/json,${encodeURIComponent(JSON.stringify(map))}`;
    const minified = `${pieces.map(([text]) => text).join('')}\n//# sourceMappingURL=${url}\n`;
    withProject({ 'a.test.js': minified }, (project) => {
      const rows = run(project)
        .result('keeps')
        .topAllocations.filter(({ bytes }) => bytes >= 65536);
      const lines = rows.map(({ bytes, stack }) => {
        const caller = stack.find(({ functionName }) => functionName === 't');
        return `${caller!.filename}:${caller!.lineNumber} ${Math.round(bytes / 65536)}`;
      });
      assert.deepEqual(lines, ['a.ts:2 9', 'a.ts:3 1'], source);
    });
  });

  for (const [title, files, reason] of [
    ['is missing', { 'a.test.js': script('maps/a.js.map') }, /ENOENT/],
    ['is no map', { 'a.test.js': script('maps/a.map'), 'maps/a.map': '{"version":' }, /JSON/],
  ] as const) {
    it(`that ${title}: generated lines are shown, which is said once`, function () {
      withProject(files, (project) => {
        const { result, stderr } = run(project);
        const [keep] = userFrames(result('keeps').leaks);
        assert.equal(keep, at('keep', 'new Uint8Array', 'a.test.js', compile().outputText));
        const warnings = stderr.match(/MemrayMochaWarning.*/g) ?? [];
        assert.equal(warnings.length, 1, stderr);
        assert.match(warnings[0], /The source map of \S*\/a\.test\.js cannot be read: /);
        assert.match(warnings[0], reason);
      });
    });
  }

  it('leave errors of the tests as they are without us', function () {
    const failing = `it('fails', () => {
      throw new Error([process.sourceMapsEnabled, Error.prepareStackTrace].join());
    });\n//# sourceMappingURL=${inline}\n`;
    withProject({ 'a.test.js': failing }, (project) => {
      const [plain, ours] = [project.runPlain(), run(project)];
      const shown = (text: string) => /\n *Error:[^]*?\n\n/.exec(text)?.[0];
      assert.match(shown(plain.stdout)!, /a\.test\.js:2:13/);
      assert.equal(shown(ours.stdout), shown(plain.stdout));
    });
  });
});
