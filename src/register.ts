import fs from 'node:fs';
import { dirname, join } from 'node:path';
import kleur from 'kleur';
import type Mocha from 'mocha';
import { createPathNotWritableError } from './errors';
import { makeFolder } from './make-folder';
import { joinEveryRun } from './mocha/every-run';
import { chooseOutput, print } from './mocha/output';
import { findWriter, isAnnotating } from './mocha/reporter-class';
import { Run, type RunFindings } from './mocha/run';
import { Tracker } from './native/tracker';
import { formatAnnotations, formatJobSummary } from './reporters/github-report';
import { formatJsonResults } from './reporters/json-results';
import { describeUnmeasured, reportSummary } from './reporters/summary-report';
import type { TestResult } from './test-result';

// Tests may change these, and leave them so.
const { appendFileSync, closeSync, openSync, readFileSync, rmSync, statSync, writeFileSync } = fs;
const { GITHUB_ACTIONS, GITHUB_STEP_SUMMARY } = process.env;
const { stderr } = process;

const run = new Run();
/** The one whose run has begun and not ended. */
let ongoing: Mocha | undefined;

joinEveryRun(run.mocha, {
  prepare: (mocha) => run.prepare(mocha, __filename),
  begin(runner, mocha) {
    // In parallel, tests run in workers, which follow their own runners.
    if (!(runner as Mocha.Runner & { isParallelMode(): boolean }).isParallelMode()) {
      run.follow(runner);
    }
    if (!run.isWorker) ongoing = mocha;
  },
  end: (mocha) => ongoing === mocha && !publish(mocha),
});

// A test may end the process.
process.prependOnceListener('exit', () => {
  if (ongoing && !publish(ongoing)) process.exitCode ||= 1;
  run.dispose();
});

if (run.options.memray !== 'off' && !run.isWorker && !Tracker.supported) {
  print(
    stderr,
    `memray-mocha cannot see memory here: ${Tracker.unsupportedReason} Tests run as usual, and no limit fails.\n`,
  );
}

/**
 * Publishes the results of a run, after the reporter's last line. What cannot be published keeps nothing else from being.
 *
 * @returns whether all is where somebody may look for it; not so results and baselines that could not be written
 */
function publish(mocha: Mocha): boolean {
  ongoing = undefined;
  return attempt(() => {
    const { results, unmeasured, baseline } = run.collect();
    run.dispose();
    const { json } = run.options;
    const hasJson = json === null || attempt(() => writeJson(json, results, unmeasured));
    if (!run.isTracking) return hasJson;
    return showResults(mocha, results, unmeasured, baseline) && hasJson;
  });
}

/** @returns whether the baseline is written */
function showResults(
  mocha: Mocha,
  results: TestResult[],
  unmeasured: RunFindings['unmeasured'],
  baseline: RunFindings['baseline'],
): boolean {
  const { hideSummary } = run.options;
  const writer = findWriter(mocha);
  const { stream, colors, width } = chooseOutput(writer, run.mocha);
  if (!hideSummary) {
    kleur.enabled = colors;
    print(stream, reportSummary(results, { ...run.options, width, unmeasured }));
  } else {
    // No result: that has to be seen.
    for (const line of describeUnmeasured(unmeasured)) print(stderr, `${line}\n`);
  }
  const hasBaseline = attempt(() => {
    const notes = run.baseline.save(baseline);
    if (!hideSummary) for (const note of notes) print(stream, `${note}\n`);
  });
  // Runs of --watch are for who sits before them.
  if ((mocha.options as { watch?: boolean }).watch) return hasBaseline;
  if (GITHUB_ACTIONS === 'true' && !isAnnotating(writer, run.mocha)) {
    print(stream, formatAnnotations(results, { cwd: run.cwd, readSource }));
  }
  if (GITHUB_STEP_SUMMARY && !hideSummary) {
    attempt(() => writeJobSummary(GITHUB_STEP_SUMMARY, results));
  }
  return hasBaseline;
}

/** @returns whether it went well, and what `step` returns, if that is something */
function attempt(step: () => boolean | void): boolean {
  try {
    return step() ?? true;
  } catch (error) {
    print(stderr, `${String(error)}\n`);
    return false;
  }
}

function writeJson(
  file: string,
  results: TestResult[],
  unmeasured: RunFindings['unmeasured'],
): void {
  const pieces = formatJsonResults(results, { ...findVersions(), unmeasured });
  try {
    makeFolder(dirname(file));
    const descriptor = openSync(file, 'w');
    try {
      for (const piece of pieces) writeFileSync(descriptor, piece);
    } catch (error) {
      removeHalf(file);
      throw error;
    } finally {
      closeSync(descriptor);
    }
  } catch (error) {
    throw createPathNotWritableError('the option `json`', 'file', file, error);
  }
}

/** Nobody should take it for results. */
function removeHalf(file: string): void {
  try {
    if (statSync(file).isFile()) rmSync(file);
  } catch {
    // Not there, or not to be removed: the error tells of the file.
  }
}

function writeJobSummary(file: string, results: TestResult[]): void {
  try {
    appendFileSync(file, formatJobSummary(results, run.options));
  } catch (error) {
    throw createPathNotWritableError('GITHUB_STEP_SUMMARY', 'file', file, error);
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
