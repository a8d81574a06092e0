// Everything a clone needs before it can run: dependencies, TypeScript, WebAssembly and the native
// part. Each step is skipped when it is up to date. Uses Node's own modules only, because nothing
// is installed yet.
import { createHash } from 'node:crypto';
import {
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  rmSync,
  statSync,
  writeFileSync,
} from 'node:fs';
import { dirname, join } from 'node:path';
import { installDependencies } from './install-dependencies.mjs';
import { root, run } from './run.mjs';

const modules = join(root, 'node_modules');

// Their install scripts do nothing that is needed here; our own is the last step.
await installDependencies('.', 'Installing dependencies', ['--ignore-scripts']);
await step({
  title: 'Compiling TypeScript',
  inputs: ['src', 'tsconfig.json', 'package-lock.json'],
  outputs: ['dist/index.js'],
  action: async () => {
    await run('npm', ['run', '--silent', 'build:ts']);
    removeOutputsWithoutSource();
  },
});
await step({
  title: 'Compiling the WebAssembly core',
  inputs: ['assembly', 'asconfig.json', 'scripts/export-reset.mjs', 'package-lock.json'],
  outputs: ['dist/capture/parser.wasm'],
  action: () => run('npm', ['run', '--silent', 'build:wasm']),
});
// Says itself what it does, and keeps its own stamps: it is npm's install script as well.
await run(process.execPath, [join(root, 'scripts/build-native.mjs')]);

/**
 * @param {object} step
 * @param {string} step.title
 * @param {string[]} step.inputs files, and folders with all below them, the outputs are made from
 * @param {string[]} step.outputs
 * @param {() => Promise<unknown>} step.action
 */
async function step({ title, inputs, outputs, action }) {
  const stamp = join(modules, '.cache', 'setup', title.toLowerCase().replaceAll(' ', '-'));
  const hash = hashOf(inputs);
  const done = existsSync(stamp) && readFileSync(stamp, 'utf8') === hash;
  if (done && outputs.every((path) => existsSync(join(root, path)))) return;

  console.log(title);
  await action();
  mkdirSync(dirname(stamp), { recursive: true });
  writeFileSync(stamp, hash);
}

/** tsc leaves what it made of files that are gone; npm would publish it. */
function removeOutputsWithoutSource() {
  for (const output of filesIn('dist').filter((path) => /\.(d\.ts|js)$/.test(path))) {
    const source = output.replace(/^dist/, 'src').replace(/\.(d\.ts|js)$/, '.ts');
    if (!existsSync(join(root, source))) rmSync(join(root, output));
  }
}

/**
 * A hash of contents, not dates: a fresh clone or a branch change gives new dates to old contents.
 *
 * @param {string[]} paths
 */
function hashOf(paths) {
  const hash = createHash('sha256');
  for (const path of paths.flatMap(filesIn))
    hash.update(path).update(readFileSync(join(root, path)));
  return hash.digest('hex');
}

/**
 * @param {string} path
 * @returns {string[]}
 */
function filesIn(path) {
  if (!statSync(join(root, path)).isDirectory()) return [path];
  const names = readdirSync(join(root, path)).sort();
  return names.flatMap((name) => filesIn(join(path, name)));
}
