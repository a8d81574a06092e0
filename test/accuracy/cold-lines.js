'use strict';

// Prints on which lines of this file each of these functions allocates, while V8's interpreter or
// Sparkplug's code runs it: [{ name, line, objectsByLine }]. Each does so on one line, the one with its name, after
// another line has called something.
const { readFileSync } = require('node:fs');
const { Tracker } = require('../../dist');

const WARM_UP_RUNS = 20; // in which V8 allocates what it keeps of each literal and call
const RUNS = 100; // too few to be optimized

const kept = ['any kind of value', ...new Array(WARM_UP_RUNS + RUNS)];
const pushed = [];
const previous = (value) => value;

/** @type {Record<string, (i: number) => void>} */
const functions = {
  'object literals'(i) {
    previous(i);
    kept[i] = { a: i, b: i }; // object literals
  },
  'empty objects'(i) {
    previous(i);
    kept[i] = {}; // empty objects
  },
  'array literals'(i) {
    previous(i);
    kept[i] = [i, 2, 3]; // array literals
  },
  'empty arrays'(i) {
    previous(i);
    kept[i] = []; // empty arrays
  },
  'nested literals'(i) {
    previous(i);
    kept[i] = { list: [{ a: i }, 0.5], more: { ratio: 1.5 } }; // nested literals
  },
  'literals that are pushed'(i) {
    previous(i);
    pushed.push({ a: i }); // literals that are pushed
  },
  'literals in a loop'(i) {
    for (let j = 0; j < 3; j++) {
      kept[i] = { former: kept[i] }; // literals in a loop
      previous(i);
    }
  },
  'closures and their contexts'(i) {
    previous(i);
    // prettier-ignore
    kept[i] = ((value) => { previous(value); return () => value; })(i); // closures and their contexts
  },
  'caught errors'(i) {
    previous(i);
    // prettier-ignore
    try { throw i; } catch (error) { kept[i] = () => error; } // caught errors
  },
  numbers(i) {
    previous(i);
    kept[i] = i + 0.5; // numbers
  },
  'strings put together'(i) {
    previous(i);
    kept[i] = 'a string that is long enough to be put together ' + i; // strings put together
  },
  'template strings'(i) {
    previous(i);
    kept[i] = `number ${i} of a string that is long enough`; // template strings
  },
};

const lines = readFileSync(__filename, 'utf8').split('\n');

function countByLine(name) {
  const run = functions[name];
  for (let i = 1; i <= WARM_UP_RUNS; i++) run(i);
  const tracker = new Tracker({ jsHeap: true, sampleIntervalBytes: 1 });
  tracker.start();
  for (let i = WARM_UP_RUNS + 1; i <= WARM_UP_RUNS + RUNS; i++) run(i);
  const reader = tracker.stop();
  const counts = {};
  for (const { count, heap, stack } of reader.leaks()) {
    const frame = stack.frames.find(({ filename }) => filename.endsWith('cold-lines.js'));
    // What V8 keeps of the calls of this function is allocated here, too.
    if (heap !== 'js' || !frame || frame.functionName === 'countByLine') continue;
    counts[frame.lineNumber] = (counts[frame.lineNumber] ?? 0) + count;
  }
  reader.close();
  return counts;
}

// V8 tells of lines from here on, and compiles the functions when they are called.
if (!Tracker.supported) throw new Error(Tracker.unsupportedReason);
const results = Object.keys(functions).map((name) => ({
  name,
  line: lines.findIndex((line) => line.endsWith(` // ${name}`)) + 1,
  objectsByLine: countByLine(name),
}));
console.log(JSON.stringify(results));
