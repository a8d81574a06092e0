import { createStats, formatStats } from '../../reporters/stats-report';
import { readCount, toJson, type Command } from '../command';

/** `memray-mocha stats`: totals, sizes, allocators and the places that hold and allocate most. */
export const stats: Command = {
  description:
    'Totals, a histogram of sizes, allocators, and the lines that hold and allocate most',
  options: {
    'num-largest': { type: 'string', help: 'lines shown, 0 for all (default 5; all with --json)' },
  },
  run(reader, values, view) {
    const { native } = view;
    const rows = {
      highWaterMark: reader.highWaterMark({ native }),
      allocations: reader.allocations({ native }),
    };
    const count = readCount(values, 'num-largest', 5);
    const numbers = createStats(reader.statistics(), rows, view, count);
    return [values.json ? toJson(numbers) : formatStats(numbers)];
  },
};
