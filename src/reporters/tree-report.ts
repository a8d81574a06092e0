import { keyOfPlace, type Frame, type Place } from '../call-stack';
import type { AllocationRecord } from '../capture/capture-reader';
import { formatMemorySize } from '../memory-size';
import { displayPath, formatPlace, visibleFrames, type StackView } from '../stack-trace';

/** One call, with the calls it made. */
export interface TreeNode {
  functionName: string;
  filename: string;
  lineNumber: number;
  /** Of the root those of all call stacks, also of those that the tree leaves out; so is its count. */
  bytes: number;
  count: number;
  /** Largest first. */
  children: TreeNode[];
}

/** A node that grows. */
interface Branch {
  node: TreeNode;
  branches: Map<string, Branch>;
}

/**
 * Each takes a line as long as it is deep. Trackers record up to 255 calls, and what V8 inlined in them: some 3,000 in
 * the worst case that is known.
 */
const MAX_DEPTH = 5000;

/**
 * Merges call stacks into a tree, callers above what they call.
 *
 * @param rows all there are: the root has their sum
 * @param shown how many of them are merged
 */
export function createTree(
  rows: AllocationRecord[],
  view: StackView,
  shown = rows.length,
): TreeNode {
  const root = createBranch({ functionName: '<root>', filename: '', lineNumber: 0 });
  const all = [root];
  for (const [index, { bytes, count, stack }] of rows.entries()) {
    add(root.node, bytes, count);
    const frames = index < shown ? visibleFrames(stack, view).slice(0, MAX_DEPTH) : [];
    let branch = root;
    for (const frame of frames.reverse()) {
      branch = findBranch(branch, frame, view, all);
      add(branch.node, bytes, count);
    }
  }
  for (const { node, branches } of all) {
    node.children = [...branches.values()].map((branch) => branch.node);
    node.children.sort((a, b) => b.bytes - a.bytes);
  }
  return root.node;
}

/** The tree as text, line by line. */
export function* formatTree(root: TreeNode): Generator<string> {
  // Not a function that calls itself: stacks may be deeper than its own could be.
  const waiting = [{ node: root, first: '', rest: '' }];
  for (let next = waiting.pop(); next; next = waiting.pop()) {
    const { node, first, rest } = next;
    yield first + formatNode(node, root.bytes);
    for (const child of node.children.toReversed()) {
      const isLast = child === node.children.at(-1);
      waiting.push({
        node: child,
        first: `${rest}${isLast ? '└── ' : '├── '}`,
        rest: `${rest}${isLast ? '    ' : '│   '}`,
      });
    }
  }
}

function formatNode(node: TreeNode, total: number): string {
  const { functionName, filename, lineNumber, bytes, children } = node;
  const icon = children.length > 0 ? '📂' : '📄';
  const percent = total > 0 ? ((bytes / total) * 100).toFixed(2) : '0.00';
  const name = formatPlace({ functionName, filename, lineNumber }, '  ');
  return `${icon} ${formatMemorySize(bytes)} (${percent} %) ${name}`;
}

function findBranch({ branches }: Branch, frame: Frame, { cwd }: StackView, all: Branch[]): Branch {
  const key = keyOfPlace(frame);
  const known = branches.get(key);
  if (known) return known;
  const branch = createBranch({ ...frame, filename: displayPath(frame.filename, cwd) });
  branches.set(key, branch);
  all.push(branch);
  return branch;
}

function createBranch({ functionName, filename, lineNumber }: Place): Branch {
  const node = { functionName, filename, lineNumber, bytes: 0, count: 0, children: [] };
  return { node, branches: new Map() };
}

function add(node: TreeNode, bytes: number, count: number): void {
  node.bytes += bytes;
  node.count += count;
}
