import { createStats, formatStats } from '../../reporters/stats-report';
import { readCount, toJson, type Command } from '../command';

/** `memray-mocha stats`: totals, sizes, allocators and the places that allocate most. */
export const stats: Command = {
  description: 'Totals, a histogram of sizes, allocators, and the lines that allocate most',
  options: { 'num-largest': { type: 'string', default: '5' } },
  help: { 'num-largest': 'lines shown, 0 for all (default 5)' },
  run(reader, values, view) {
    const allocations = reader.allocations({ native: view.native });
    const count = readCount(values, 'num-largest') || Infinity;
    const numbers = createStats(reader.statistics(), allocations, view, count);
    return values.json ? toJson(numbers) : formatStats(numbers);
  },
};
