// Installing what a lockfile asks for, when it is not there yet. Uses Node's own modules only.
import { existsSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import { root, run } from './run.mjs';

const quietly = ['--no-audit', '--no-fund', '--loglevel=error'];

/**
 * Installs the dependencies of a folder, unless they are all there, compiled for this Node.
 *
 * @param {string} folder relative to the repository
 * @param {string} title what is printed when there is something to do
 * @param {string[]} options of `npm ci`
 * @param {NodeJS.ProcessEnv} [env]
 */
export async function installDependencies(folder, title, options, env = process.env) {
  const cwd = join(root, folder);
  const stamp = join(cwd, 'node_modules', '.abi');
  const abi = process.versions.modules;
  const compiledForThis = existsSync(stamp) && readFileSync(stamp, 'utf8') === abi;
  const complete = hasDependencies(cwd);
  // Without install scripts nothing was compiled, so any Node will do.
  if (complete && (compiledForThis || options.includes('--ignore-scripts'))) return;

  console.log(title);
  await run('npm', [complete ? 'rebuild' : 'ci', ...options, ...quietly], { cwd, env });
  writeFileSync(stamp, abi);
}

/**
 * Whether npm's record of what it installed has what the lockfile asks for.
 *
 * @param {string} folder
 */
function hasDependencies(folder) {
  const record = join(folder, 'node_modules', '.package-lock.json');
  if (!existsSync(record)) return false;
  const installed = JSON.parse(readFileSync(record, 'utf8')).packages;
  const wanted = JSON.parse(readFileSync(join(folder, 'package-lock.json'), 'utf8')).packages;
  return Object.keys(wanted).every(
    (path) =>
      !path.startsWith('node_modules/') ||
      installed[path]?.version === wanted[path].version ||
      // What other platforms need is in the lockfile only.
      (wanted[path].optional && !installed[path]),
  );
}
