import { createHash } from 'node:crypto';
import {
  copyFileSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  writeFileSync,
} from 'node:fs';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { headersFolder } from '../../scripts/headers-folder.mjs';
import { root, run } from '../../scripts/run.mjs';

const sources = join(root, 'test', 'fixtures', 'addon');
const folder = join(root, 'build', 'fixture-addon');

/** Where the compiled addon and the library it loads are. */
export const fixtureAddon = join(folder, 'build', 'Release', 'fixture.node');
export const fixtureLibrary = join(folder, 'build', 'Release', 'fixture_library.node');

/** Compiles the addon of test/fixtures/addon, unless it is up to date. Every Node can load it. */
export async function buildFixtureAddon(): Promise<void> {
  const names = readdirSync(sources).sort();
  const hash = createHash('sha256');
  for (const name of names) hash.update(name).update(readFileSync(join(sources, name)));
  const stamp = hash.digest('hex');
  const stampFile = join(folder, 'stamp');
  if (existsSync(stampFile) && readFileSync(stampFile, 'utf8') === stamp) return;

  mkdirSync(folder, { recursive: true });
  for (const name of names) copyFileSync(join(sources, name), join(folder, name));
  const nodeGyp = createRequire(__filename).resolve('node-gyp/bin/node-gyp.js');
  const headers = headersFolder(process.execPath);
  const settings = [...(headers ? [`--nodedir=${headers}`] : []), '--release', '--loglevel=warn'];
  await run(process.execPath, [nodeGyp, 'rebuild', ...settings], { cwd: folder, quiet: true });
  writeFileSync(stampFile, stamp);
}
