// Compiles native/ for one Node version into prebuilds/<platform>-<arch>/abi<version>.node.
//
//   node scripts/build-native.mjs                 for the Node that runs it
//   node scripts/build-native.mjs --node <path>   for another Node binary
//   node scripts/build-native.mjs --all           for every supported major
//   node scripts/build-native.mjs --tests         the C++ tests, into build/native-tests
//   node scripts/build-native.mjs --install       as npm's install script: never fails
import { execFileSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  symlinkSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { dirname, join, resolve } from 'node:path';
import { parseArgs } from 'node:util';
import { headersFolder } from './headers-folder.mjs';
import { root, run } from './run.mjs';

const require = createRequire(import.meta.url);
const platform = `${process.platform}-${process.arch}`;

/**
 * @typedef {object} Target
 * @property {string} node the Node binary to compile for
 * @property {string} version
 * @property {string} abi its NODE_MODULE_VERSION
 */

const { values: options } = parseArgs({
  options: {
    node: { type: 'string' },
    all: { type: 'boolean', default: false },
    tests: { type: 'boolean', default: false },
    install: { type: 'boolean', default: false },
  },
});

if (options.install) await install();
else if (options.tests) await buildTests();
else for (const node of await nodes()) await buildAddon(describeNode(node));

/** @returns {Promise<string[]>} */
async function nodes() {
  if (!options.all) return [options.node ? resolve(options.node) : process.execPath];
  // Not part of the published package, which has no use for it.
  const { nodeMajors, nodeBinary } = await import('./node-majors.mjs');
  return Promise.all(nodeMajors.map(nodeBinary));
}

/**
 * @param {string} node
 * @returns {Target}
 */
function describeNode(node) {
  const script = 'process.version + " " + process.versions.modules';
  const [version = '', abi = ''] = execFileSync(node, ['-p', script], { encoding: 'utf8' })
    .trim()
    .split(' ');
  return { node, version, abi };
}

/** @param {Target} target */
async function buildAddon(target) {
  removeOutdatedBinaries(target);
  const folder = join(root, 'build', `native-abi${target.abi}`);
  const binary = binaryPath(target);
  const stamp = stampOf(target);
  if (existsSync(binary) && readStamp(folder) === stamp) return;

  console.log(`Compiling the native part for Node ${target.version}`);
  await runNodeGyp(target, folder, 'memray_mocha', []);
  mkdirSync(dirname(binary), { recursive: true });
  // Renamed into place: a process that has the old binary loaded keeps the old file.
  copyFileSync(join(folder, 'build', 'Release', 'memray_mocha.node'), `${binary}.new`);
  renameSync(`${binary}.new`, binary);
  writeFileSync(join(folder, 'stamp'), stamp);
}

async function buildTests() {
  const target = describeNode(process.execPath);
  const folder = join(root, 'build', 'native-tests');
  const stamp = sourcesHash({ withTests: true });
  if (readStamp(folder) === stamp) return;

  console.log('Compiling the C++ tests');
  await runNodeGyp(target, folder, 'memray_mocha_tests', ['--build_tests=1']);
  writeFileSync(join(folder, 'stamp'), stamp);
}

/**
 * node-gyp always writes to build/ in its working directory. A folder per ABI with links to the
 * sources keeps the object files of several Node versions apart. One to Node's headers, too: node-gyp
 * does not quote their path, which may have a space.
 *
 * @param {Target} target
 * @param {string} folder
 * @param {string} goal
 * @param {string[]} settings
 */
async function runNodeGyp(target, folder, goal, settings) {
  mkdirSync(folder, { recursive: true });
  rmSync(join(folder, 'stamp'), { force: true });
  const headers = headersFolder(target.node);
  link(join('..', '..', 'binding.gyp'), join(folder, 'binding.gyp'));
  link(join('..', '..', 'native'), join(folder, 'native'));
  if (headers) link(headers, join(folder, 'node'));
  const nodeGyp = require.resolve('node-gyp/bin/node-gyp.js');
  // In the environment, because what npm puts there from its configuration beats the command line.
  const env = headers ? { ...process.env, npm_config_nodedir: 'node' } : process.env;
  const how = { cwd: folder, env, quiet: true };
  const common = [...settings, '--release', '--loglevel=warn'];
  await run(target.node, [nodeGyp, 'configure', ...common], how);
  await run(target.node, [nodeGyp, 'build', goal, '--jobs=max', ...common], how);
}

/**
 * @param {string} to
 * @param {string} path
 */
function link(to, path) {
  rmSync(path, { force: true });
  symlinkSync(to, path);
}

/** @param {Target} target */
function binaryPath(target) {
  return join(root, 'prebuilds', platform, `abi${target.abi}.node`);
}

/** @param {string} folder */
function readStamp(folder) {
  const file = join(folder, 'stamp');
  return existsSync(file) ? readFileSync(file, 'utf8') : undefined;
}

/**
 * What a binary was made of, in one line.
 *
 * @param {Target} target
 */
function stampOf(target) {
  return `${target.version} ${headersFolder(target.node) ?? 'downloaded'} ${sourcesHash({ withTests: false })}`;
}

/** @param {{ withTests: boolean }} options */
function sourcesHash({ withTests }) {
  const hash = createHash('sha256').update(require('node-addon-api/package.json').version);
  hash.update(readFileSync(join(root, 'binding.gyp')));
  const names = readdirSync(join(root, 'native'), { recursive: true, encoding: 'utf8' });
  for (const name of names.filter((name) => /\.(cc|h)$/.test(name)).sort()) {
    if (name.startsWith('test/') && !withTests) continue;
    hash.update(name).update(readFileSync(join(root, 'native', name)));
  }
  return hash.digest('hex');
}

/**
 * Removes the binaries of other Node versions that were made of older sources: npm would publish
 * them, and nothing at run time could tell.
 *
 * @param {Target} target
 */
function removeOutdatedBinaries(target) {
  const folder = dirname(binaryPath(target));
  for (const name of existsSync(folder) ? readdirSync(folder) : []) {
    const stamp = readStamp(join(root, 'build', `native-${name.replace(/\.node$/, '')}`));
    const outdated = stamp !== undefined && !stamp.endsWith(sourcesHash({ withTests: false }));
    if (outdated && name !== `abi${target.abi}.node`) rmSync(join(folder, name));
  }
}

/**
 * An install that fails takes the whole `npm install` of the user down, for a tool that only the
 * tests need. So this one explains and succeeds; the package says so again when it is used.
 */
async function install() {
  const target = describeNode(process.execPath);
  const folder = join(root, 'build', `native-abi${target.abi}`);
  if (!isSupported()) {
    const here = platform === 'linux-x64' ? `${platform} with another C library` : platform;
    explain(`memray-mocha measures memory on Linux x64 with glibc only, not on ${here}.`, [
      'Nothing needs to be done: tests run here without being measured.',
    ]);
    return;
  }
  // A binary without a stamp came with the package. It is of no use when this system's C library is older.
  const shipped = existsSync(binaryPath(target)) && readStamp(folder) === undefined;
  if (shipped && canLoad(target)) return;
  try {
    await buildAddon(target);
  } catch (error) {
    explain(`memray-mocha could not compile its native part for Node ${target.version}.`, [
      'Install a C++20 compiler (g++ 11 or newer), make and Python 3, then run `npm rebuild memray-mocha`.',
      keepLog(String(error instanceof Error ? error.message : error)),
    ]);
  }
}

/**
 * Where the disk is full or the folder may not be written to, which is what went wrong then, the log cannot be either.
 *
 * @param {string} output
 */
function keepLog(output) {
  const log = join(root, 'build', 'install.log');
  try {
    mkdirSync(dirname(log), { recursive: true });
    writeFileSync(log, output);
    return `What went wrong is in ${log}`;
  } catch {
    return `What went wrong: ${output}`;
  }
}

function isSupported() {
  const report = /** @type {{ header?: { glibcVersionRuntime?: string } }} */ (
    process.report?.getReport()
  );
  return platform === 'linux-x64' && report?.header?.glibcVersionRuntime !== undefined;
}

/** @param {Target} target */
function canLoad(target) {
  try {
    execFileSync(target.node, ['-e', 'require(process.argv[1])', binaryPath(target)], {
      stdio: 'ignore',
    });
    return true;
  } catch {
    return false;
  }
}

/**
 * @param {string} problem
 * @param {string[]} remedies
 */
function explain(problem, remedies) {
  console.warn([problem, ...remedies].join('\n'));
}
