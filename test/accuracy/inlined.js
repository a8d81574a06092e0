'use strict';

// Prints with which call stacks in this file each of these functions allocates while TurboFan's code runs it, into
// which what it calls is inlined: [{ name, lines, countsByLines }]. The lines of a call stack, innermost first, are to
// be those that have its name in brackets, once for each of its frames, from the top of the file down.
const { readFileSync } = require('node:fs');
const { Tracker } = require('../../dist');

const WARM_UP_RUNS = 30_000; // enough to be optimized
const RUNS = 200;

const kept = ['any kind of value', ...new Array(RUNS)];
const numbers = [1];
const two = [7, 8];
const isTracked = new Uint8Array(1);
const always = (value) => value;
// In bytecode it is too large to be inlined.
function makeOutOfLine(value) {
  let sum = 0;
  for (let i = 0; i < 3; i++) sum += always(value) + always(i) * 2 - always(value);
  return { value, sum }; // [a call from an inlined function]
}
const callOutOfLine = (value) => makeOutOfLine(value); // [a call from an inlined function]

const makeObject = (value) => ({ value }); // [an object, two calls deep] [another caller of the same function]
const passOn = (value) => makeObject(value); // [an object, two calls deep] [another caller of the same function]
class Point {
  constructor(x) {
    this.x = x;
    this.list = [x]; // [a constructor]
  }
}
class Origin {
  get copy() {
    return { x: 0 }; // [a getter]
  }
}
const origin = new Origin();
const makeArrayBuffer = (size) => new ArrayBuffer(size); // [native memory]
const settings = { step: 1 }; // a constant of optimized code, until it is written
function makeMany(i) {
  if (!isTracked[0] || i !== 1) return;
  settings.step = 2;
  for (let k = 1; k <= RUNS; k++) kept[k] = { k }; // [what V8 discards while it runs]
}
const callMany = (i) => makeMany(i); // [what V8 discards while it runs]
/** @type {Record<string, (i: number) => void>} */
const functions = {
  'an object, two calls deep'(i) {
    always(i);
    kept[i] = passOn(i); // [an object, two calls deep]
    always(i);
  },
  'another caller of the same function'(i) {
    always(i);
    kept[i] = passOn(i); // [another caller of the same function]
  },
  'a constructor'(i) {
    always(i);
    kept[i] = new Point(i).list; // [a constructor]
    always(i);
  },
  'a getter'(i) {
    always(i);
    kept[i] = origin.copy; // [a getter]
  },
  'a callback of a builtin'(i) {
    always(i);
    // prettier-ignore
    numbers.forEach((value) => { kept[i] = { value }; }); // [a callback of a builtin] [a callback of a builtin]
  },
  'native memory'(i) {
    always(i);
    kept[i] = makeArrayBuffer(1000); // [native memory]
  },
  'a call from an inlined function'(i) {
    always(i);
    kept[i] = callOutOfLine(i); // [a call from an inlined function]
    always(i);
  },
  'an array, between other work'(i) {
    let sum = always(i);
    sum += two.reduce((all, value) => all + always(value), 0);
    kept[i] = new Array(i & 3, sum | 0, 3); // [an array, between other work]
  },
  'what V8 discards while it runs'(i) {
    const before = settings.step;
    callMany(i); // [what V8 discards while it runs]
    kept[0] = before + settings.step;
  },
};

const lines = readFileSync(__filename, 'utf8').split('\n');

function findLines(name) {
  return lines.flatMap((line, i) => new Array(line.split(`[${name}]`).length - 1).fill(i + 1));
}

function run(name, runs) {
  for (let i = 0; i < runs; i++) functions[name](1 + (i % RUNS));
}

function countByLines(name) {
  isTracked[0] = 0;
  run(name, WARM_UP_RUNS);
  isTracked[0] = 1;
  const tracker = new Tracker({ jsHeap: true, sampleIntervalBytes: 1 });
  tracker.start();
  run(name, RUNS);
  Tracker.collectGarbage();
  const reader = tracker.stop();
  const counts = {};
  for (const { count, stack } of reader.leaks()) {
    const frames = stack.frames.filter(({ filename }) => filename.endsWith('inlined.js'));
    const outermost = frames.findIndex(({ functionName }) => functionName === 'run');
    // The others are of starting and stopping.
    if (outermost < 1) continue;
    const key = frames.slice(0, outermost).map(({ lineNumber }) => lineNumber);
    counts[key] = (counts[key] ?? 0) + count;
  }
  reader.close();
  return counts;
}

// V8 tells of lines from here on, and compiles the functions when they are called.
if (!Tracker.supported) throw new Error(Tracker.unsupportedReason);
const results = Object.keys(functions).map((name) => ({
  name,
  lines: findLines(name),
  countsByLines: countByLines(name),
}));
console.log(JSON.stringify(results));
