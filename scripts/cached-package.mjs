// Packages that tests and builds need in several versions, each downloaded from npm once.
import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, rename, rm } from 'node:fs/promises';
import { join } from 'node:path';
import { root, run } from './run.mjs';

const cache = join(root, '.cache');

/**
 * The folder of a package, downloaded when it is not in `.cache/` yet.
 *
 * @param {string} name
 * @param {string} version a range as npm understands it
 * @returns {Promise<string>}
 */
export async function cachedPackage(name, version) {
  const home = join(cache, `${name}@${version}`);
  const folder = join(home, 'node_modules', name);
  if (existsSync(folder)) return folder;

  console.log(`Downloading ${name}@${version} from npm`);
  await mkdir(cache, { recursive: true });
  const unfinished = await mkdtemp(join(cache, 'unfinished-'));
  try {
    await run(
      'npm',
      [
        'install',
        '--prefix',
        unfinished,
        '--no-save',
        '--no-package-lock',
        '--ignore-scripts',
        '--no-audit',
        '--no-fund',
        '--loglevel=error',
        `${name}@${version}`,
      ],
      { cwd: unfinished, quiet: true },
    );
    // Another process may have been faster: its copy is as good.
    await rename(unfinished, home).catch((error) => {
      if (!existsSync(folder)) throw error;
    });
  } finally {
    await rm(unfinished, { recursive: true, force: true });
  }
  return folder;
}
