// Every way to load TypeScript on every supported Node: call stacks show what is written. By default
// each on the oldest and the newest Node that has it, with the newest Mocha, and one with the oldest;
// MEMRAY_TEST_MATRIX=full runs all with each Mocha.
import assert from 'node:assert/strict';
import { spawnSync } from 'node:child_process';
import {
  cpSync,
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import ts from 'typescript';
import type { JsonResults } from '../../dist/reporters/json-results';
import type { AllocationResult } from '../../dist/test-result';
import { cachedPackage } from '../../scripts/cached-package.mjs';
import { nodeBinary, nodeMajors } from '../../scripts/node-majors.mjs';
import { root, run } from '../../scripts/run.mjs';
import { copyPackageTo } from '../helpers/package-copy';

interface Loader {
  name: string;
  args: string[];
  files: string[];
  /** Whether it hooks into `require`. */
  hooksRequire?: boolean;
  /** What those Nodes say that cannot do it. */
  missing?: { nodes: number[]; says: RegExp };
}

const loaders: Loader[] = [
  { name: 'tsc', args: [], files: ['out/rows.test.js', 'out/rows.test.mjs'] },
  { name: 'tsx/cjs', args: ['--require=tsx/cjs'], files: ['rows.test.ts'], hooksRequire: true },
  { name: 'tsx', args: ['--import=tsx'], files: ['rows.test.ts', 'rows.test.mts'] },
  {
    name: 'ts-node/register',
    args: ['--require=ts-node/register'],
    files: ['rows.test.ts'],
    hooksRequire: true,
  },
  { name: 'ts-node/esm', args: ['--loader=ts-node/esm'], files: ['rows.test.mts'] },
  {
    name: '@swc-node',
    args: ['--require=@swc-node/register'],
    files: ['rows.test.ts'],
    hooksRequire: true,
  },
  {
    name: '@swc-node ESM',
    args: ['--import=@swc-node/register/esm-register'],
    files: ['rows.test.ts', 'rows.test.mts'],
  },
  {
    name: 'type stripping',
    args: [],
    files: ['erasable.test.ts', 'erasable.test.mts'],
    missing: { nodes: [20], says: /SyntaxError|Unknown file extension/ },
  },
  {
    name: '--experimental-transform-types',
    args: ['--experimental-transform-types'],
    files: ['rows.test.ts', 'rows.test.mts'],
    // Node 20 has no types to transform, and Node 26 has given it up. The CommonJS file is for those
    // that require it: Node 24 maps it to its own output when it is imported, as Mocha 10 does.
    missing: { nodes: [20, 26], says: /SyntaxError|TypeScript enum is not supported/ },
  },
];

const oldest = loaders.filter(({ name }) => name === 'tsx');
const isFull = process.env.MEMRAY_TEST_MATRIX === 'full';
const written = readFileSync(join(__dirname, 'fixture', 'rows.ts'), 'utf8');
const frames = [
  placeOf('keepRows', 'new Uint8Array'),
  placeOf('<anonymous>', 'keepRows(shelf, Size'),
];

for (const mocha of isFull ? [10, 11, 12] : [10, 12]) {
  describe(`TypeScript with Mocha ${mocha}`, function () {
    this.timeout(1_800_000);
    let folder = '';

    before(async () => {
      for (const node of nodeMajors) await prepareNode(node);
      folder = await createProject(mocha);
    });
    after(() => rmSync(folder, { recursive: true, force: true }));

    for (const loader of isFull || mocha === 12 ? loaders : oldest) {
      for (const node of chooseNodes(loader)) {
        const cannot = loader.missing?.nodes.includes(node) ? loader.missing : undefined;
        it(`${loader.name} on Node ${node}${cannot ? ' cannot be' : ''}`, async function () {
          const files = filesFor(loader, node, mocha);
          const { output, results } = runMocha(folder, await nodeBinary(node), {
            ...loader,
            files,
            args: [...loader.args, ...flagsFor(loader, node, mocha)],
          });
          if (cannot) return assert.match(output, cannot.says);
          assert.deepEqual(
            results.map(({ file, rows }) => [file, userFrames(rows)]),
            files.map((file) => [file, framesIn(file)]),
            output,
          );
        });
      }
    }
  });
}

/** A project with every way to load TypeScript, in a folder of its own, as a user has it. */
async function createProject(mocha: number): Promise<string> {
  const folder = realpathSync(mkdtempSync(join(tmpdir(), 'memray-mocha-loaders-')));
  const modules = join(folder, 'node_modules');
  cpSync(dirname(await cachedPackage('mocha', `${mocha}`)), modules, { recursive: true });
  copyPackageTo(modules);
  for (const name of ['tsx', 'ts-node', '@swc-node', '@swc', 'typescript']) {
    symlinkSync(join(root, 'node_modules', name), join(modules, name));
  }
  const compilerOptions = { target: 'es2022', module: 'nodenext', sourceMap: true };
  writeFileSync(join(folder, 'package.json'), '{}');
  writeFileSync(join(folder, 'tsconfig.json'), JSON.stringify({ compilerOptions }));
  mkdirSync(join(folder, 'out'));
  for (const extension of ['ts', 'mts']) {
    writeFileSync(join(folder, `rows.test.${extension}`), written);
    writeFileSync(join(folder, `erasable.test.${extension}`), withoutEnum(written));
    compile(join(folder, 'out', `rows.test.${extension.replace('t', 'j')}`), extension);
  }
  return folder;
}

function withoutEnum(source: string): string {
  return source.replace('enum Size {', 'const Size = {').replace(/ = (\d+),/g, ': $1,');
}

function compile(file: string, extension: string): void {
  const { outputText, sourceMapText } = ts.transpileModule(written, {
    fileName: `rows.test.${extension}`,
    compilerOptions: { target: ts.ScriptTarget.ES2022, sourceMap: true },
  });
  writeFileSync(file, outputText);
  writeFileSync(`${file}.map`, sourceMapText!.replace('["rows.', '["../rows.'));
}

/** Compiles the native part for it. */
async function prepareNode(major: number): Promise<void> {
  await run(process.execPath, ['scripts/build-native.mjs', '--node', await nodeBinary(major)]);
}

function chooseNodes({ missing }: Loader): number[] {
  const able = nodeMajors.filter((node) => !missing?.nodes.includes(node));
  return isFull ? nodeMajors : [able[0]!, able.at(-1)!, ...(missing?.nodes ?? [])];
}

/** Mocha 10 imports before it requires, and Node's own type stripping is faster then than a hook. */
function flagsFor({ hooksRequire }: Loader, node: number, mocha: number): string[] {
  return mocha === 10 && node >= 22 && hooksRequire ? ['--no-experimental-strip-types'] : [];
}

function filesFor({ name, files }: Loader, node: number, mocha: number): string[] {
  const isMappedToOutput = name.endsWith('transform-types') && node === 24 && mocha === 10;
  return isMappedToOutput ? files.filter((file) => file.endsWith('.mts')) : files;
}

function runMocha(folder: string, node: string, { args, files }: Loader) {
  const file = join(folder, 'results.json');
  rmSync(file, { force: true });
  const { stdout, stderr } = spawnSync(
    node,
    [
      join(folder, 'node_modules/mocha/bin/mocha.js'),
      '--require=memray-mocha/register',
      `--memray-json=${file}`,
      ...args,
      ...files,
    ],
    {
      cwd: folder,
      encoding: 'utf8',
      env: { ...process.env, TEST_COUNTS_FILE: '', TS_NODE_TRANSPILE_ONLY: 'true' },
    },
  );
  return { output: stdout + stderr, results: readResults(file) };
}

function readResults(file: string): { file: string; rows: AllocationResult[] }[] {
  try {
    const { tests } = JSON.parse(readFileSync(file, 'utf8')) as JsonResults;
    return tests.map((test) => ({ file: test.file, rows: test.topAllocations }));
  } catch {
    return [];
  }
}

function userFrames(rows: AllocationResult[]): string[] {
  return (rows[0]?.stack ?? [])
    .filter(({ filename }) => !filename.startsWith('node:'))
    .map((f) => `${f.functionName}:${f.filename}:${f.lineNumber}:${f.columnNumber}`);
}

/** A frame at a text of the fixture, in a file that is to be put in. */
function placeOf(functionName: string, text: string): string {
  const before = written.slice(0, written.indexOf(text)).split('\n');
  return `${functionName}:FILE:${before.length}:${before.at(-1)!.length + 1}`;
}

function framesIn(file: string): string[] {
  const source = file.replace(/^out\//, '').replace(/js$/, 'ts');
  return frames.map((frame) => frame.replace('FILE', source));
}
