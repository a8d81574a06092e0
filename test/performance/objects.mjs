// Prints how many instructions it takes to make so many objects, each with a call stack of its own, at the least of
// some times: V8 compiles and collects garbage now and then.
//
//   objects.mjs <tracked, untracked> <objects>
import { loadAddon } from '../../bench/addon.mjs';
import { Tracker } from '../../dist/index.js';

const DEPTH = 16;
const WARM_UP = 3000;
const TIMES = 5;

const [mode, objects] = process.argv.slice(2);
const { countCall } = loadAddon();
const tracker = new Tracker({ traceJs: true });
const kept = new Array(WARM_UP + TIMES * Number(objects));
let made = 0;

if (mode === 'tracked') tracker.start();
// Without being counted: functions are compiled, and V8 is asked about call stacks as well, often at first.
make(WARM_UP);
const counts = Array.from({ length: TIMES }, () => countCall(() => make(Number(objects))));
console.log(Math.min(...counts));
if (mode === 'tracked') tracker.stop().close();

/** @type {(objects: number) => void} */
function make(objects) {
  for (const end = made + objects; made < end; made++) kept[made] = left(made, DEPTH);
}

/** @type {(path: number, depth: number) => object} */
function left(path, depth) {
  return depth === 0
    ? { path }
    : path & 1
      ? left(path >> 1, depth - 1)
      : right(path >> 1, depth - 1);
}

/** @type {(path: number, depth: number) => object} */
function right(path, depth) {
  return depth === 0
    ? { path }
    : path & 1
      ? left(path >> 1, depth - 1)
      : right(path >> 1, depth - 1);
}
