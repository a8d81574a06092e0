import type { TestResult } from '../test-result';

/** What `--memray-json` writes. */
export interface JsonResults {
  version: 1;
  node: string;
  memrayMocha: string;
  tests: readonly TestResult[];
}

/** A run's results for machines. */
export function formatJsonResults(
  tests: readonly TestResult[],
  versions: { node: string; memrayMocha: string },
): string {
  const results: JsonResults = { version: 1, ...versions, tests };
  return `${JSON.stringify(results, null, 2)}\n`;
}
