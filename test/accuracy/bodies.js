'use strict';

// Test bodies whose memory is known, from the sizes of what they allocate.
const { EventEmitter } = require('node:events');
const { readFileSync } = require('node:fs');
const path = require('node:path');
const { Worker } = require('node:worker_threads');
const sizes = require('./v8-sizes');

const KIB = 1024;
const MIB = 1024 * KIB;

/** What the leaking bodies keep. */
const kept = new Array(1000);
const keptViews = new Array(8000);
const emitter = new EventEmitter().setMaxListeners(0);
const source = Buffer.alloc(4 * KIB, 'memory ');
const noop = () => {};
/** A number of 8 KiB, and one of a quarter of that. */
const large = 1n << BigInt(8 * 8 * KIB - 1);
const quarter = large >> BigInt(6 * 8 * KIB);
/** Objects of six numbers, which are whole but for the first one's: V8 has fields of doubles for them all. */
const json = JSON.stringify(Array.from({ length: 48 }, (_, i) => objectOfSix(i || 0.5)));
/** Never settles. Whoever waits for it hangs on it. */
let never = new Promise(noop);

class Holder {
  constructor(list, number) {
    this.list = list;
    this.number = number;
  }
}

function objectOfSix(i) {
  return { a: i, b: i, c: i, d: i, e: i, f: i };
}

const closureBytes = sizes.arrowFunctionBytes + sizes.contextBytes(1);

function smallObjectsBytes(count) {
  return sizes.arrayBytes(count) + count * sizes.objectBytes(3);
}

function holdObjects(count) {
  const held = new Array(count);
  for (let i = 0; i < count; i++) {
    held[i] = { a: i, b: i, c: i }; // small objects
  }
  return held.length;
}

function holdTypedArrays() {
  const held = new Array(50_000);
  for (let i = 0; i < 50_000; i++) {
    held[i] = new Uint8Array(8); // small typed arrays
  }
  return held.length;
}

function churnObjects() {
  const live = new Array(200);
  for (let i = 0; i < 1_000_000; i++) {
    live[i % 200] = new Array(60); // 512 bytes
  }
  return live.length;
}

function churnBuffers() {
  let length = 0;
  for (let i = 0; i < 1000; i++) {
    length += Buffer.alloc(MIB).length;
  }
  return length;
}

function holdBuffers() {
  const held = new Array(2000);
  for (let i = 0; i < 2000; i++) {
    held[i] = Buffer.alloc(16 * KIB); // kept Buffers
  }
  return held.length;
}

function holdStrings() {
  const held = new Array(20_000);
  for (let i = 0; i < 20_000; i++) {
    held[i] = source.latin1Slice(0, KIB); // strings
  }
  return held.length;
}

function holdArrayBuffer() {
  const buffer = new ArrayBuffer(64 * MIB); // ArrayBuffer
  return buffer.byteLength;
}

function holdWebAssemblyMemory() {
  const memory = new WebAssembly.Memory({ initial: 160 }); // WebAssembly memory
  return memory.buffer.byteLength;
}

/** @param {string} hold an expression whose value the worker holds */
function runWorker(hold) {
  const code = `
    const held = ${hold};
    require('node:worker_threads').parentPort.postMessage(held.length);`;
  return new Promise((resolve, reject) => {
    const worker = new Worker(code, { eval: true });
    worker.once('error', reject);
    worker.once('exit', resolve);
  });
}

function allocateInThread() {
  const { allocateInThread: allocate } = require(
    path.join(__dirname, '../../build/accuracy/allocate_in_thread.node'),
  );
  return allocate(5 * MIB);
}

/** Runs `keep` a thousand times, amid a hundred times as much garbage. */
function leakAmidGarbage(keep) {
  for (let i = 0; i < 1000; i++) {
    keep(i);
    for (let j = 0; j < 100; j++) makeGarbage();
  }
}

function makeGarbage() {
  return new Array(254);
}

/**
 * What keeps two KiB, or nearly, each time it runs; or more, where there are many small objects: that chance has less of a say.
 *
 * @type {{
 *   name: string, keep(i: number): void, bytes: Record<string, number>, bytesOutsideSnapshot?: number
 * }[]} `bytes`: what each line keeps, by the comment on it
 */
