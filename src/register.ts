import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import kleur from 'kleur';
import type Mocha from 'mocha';
import { chooseOutput } from './mocha/output';
import { Run } from './mocha/run';
import { Tracker } from './native/tracker';
import { formatJsonResults } from './reporters/json-results';
import { reportSummary } from './reporters/summary-report';

// Tests may fake it.
const { setImmediate } = globalThis;

const run = new Run();
let isPublished = false;

/** Brackets the body of every test with a tracker. */
export const mochaHooks: Mocha.RootHookObject = {
  beforeEach(this: Mocha.Context) {
    run.track(this.currentTest!);
  },
  afterEach(this: Mocha.Context) {
    run.finish(this.currentTest!);
  },
  // With --watch, global fixtures are not for each run. An immediate comes after the epilogue.
  ...(run.watch && {
    beforeAll() {
      run.reset();
    },
    afterAll: () => void setImmediate(publish),
  }),
};

/** Prepares what workers need and says what cannot be seen, once. */
export function mochaGlobalSetup(this: Partial<Mocha.Runner>): void {
  const isParallel = (this as { isParallelMode?(): boolean }).isParallelMode?.() ?? true;
  if (isParallel) run.prepareWorkers();
  if (run.options.memray !== 'off' && !Tracker.supported) {
    process.stderr.write(
      `memray-mocha cannot see memory here: ${Tracker.unsupportedReason} Tests run as usual, and no limit fails.\n`,
    );
  }
}

/** Publishes the results, after the reporter's last line. */
export function mochaGlobalTeardown(): void {
  if (!isPublished) publish();
  run.dispose();
}

function publish(): void {
  isPublished = true;
  const { results, unmeasured } = run.collect();
  const { json, hideSummary } = run.options;
  if (json !== null) writeFileSync(json, formatJsonResults(results, findVersions()));
  if (hideSummary || !run.isTracking) return;
  const { stream, colors, width } = chooseOutput(run.reporter, run.mocha);
  kleur.enabled = colors;
  stream.write(reportSummary(results, { ...run.options, width, unmeasured }));
}

function findVersions(): { node: string; memrayMocha: string } {
  const file = join(__dirname, '..', 'package.json');
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return { node: process.version, memrayMocha: version };
}
