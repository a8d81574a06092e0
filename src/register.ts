import { readFileSync, writeFileSync } from 'node:fs';
import { join } from 'node:path';
import kleur from 'kleur';
import type Mocha from 'mocha';
import { joinEveryRun } from './mocha/every-run';
import { chooseOutput } from './mocha/output';
import { findWriter } from './mocha/reporter-class';
import { Run } from './mocha/run';
import { Tracker } from './native/tracker';
import { formatJsonResults } from './reporters/json-results';
import { reportSummary } from './reporters/summary-report';

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
  const { results, unmeasured } = run.collect();
  run.dispose();
  const { json, hideSummary } = run.options;
  if (json !== null) writeFileSync(json, formatJsonResults(results, findVersions()));
  if (hideSummary || !run.isTracking) return;
  const { stream, colors, width } = chooseOutput(findWriter(mocha), run.mocha);
  kleur.enabled = colors;
  stream.write(reportSummary(results, { ...run.options, width, unmeasured }));
}

function findVersions(): { node: string; memrayMocha: string } {
  const file = join(__dirname, '..', 'package.json');
  const { version } = JSON.parse(readFileSync(file, 'utf8')) as { version: string };
  return { node: process.version, memrayMocha: version };
}
