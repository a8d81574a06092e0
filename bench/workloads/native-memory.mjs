// W2, W3-blocks and W5: memory outside the JS heap.
import { loadAddon } from '../addon.mjs';

const DESCENTS = 1000;
const BUFFERS_PER_DESCENT = 200;
const BUFFER_BYTES = 9000;
const KEPT_BLOCKS = 1e6;
const PAIRS = 4e6;
const THREADS = 8;

/** Makes Buffers where the call stack has so many frames of JavaScript more. */
function makeBuffersAt(/** @type {number} */ depth) {
  if (depth > 1) return makeBuffersAt(depth - 1);
  for (let i = 0; i < BUFFERS_PER_DESCENT; i += 2) {
    Buffer.allocUnsafeSlow(BUFFER_BYTES);
    Buffer.alloc(BUFFER_BYTES);
  }
}

/** @type {(depth: number) => import('./index.mjs').Workload} */
const buffersAt = (depth) => ({
  name: `W2-${depth}`,
  title: `200,000 Buffers of 9,000 bytes at JS depth ${depth}`,
  allocates: ['native memory'],
  prepare: () => () => {
    for (let i = 0; i < DESCENTS; i++) makeBuffersAt(depth);
  },
});

/** @type {(threads: number) => import('./index.mjs').Workload} */
const churnIn = (threads) => ({
  name: `W5-${threads}`,
  title: `4,000,000 malloc and free in an addon, ${threads === 1 ? 'one thread' : `${threads} threads`}`,
  allocates: ['native memory'],
  prepare: () => {
    const { churnInThreads } = loadAddon();
    return () => churnInThreads(threads, PAIRS / threads);
  },
});

/** @type {import('./index.mjs').Workload[]} */
export const nativeMemoryWorkloads = [
  buffersAt(10),
  buffersAt(30),
  {
    name: 'W3-blocks',
    title: '1,000,000 blocks of an addon kept',
    allocates: ['native memory'],
    liveBlocks: KEPT_BLOCKS,
    prepare: () => {
      const { keep } = loadAddon();
      return () => keep(KEPT_BLOCKS);
    },
  },
  churnIn(1),
  churnIn(THREADS),
];
