import type { TestResult } from '../test-result';

/** What `--memray-json` writes. */
export interface JsonResults {
  version: 1;
  node: string;
  memrayMocha: string;
  tests: readonly TestResult[];
}

/** A run's results for machines, in pieces: all together may be longer than a string can be. */
export function* formatJsonResults(
  tests: readonly TestResult[],
  versions: { node: string; memrayMocha: string },
): Generator<string> {
  const empty: JsonResults = { version: 1, ...versions, tests: [] };
  const [start, end] = JSON.stringify(empty, null, 2).split('[]');
  yield `${start}[`;
  for (const [index, test] of tests.entries()) {
    yield `${index > 0 ? ',' : ''}\n    ${JSON.stringify(test, null, 2).replaceAll('\n', '\n    ')}`;
  }
  yield `${tests.length > 0 ? '\n  ' : ''}]${end}\n`;
}
