import { createTree, formatTree } from '../../reporters/tree-report';
import { LEAKS_HELP, readCount, readRows, tellHidden, toJson, type Command } from '../command';

/** `memray-mocha tree`: the largest call stacks, merged from their callers down. */
export const tree: Command = {
  description: 'The call stacks that hold most, as a tree from their callers down',
  options: { leaks: { type: 'boolean' }, 'biggest-allocs': { type: 'string', default: '10' } },
  help: { leaks: LEAKS_HELP, 'biggest-allocs': 'call stacks shown, 0 for all (default 10)' },
  run(reader, values, view) {
    const rows = readRows(reader, values);
    const shown = readCount(values, 'biggest-allocs') || rows.length;
    const root = createTree(rows, view, shown);
    if (values.json) return toJson(root);
    return formatTree(root) + tellHidden(rows.length - shown, 'biggest-allocs');
  },
};