const leakKinds = [
  {
    name: 'plain objects',
    keep(i) {
      kept[i] = { list: new Array(246) }; // leaks plain objects
    },
    bytes: { 'leaks plain objects': sizes.objectBytes(1) + sizes.arrayBytes(246) },
  },
  {
    name: 'class instances',
    keep(i) {
      kept[i] = new Holder(new Array(245), i); // leaks class instances
    },
    bytes: { 'leaks class instances': sizes.objectBytes(2) + sizes.arrayBytes(245) },
  },
  {
    name: 'arrays that became shorter',
    keep(i) {
      kept[i] = new Array(1000); // leaks shorter arrays
      makeGarbage();
      kept[i].length = 252;
    },
    bytes: { 'leaks shorter arrays': sizes.arrayBytes(252) },
  },
  {
    name: 'arrays that became longer',
    keep(i) {
      (kept[i] = new Array(150)).push(i); // leaks longer arrays
    },
    bytes: {
      'leaks longer arrays': sizes.objectBytes(1) + sizes.elementsBytes(151 + 75 + 16),
    },
  },
  {
    name: 'arrays whose elements were replaced',
    keep(i) {
      kept[i] = new Array(252).fill(0.5); // leaks replaced elements
    },
    bytes: { 'leaks replaced elements': sizes.arrayBytes(252) },
  },
  {
    name: 'large numbers that became small',
    keep(i) {
      kept[i] = large + quarter - large; // leaks large numbers
    },
    bytes: { 'leaks large numbers': sizes.bigIntBytes(2 * 8 * KIB) },
  },
  {
    name: 'numbers of parsed JSON',
    keep(i) {
      kept[i] = JSON.parse(json); // leaks parsed numbers
    },
    bytes: {
      'leaks parsed numbers':
        sizes.arrayBytes(48) + 48 * (sizes.objectBytes(6) + 6 * sizes.numberBytes),
    },
  },
  {
    name: 'closures',
    isOfSeveralStacks: true,
    keep(i) {
      // prettier-ignore
      kept[i] = ((list) => () => list)(new Array(238)); // leaks closures
    },
    bytes: { 'leaks closures': closureBytes + sizes.arrayBytes(238) },
  },
  {
    name: 'strings',
    keep(i) {
      kept[i] = source.latin1Slice(0, 2032); // leaks strings
    },
    bytes: { 'leaks strings': sizes.oneByteStringBytes(2032) },
  },
  {
    name: 'Maps',
    keep(i) {
      kept[i] = new Map([[i, new Array(227)]]); // leaks Maps
    },
    bytes: { 'leaks Maps': sizes.smallMapBytes + sizes.arrayBytes(227) },
  },
  {
    name: 'typed arrays',
    keep(i) {
      kept[i] = new Float64Array(256); // leaks typed arrays
    },
    bytes: { 'leaks typed arrays': 2048 + sizes.typedArrayBytes + sizes.backingStoreBytes },
    bytesOutsideSnapshot: sizes.backingStoreBytes,
  },
  {
    name: 'small typed arrays',
    keep(i) {
      for (let j = 0; j < 8; j++) keptViews[8 * i + j] = new Float64Array(8); // leaks small typed arrays
    },
    bytes: { 'leaks small typed arrays': 8 * sizes.smallTypedArrayBytes(64) },
  },
  {
    name: 'promises never settled',
    isOfSeveralStacks: true,
    keep(i) {
      // prettier-ignore
      kept[i] = never.then(((list) => () => list)(new Array(225))); // leaks promises
    },
    bytes: {
      'leaks promises':
        closureBytes + sizes.arrayBytes(225) + sizes.promiseBytes + sizes.promiseReactionBytes,
    },
  },
  {
    name: 'timers',
    isOfSeveralStacks: true,
    keep(i) {
      kept[i] = setTimeout(noop, 1e8, new Array(219)).unref(); // leaks timers
    },
    bytes: { 'leaks timers': sizes.timerBytes + sizes.arrayBytes(219) },
  },
  {
    name: 'event listeners never removed',
    isOfSeveralStacks: true,
    keep() {
      // prettier-ignore
      emitter.on('event', ((list) => () => list)(new Array(237))); // leaks listeners
    },
    bytes: { 'leaks listeners': closureBytes + sizes.arrayBytes(237) + 8 },
  },
  {
    name: 'objects from two lines of one function',
    keep(i) {
      kept[i] = { list: new Array(245), more: null }; // leaks on the first line
      kept[i].more = { list: new Array(246) }; // leaks on the second line
    },
    bytes: {
      'leaks on the first line': sizes.objectBytes(2) + sizes.arrayBytes(245),
      'leaks on the second line': sizes.objectBytes(1) + sizes.arrayBytes(246),
    },
  },
];

