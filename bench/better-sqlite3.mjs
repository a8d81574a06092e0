// better-sqlite3 needs a binary for each Node. npm would keep one, and compile it anew at each change.
import { cpSync, existsSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { createRequire } from 'node:module';
import { delimiter, dirname, join } from 'node:path';
import { headersFolder } from '../scripts/headers-folder.mjs';
import { root, run } from '../scripts/run.mjs';

const folder = join(root, `build/bench/better-sqlite3-abi${process.versions.modules}`);
const sources = ['binding.gyp', 'src', 'deps'];

/** Of the Node that runs this; `buildBetterSqlite3` makes it. */
export const betterSqlite3Binary = join(folder, 'build/Release/better_sqlite3.node');

/** Compiles the installed version for the Node that runs this, unless that is done. */
export async function buildBetterSqlite3() {
  const require = createRequire(import.meta.url);
  const packageFile = require.resolve('better-sqlite3/package.json');
  const { version } = JSON.parse(readFileSync(packageFile, 'utf8'));
  const stamp = join(folder, 'stamp');
  if (existsSync(stamp) && readFileSync(stamp, 'utf8') === version) return;

  console.log(`Compiling better-sqlite3 for Node ${process.version}: about a minute`);
  rmSync(folder, { recursive: true, force: true });
  // Copies: of links, gyp would put part of what it makes where the original is.
  for (const name of sources) {
    cpSync(join(dirname(packageFile), name), join(folder, name), { recursive: true });
  }
  const headers = headersFolder(process.execPath);
  const env = {
    ...process.env,
    ...(headers && { npm_config_nodedir: headers }),
    // Its build runs `node`.
    PATH: [dirname(process.execPath), process.env['PATH']].join(delimiter),
  };
  const nodeGyp = require.resolve('node-gyp/bin/node-gyp.js');
  const parameters = [nodeGyp, 'rebuild', '--release', '--loglevel=warn'];
  await run(process.execPath, parameters, { cwd: folder, env, quiet: true });
  writeFileSync(stamp, version);
}
