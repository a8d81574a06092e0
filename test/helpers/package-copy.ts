import { cpSync, existsSync, rmSync } from 'node:fs';
import { join } from 'node:path';

const root = join(__dirname, '..', '..');

/**
 * Puts what users get of this package, and its dependencies at run time, into a `node_modules`
 * folder. Copied, not linked: a link would resolve `mocha` to the one in this repository.
 */
export function copyPackageTo(nodeModules: string) {
  const home = join(nodeModules, 'memray-mocha');
  rmSync(home, { recursive: true, force: true });
  for (const name of ['package.json', 'bin', 'dist', 'prebuilds']) {
    const source = join(root, name);
    if (existsSync(source)) cpSync(source, join(home, name), { recursive: true });
  }
  for (const name of ['kleur', '@jridgewell']) {
    cpSync(join(root, 'node_modules', name), join(nodeModules, name), { recursive: true });
  }
}
