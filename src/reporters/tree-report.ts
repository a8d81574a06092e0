import type { AllocationRecord } from '../capture/capture-reader';
import { formatMemorySize } from '../memory-size';
import { displayPath, shortenName, visibleFrames, type StackView } from '../stack-trace';

/** One call, with the calls it made. */
export interface TreeNode {
  functionName: string;
  filename: string;
  lineNumber: number;
  bytes: number;
  count: number;
  /** Largest first. */
  children: TreeNode[];
}

/** Merges call stacks into a tree, callers above what they call. */
export function createTree(rows: AllocationRecord[], view: StackView): TreeNode {
  const root = createNode('<root>', '', 0);
  for (const { bytes, count, stack } of rows) {
    let node = root;
    add(node, bytes, count);
    for (const { functionName, filename, lineNumber } of visibleFrames(stack, view).reverse()) {
      node = findChild(node, functionName, displayPath(filename, view.cwd), lineNumber);
      add(node, bytes, count);
    }
  }
  sortChildren(root);
  return root;
}

/** The tree as text. */
export function formatTree(root: TreeNode): string {
  return formatNode(root, root.bytes, '', '').join('\n');
}

function formatNode(node: TreeNode, total: number, first: string, rest: string): string[] {
  const { functionName, filename, lineNumber, bytes, children } = node;
  const icon = children.length > 0 ? '📂' : '📄';
  const percent = total > 0 ? ((bytes / total) * 100).toFixed(2) : '0.00';
  const place = filename && `  ${filename}:${lineNumber}`;
  const name = shortenName(functionName);
  const line = `${first}${icon} ${formatMemorySize(bytes)} (${percent} %) ${name}${place}`;
  const last = children.length - 1;
  const below = children.flatMap((child, index) =>
    index === last
      ? formatNode(child, total, `${rest}└── `, `${rest}    `)
      : formatNode(child, total, `${rest}├── `, `${rest}│   `),
  );
  return [line, ...below];
}

function createNode(functionName: string, filename: string, lineNumber: number): TreeNode {
  return { functionName, filename, lineNumber, bytes: 0, count: 0, children: [] };
}

function findChild(
  node: TreeNode,
  functionName: string,
  filename: string,
  lineNumber: number,
): TreeNode {
  const known = node.children.find(
    (child) =>
      child.functionName === functionName &&
      child.lineNumber === lineNumber &&
      child.filename === filename,
  );
  if (known) return known;
  const child = createNode(functionName, filename, lineNumber);
  node.children.push(child);
  return child;
}

function add(node: TreeNode, bytes: number, count: number): void {
  node.bytes += bytes;
  node.count += count;
}

function sortChildren(node: TreeNode): void {
  node.children.sort((a, b) => b.bytes - a.bytes);
  node.children.forEach(sortChildren);
}
