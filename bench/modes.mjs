// What a workload is run with: nothing, memray-mocha in each of its modes, or another tool.
import { execFileSync } from 'node:child_process';
import { createRequire } from 'node:module';
import { join } from 'node:path';
import { root } from '../scripts/run.mjs';

/**
 * @typedef {object} Mode
 * @property {string} name
 * @property {string} title
 * @property {string[]} [options] Mocha's, when memray-mocha is loaded
 * @property {(context: any) => void} [limit] declares a limit on the suite that runs the workload
 * @property {import('./workloads/index.mjs').Kind} [measures] it is for; everything when left out
 * @property {boolean} [isOnRequest] measured only where it is asked for by name
 * @property {boolean} [isSlow] measured three times only: its ratio is so large that noise does not matter
 * @property {boolean} [seesMalloc] whether it records every malloc and free
 * @property {(file: string) => string[]} [command] what runs Node; `file` takes its output
 * @property {(folder: string) => string[]} [nodeOptions] `folder` takes its output
 * @property {() => unknown} [start] begins to record, in the process of the workload
 * @property {() => boolean} [isInstalled]
 */

const require = createRequire(join(root, 'bench/package.json'));
const EVERY_OBJECT = 1;

/** @type {Mode[]} */
const ours = [
  { name: 'off', title: '`memray: off`', options: ['--memray=off'] },
  { name: 'limits', title: '`memray: limits`, no limit', options: ['--memray=limits'] },
  { name: 'all', title: 'default', options: [], seesMalloc: true },
  {
    name: 'native',
    title: '`native`',
    measures: 'native memory',
    options: ['--memray-native'],
    seesMalloc: true,
  },
  {
    name: 'no-js-heap',
    title: 'without `js-heap`',
    options: ['--memray-js-heap=false'],
    seesMalloc: true,
  },
  {
    name: 'limit-memory',
    title: "`limitMemory('1 TB')`",
    options: [],
    seesMalloc: true,
    limit: (context) => context.limitMemory('1 TB'),
  },
  {
    name: 'limit-leaks',
    title: "`limitLeaks('1 MB')`",
    measures: 'objects',
    options: [],
    limit: (context) => context.limitLeaks('1 MB', () => false),
  },
  {
    name: 'exact',
    title: "`limitLeaks('1 MB', { exact: true })`",
    measures: 'objects',
    isSlow: true,
    options: [],
    limit: (context) => context.limitLeaks('1 MB', { exact: true, filterFn: () => false }),
  },
];

/**
 * What V8's compilers are kept from, each on its own: see docs/performance.md.
 *
 * @type {Mode[]}
 */
const compilerFlags = [
  '--no-maglev',
  '--max-inlined-bytecode-size-cumulative=60',
  '--no-turbo-inlining',
  '--no-sparkplug',
].map((flag) => ({
  name: flag.slice(2),
  title: `untracked, \`${flag}\``,
  isOnRequest: true,
  nodeOptions: () => [flag],
}));

/** @type {Mode[]} */
const peers = [
  {
    name: 'heap-prof',
    title: '`node --heap-prof`',
    measures: 'objects',
    nodeOptions: (folder) => ['--heap-prof', `--heap-prof-dir=${folder}`],
  },
  ...[32768, 4096, 512, EVERY_OBJECT].map(sampling),
  {
    name: 'track-allocations',
    title: '`startTrackingHeapObjects`, `trackAllocations`',
    measures: 'objects',
    isSlow: true,
    start: () => inspect('HeapProfiler.startTrackingHeapObjects', { trackAllocations: true }),
  },
  {
    name: 'datadog-pprof',
    title: '@datadog/pprof, heap',
    measures: 'objects',
    isInstalled: () => isInstalled(() => require.resolve('@datadog/pprof')),
    start: () => require('@datadog/pprof').heap.start(512 * 1024, 64),
  },
  {
    name: 'heaptrack',
    title: 'heaptrack',
    measures: 'native memory',
    isSlow: true,
    seesMalloc: true,
    isInstalled: () => isInstalled(() => execFileSync('heaptrack', ['--version'])),
    command: (file) => ['heaptrack', '--output', file],
  },
];

/**
 * What all others are compared with.
 *
 * @type {Mode}
 */
export const untracked = { name: 'untracked', title: 'untracked' };

/** @type {Mode[]} */
export const modes = [untracked, ...ours, ...compilerFlags, ...peers];

/**
 * @param {number} interval
 * @returns {Mode}
 */
function sampling(interval) {
  return {
    name: `sampling-${interval}`,
    title: `inspector sampling, ${interval} B`,
    measures: 'objects',
    isSlow: interval === EVERY_OBJECT,
    start: () => inspect('HeapProfiler.startSampling', { samplingInterval: interval }),
  };
}

/**
 * @param {string} method
 * @param {object} parameters
 */
async function inspect(method, parameters) {
  const { Session } = await import('node:inspector/promises');
  const session = new Session();
  session.connect();
  await session.post(method, parameters);
}

/** @param {() => unknown} find throws when it is not */
function isInstalled(find) {
  try {
    find();
    return true;
  } catch {
    return false;
  }
}
