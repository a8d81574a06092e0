// Prints how many instructions malloc and free take, called so many times at a depth of JavaScript calls:
//
//   churn.mjs <tracked, untracked> <pairs> <depth>
import { loadAddon } from '../../bench/addon.mjs';
import { Tracker } from '../../dist/index.js';

const [mode, pairs, depth] = process.argv.slice(2);
const { churn, count } = loadAddon();
const tracker = new Tracker();

if (mode === 'tracked') tracker.start();
// Without being counted: what is done for the first event of a call stack only is no cost of an event, nor is that
// V8 is asked about the stack as well, often at first and seldom later.
at(Number(depth), () => churn(1));
at(Number(depth), () => {
  churn(1500);
  console.log(count(Number(pairs)));
});
if (mode === 'tracked') tracker.stop().close();

/** @type {(depth: number, action: () => void) => void} */
function at(depth, action) {
  if (depth > 0) at(depth - 1, action);
  else action();
}
