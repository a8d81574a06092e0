import { createTree, formatTree, type TreeNode } from '../../reporters/tree-report';
import { LEAKS_OPTION, readCount, readRows, tellHidden, toJson, type Command } from '../command';

/** `memray-mocha tree`: the largest call stacks, merged from their callers down. */
export const tree: Command = {
  description: 'The call stacks that hold most, as a tree from their callers down',
  options: {
    leaks: LEAKS_OPTION,
    'biggest-allocs': {
      type: 'string',
      help: 'call stacks shown, 0 for all (default 10; all with --json)',
    },
  },
  *run(reader, values, view) {
    const rows = readRows(reader, values);
    const shown = readCount(values, 'biggest-allocs', 10);
    const root = createTree(rows, view, shown);
    if (values.json) {
      yield* formatJson(root);
    } else {
      yield* formatTree(root);
      yield* tellHidden(rows.length - shown, 'biggest-allocs');
    }
  },
};

/** A line for each node, not indented: most of a deep tree would be that. */
function* formatJson(root: TreeNode): Generator<string> {
  const waiting = [{ node: root, end: '' }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { children, ...own } = next.node;
    const start = `${toJson(own, 0).slice(0, -1)},"children":[`;
    yield children.length > 0 ? start : `${start}]}${next.end}`;
    for (const child of children.toReversed()) {
      waiting.push({ node: child, end: child === children.at(-1) ? `]}${next.end}` : ',' });
    }
  }
}
