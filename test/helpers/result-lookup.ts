import assert from 'node:assert/strict';
import type { TestResult } from '../../dist/test-result';

/** Finds what a run of Mocha says of its tests. */
export class ResultLookup {
  /**
   * @param results by title
   * @param output what is shown when a test is missing
   */
  constructor(
    private readonly results: Map<string, TestResult>,
    private readonly output: string,
  ) {}

  result(title: string): TestResult {
    const found = this.results.get(title);
    assert.ok(found, `no result of "${title}" in:\n${this.output}`);
    return found;
  }

  /** How a test ended, and the limits it broke. */
  states(title: string): string[] {
    const { state, violations } = this.result(title);
    return [state, ...violations.map(({ kind }) => kind)];
  }
}
