// What programs use, with and without Mocha.
import {
  CaptureReader,
  formatMemorySize,
  MemoryLimitError,
  MemrayMochaError,
  parseMemorySize,
  Tracker,
} from 'memray-mocha';
import type {
  AllocationRecord,
  ErrorCode,
  JsonResults,
  LimitMethods,
  Stats,
  TableRow,
  TestResult,
  TreeNode,
  Violation,
} from 'memray-mocha';

const tracker = new Tracker({ path: 'a.bin', native: true, jsHeap: true, traceJs: false });
// @ts-expect-error there is no such option
new Tracker({ file: 'a.bin' });
tracker.start();
const capture: CaptureReader = tracker.stop();
const rows: AllocationRecord[] = [
  ...capture.highWaterMark({ currentThreadOnly: true }),
  ...capture.leaks(),
];
export const heaps: ('js' | 'native')[] = rows.map(({ heap }) => heap);
export const text: string = formatMemorySize(parseMemorySize('24 MB'));
// @ts-expect-error nothing else has a size
parseMemorySize(null);
capture.close();
new CaptureReader('a.bin').close();

// What `--memray-json` writes, and `summary`, `tree` and `stats` print with `--json`.
export const peaks = (results: JsonResults): number[] =>
  results.tests.map(({ peak }) => peak.bytes);
export const totals = (table: TableRow[]): number[] => table.map((row) => row.totalBytes);
export const children = (root: TreeNode): string[] => root.children.map((each) => each.filename);
export const largest = (stats: Stats): string | undefined => stats.topAtPeak[0]?.functionName;

export function explain(error: unknown, result: TestResult): string {
  const limits: Partial<LimitMethods> = {};
  if (error instanceof MemoryLimitError) return error.message;
  const code: ErrorCode | undefined = error instanceof MemrayMochaError ? error.code : undefined;
  const kinds: Violation['kind'][] = result.violations.map(({ kind }) => kind);
  if (kinds.includes('increase')) return `${code} ${Object.keys(limits).length}`;
  // @ts-expect-error there is no such kind
  return kinds.includes('limitCpu') ? text : result.peak.bytes.toFixed();
}
