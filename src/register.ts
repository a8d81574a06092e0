import { appendFileSync, readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import kleur from 'kleur';
import type Mocha from 'mocha';
import { joinEveryRun } from './mocha/every-run';
import { chooseOutput } from './mocha/output';
import { findWriter, isAnnotating } from './mocha/reporter-class';
import { Run } from './mocha/run';
import { Tracker } from './native/tracker';
import { formatAnnotations, formatJobSummary } from './reporters/github-report';
import { formatJsonResults } from './reporters/json-results';
import { reportSummary } from './reporters/summary-report';

// Tests may change it.
const { GITHUB_ACTIONS, GITHUB_STEP_SUMMARY } = process.env;

const run = new Run();

joinEveryRun(run.mocha, {
  prepare: (mocha) => run.prepare(mocha, __filename),
  begin(runner, mocha) {
    // In parallel, tests run in workers, which follow their own runners.
    if (!(runner as Mocha.Runner & { isParallelMode(): boolean }).isParallelMode()) {
      run.follow(runner);
    }
    if (!run.isWorker) runner.once('end', () => publish(mocha));
  },
});

if (run.options.memray !== 'off' && !run.isWorker && !Tracker.supported) {
  process.stderr.write(
    `memray-mocha cannot see memory here: ${Tracker.unsupportedReason} Tests run as usual, and no limit fails.\n`,
  );
}

/** Publishes the results of a run, after the reporter's last line. */
function publish(mocha: Mocha): void {
  const { results, unmeasured, baseline } = run.collect();
  run.dispose();
  const { json, hideSummary } = run.options;
  if (json !== null) writeFileSync(json, formatJsonResults(results, findVersions()));
  if (!run.isTracking) return;
  const writer = findWriter(mocha);
  const { stream, colors, width } = chooseOutput(writer, run.mocha);
  if (!hideSummary) {
    kleur.enabled = colors;
    stream.write(reportSummary(results, { ...run.options, width, unmeasured }));
  }
  const notes = run.baseline.save(baseline);
  if (!hideSummary) for (const note of notes) stream.write(`${note}\n`);
  // Runs of --watch are for who sits before them.
  if ((mocha.options as { watch?: boolean }).watch) return;
  if (GITHUB_ACTIONS === 'true' && !isAnnotating(writer, run.mocha)) {
    stream.write(formatAnnotations(results, { cwd: run.cwd, readSource }));
  }
  if (GITHUB_STEP_SUMMARY && !hideSummary) {
    appendFileSync(GITHUB_STEP_SUMMARY, formatJobSummary(results, run.options));
  }
}

/** A test's file as it is now; empty where there is none. */
function readSource(file: string): string {
  try {
    return readFileSync(file, 'utf8');
  } catch {
    return '';
  }
}

function findVersions(): { node: string; memrayMocha: string } {
  const file = join(__dirname, '..', 'package.json');
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return { node: process.version, memrayMocha: version };
}
