// The addon of the workloads: see addon/allocate.c.
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from '../scripts/run.mjs';

export const addonSource = join(import.meta.dirname, 'addon', 'allocate.c');
export const addonBinary = join(root, 'build/bench/allocate.node');

/**
 * @typedef {object} Addon
 * @property {(pairs: number) => void} churn
 * @property {(pairs: number) => number} count
 * @property {(action: () => void) => number} countCall
 * @property {(threads: number, pairs: number) => void} churnInThreads
 * @property {(count: number) => void} keep
 * @property {(count: number) => void} replace
 */

/** @returns {Addon} */
export function loadAddon() {
  return createRequire(import.meta.url)(addonBinary);
}