/** @type {import('./bodies').Body[]} */
const bodies = [
  {
    name: 'hold 8 MB of small objects',
    run: () => holdObjects(150_000),
    peak: { bytes: smallObjectsBytes(150_000), tolerance: 0.05 },
    line: 'small objects',
    linePart: 0.8, // the array that holds them is allocated on another one
  },
  {
    name: 'hold 64 MB of small objects',
    run: () => holdObjects(1_200_000),
    peak: { bytes: smallObjectsBytes(1_200_000), tolerance: 0.05 },
    line: 'small objects',
    linePart: 0.8, // the array that holds them is allocated on another one
  },
  {
    name: '500 MB of short-lived objects',
    run: churnObjects,
    atLeastBytes: 64 * KIB,
    atMostBytes: MIB,
  },
  {
    name: '1000 Buffers of 1 MiB, none kept',
    run: churnBuffers,
    atLeastBytes: MIB,
    atMostBytes: 3 * MIB,
  },
  {
    name: '2000 Buffers of 16 KiB, kept',
    run: holdBuffers,
    peak: { bytes: 2000 * 16 * KIB, tolerance: 0.03 },
    line: 'kept Buffers',
  },
  {
    name: '20,000 strings of 1 KiB, kept',
    run: holdStrings,
    peak: {
      bytes: sizes.arrayBytes(20_000) + 20_000 * sizes.oneByteStringBytes(KIB),
      tolerance: 0.05,
    },
    line: 'strings',
  },
  {
    name: '50,000 typed arrays of 8 bytes, kept',
    run: holdTypedArrays,
    peak: {
      bytes: sizes.arrayBytes(50_000) + 50_000 * sizes.smallTypedArrayBytes(8),
      tolerance: 0.05,
    },
    line: 'small typed arrays',
  },
  {
    name: 'an ArrayBuffer of 64 MiB',
    run: holdArrayBuffer,
    peak: { bytes: 64 * MIB, tolerance: 0.01 },
    line: 'ArrayBuffer',
  },
  {
    name: '10 MiB of WebAssembly.Memory',
    run: holdWebAssemblyMemory,
    peak: { bytes: 10 * MIB, tolerance: 0.05 },
    line: 'WebAssembly memory',
  },
  {
    name: 'a worker that holds 16 MiB in Buffers',
    run: () => runWorker(`Array.from({ length: 16 }, () => Buffer.alloc(${MIB}))`),
    // What Node and V8 allocate for any worker comes on top.
    atLeastBytes: 16 * MIB,
    atMostBytes: 22 * MIB,
  },
  {
    name: 'a worker that holds 16 MiB in objects',
    run: () => runWorker('Array.from({ length: 16 * 1024 }, () => new Array(126))'),
    // The same, and garbage. What came after V8 last mapped a page or collected is not seen.
    atLeastBytes: 14 * MIB,
    atMostBytes: 24 * MIB,
  },
  {
    name: "an addon's malloc of 5 MiB in a libuv thread",
    run: allocateInThread,
    peak: { bytes: 5 * MIB, tolerance: 0.01 },
  },
  { name: 'nothing', run: () => {}, atMostBytes: 64 * KIB },
  ...leakKinds.map(({ name, keep, bytes, bytesOutsideSnapshot = 0, isOfSeveralStacks }) => ({
    name: `leak 1000 ${name}`,
    isOfSeveralStacks,
    run: () => leakAmidGarbage(keep),
    bytesOutsideSnapshots: 1000 * bytesOutsideSnapshot,
    leaks: Object.fromEntries(
      Object.entries(bytes).map(([line, each]) => [line, { bytes: 1000 * each, tolerance: 0.03 }]),
    ),
  })),
];

const lines = readFileSync(__filename, 'utf8').split('\n');

/** The number of the line of this file that ends in a comment. */
function findLine(comment) {
  return lines.findIndex((line) => line.endsWith(`; // ${comment}`)) + 1;
}

/** Lets go what a body kept, for the next one. */
function release() {
  for (const timer of kept) if (timer?.hasRef) clearTimeout(timer);
  kept.fill(null);
  keptViews.fill(null);
  emitter.removeAllListeners();
  never = new Promise(noop);
}

module.exports = { bodies, findLine, release };
