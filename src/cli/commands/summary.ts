import { createTable, formatTable } from '../../reporters/table-report';
import { LEAKS_OPTION, readCount, readRows, tellHidden, toJson, type Command } from '../command';

/** `memray-mocha summary`: functions and the memory below them. */
export const summary: Command = {
  description: 'A table of functions: memory with all they call, and their own',
  options: {
    leaks: LEAKS_OPTION,
    'max-rows': { type: 'string', help: 'rows shown, 0 for all (default 20; all with --json)' },
  },
  run(reader, values, view) {
    const rows = readRows(reader, values);
    const table = createTable(rows, view);
    const shown = table.slice(0, readCount(values, 'max-rows', 20));
    if (values.json) return [toJson(shown)];
    const totalBytes = rows.reduce((sum, { bytes }) => sum + bytes, 0);
    return [formatTable(shown, totalBytes), ...tellHidden(table.length - shown.length, 'max-rows')];
  },
};
