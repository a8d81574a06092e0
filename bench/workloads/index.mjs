import { emptyTestWorkloads } from './empty-tests.mjs';
import { nativeMemoryWorkloads } from './native-memory.mjs';
import { objectWorkloads } from './objects.mjs';
import { programWorkloads } from './programs.mjs';

/** @typedef {'objects' | 'native memory'} Kind of what is allocated */

/**
 * @typedef {object} Workload
 * @property {string} name
 * @property {string} title tells how much is done: what was measured under another title is forgotten
 * @property {Kind[]} allocates what most of the time goes to
 * @property {() => (() => unknown) | Promise<() => unknown>} prepare gives what is measured, the body of one
 *   test; what it does itself is not
 * @property {number} [emptyTests] instead, so many tests with nothing in them are measured
 * @property {boolean} [needsPackages] of bench/package.json
 * @property {number} [liveBlocks] how many blocks are live at the end
 */

/** @type {Workload[]} */
export const workloads = [
  ...objectWorkloads,
  ...nativeMemoryWorkloads,
  ...programWorkloads,
  ...emptyTestWorkloads,
].sort((a, b) => a.name.localeCompare(b.name, 'en', { numeric: true }));
