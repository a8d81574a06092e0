// Writes a capture of churn: write-capture.mjs <file> <live blocks> <events>
import { Tracker } from '../../dist/index.js';
import { loadAddon } from '../addon.mjs';

const CALL_SITES = 20;
const REPLACED_PER_CALL = 8;

const [path = '', liveBlocks, events] = process.argv.slice(2);
const { keep, replace } = loadAddon();
const callSites = Array.from(
  { length: CALL_SITES },
  (_, i) => new Function('replace', 'count', `replace(count); return ${i};`),
);

const tracker = new Tracker({ path });
tracker.start();
keep(Number(liveBlocks));
for (let left = Number(events) - Number(liveBlocks), call = 0; left > 0; call++) {
  callSites[call % CALL_SITES]?.(replace, REPLACED_PER_CALL);
  left -= 2 * REPLACED_PER_CALL;
}
tracker.stop().close();
