import type { TestResult } from '../test-result';

/** What `--memray-json` writes. */
export interface JsonResults {
  version: 1;
  node: string;
  memrayMocha: string;
  /** Tests without limits that could not be measured, and why; they are not among the others. */
  unmeasured: readonly { id: string; reason: string }[];
  tests: readonly TestResult[];
}

/** A run's results for machines, in pieces: all together may be longer than a string can be. */
export function* formatJsonResults(
  tests: readonly TestResult[],
  others: Pick<JsonResults, 'node' | 'memrayMocha' | 'unmeasured'>,
): Generator<string> {
  const { node, memrayMocha, unmeasured } = others;
  const empty: JsonResults = { version: 1, node, memrayMocha, unmeasured, tests: [] };
  yield JSON.stringify(empty, null, 2).slice(0, -']\n}'.length);
  for (const [index, test] of tests.entries()) {
    yield `${index > 0 ? ',' : ''}\n    ${JSON.stringify(test, null, 2).replaceAll('\n', '\n    ')}`;
  }
  yield `${tests.length > 0 ? '\n  ' : ''}]\n}\n`;
}
