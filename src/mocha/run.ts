import { sep } from 'node:path';
import type Mocha from 'mocha';
import { createLeakLimit } from '../limits/leak-limit';
import { createMemoryLimit } from '../limits/memory-limit';
import { keepCompilers } from '../native/compilers';
import { ObjectTracker } from '../native/object-tracker';
import { Tracker } from '../native/tracker';
import { stripOwnFrames } from '../stack-trace';
import type { TestResult } from '../test-result';
import { BaselineKeeper, type BaselineFinding } from './baseline-keeper';
import { installLimitMethods } from './context';
import { declareOnRun } from './declarations';
import { findMocha } from './mocha-module';
import { readSources } from './option-sources';
import { resolveOptions, type Options } from './options';
import { prepareOutputPaths } from './output-paths';
import { identifyTest, nameCaptureFile } from './test-id';
import { TrackedTest, type Tracking } from './tracked-test';
import {
  claimName,
  openFindings,
  receiveHandover,
  WorkerFindings,
  type Finding,
} from './worker-findings';

/** What a run has found when it ends. */
export interface RunFindings {
  results: TestResult[];
  /** Tests without limits that could not be measured, and why. */
  unmeasured: { id: string; reason: string }[];
  baseline: BaselineFinding[];
}

/** The tests of this process, or of its workers. */
export class Run {
  readonly options: Options;
  readonly cwd = process.cwd();
  readonly mocha = findMocha();
  readonly isWorker: boolean;
  /** Whether there is a tracker and the user wants it. */
  readonly isTracking: boolean;
  readonly baseline: BaselineKeeper;
  readonly #send: (finding: Finding) => void;
  readonly #tracking: Tracking;
  readonly #captureNames = new Set<string>();
  readonly #claimCapture: (name: string) => boolean;
  #current: { test: Mocha.Test; tracked: TrackedTest } | undefined;
  #findings: Finding[] = [];
  #workers: WorkerFindings | undefined;

  constructor() {
    const handover = receiveHandover();
    this.isWorker = handover !== undefined;
    if (handover) {
      this.options = handover.options;
      this.#send = openFindings(handover.folder);
      this.#claimCapture = (name) => claimName(handover.folder, name);
    } else {
      this.options = resolveOptions(readSources());
      this.#send = (finding) => this.#findings.push(finding);
      this.#claimCapture = (name) => {
        const isNew = !this.#captureNames.has(name);
        this.#captureNames.add(name);
        return isNew;
      };
      prepareOutputPaths(this.options);
    }
    this.baseline = new BaselineKeeper(this.options, this.cwd, (finding) =>
      this.#send({ baseline: finding }),
    );
    this.#tracking = {
      baseline: this.baseline,
      options: this.options,
      cwd: this.cwd,
      Tracker,
      ObjectTracker,
      reserveCapture: (id, attempt) => this.#reserveCapture(id, attempt),
      noteUnmeasured: (id, reason) => this.#send({ unmeasured: { id, reason: String(reason) } }),
    };
    // A run without a limit costs nothing then.
    if (this.options.memray === 'limits') keepCompilers();
    this.isTracking = this.options.memray !== 'off' && Tracker.supported;
    installLimitMethods(this.mocha);
    const { limitMemory, limitLeaks } = this.options;
    declareOnRun({
      memory: limitMemory !== false && { ...createMemoryLimit(limitMemory), isFromOption: true },
      leaks: limitLeaks !== false && { ...createLeakLimit(limitLeaks), isFromOption: true },
    });
  }

  /**
   * Before each run of this process, of which there are many with --watch.
   *
   * @param registerFile what workers load, if there are any
   */
  prepare({ options }: Mocha, registerFile: string): void {
    this.#findings = [];
    this.#captureNames.clear();
    if (!options.parallel || this.isWorker) return;
    this.#workers = new WorkerFindings(this.options);
    // Loaded by a program or as a reporter, this package is not yet among what workers load.
    const required = [options.require ?? []].flat();
    if (!required.includes(registerFile)) options.require = [...required, registerFile];
  }

  /** Tracks the tests that a runner of this process runs. */
  follow(runner: Mocha.Runner): void {
    if (!this.isTracking) return;
    this.baseline.begin(runner.suite);
    const stop = (test: unknown, error?: unknown): void => {
      // A test that is over may fail once more, for a second call of its `done`.
      if (this.#current?.test === test) this.#attempt(() => this.#current?.tracked.stop(error));
      stripOwnFrames(error);
    };
    // Before the reporter hears of it: that shows the error's stack, and the peak.
    for (const event of ['pass', 'fail', 'retry', 'test end']) runner.prependListener(event, stop);
    // Until then a test that has passed may still fail.
    runner.on('suite end', () => this.#finish());
    runner.on('test', (test) => {
      this.#finish();
      this.#current = { test, tracked: new TrackedTest(test, this.#tracking) };
    });
  }

  /** Mocha does not go on where a listener throws. */
  #attempt(step: () => void): void {
    try {
      step();
    } catch (error) {
      const test = this.#current?.test;
      this.#tracking.noteUnmeasured(test ? identifyTest(test, this.cwd).id : '', error);
    }
  }

  /** After the last test. */
  collect(): RunFindings {
    this.#finish();
    const findings = [...this.#findings, ...(this.#workers?.read() ?? [])];
    return {
      results: findings.flatMap((finding) => ('result' in finding ? finding.result : [])),
      unmeasured: findings.flatMap((each) => ('unmeasured' in each ? each.unmeasured : [])),
      baseline: findings.flatMap((each) => ('baseline' in each ? each.baseline : [])),
    };
  }

  /** At the end of a run, or of the process. */
  dispose(): void {
    this.#workers?.dispose();
    this.#workers = undefined;
  }

  #finish(): void {
    this.#attempt(() => {
      const result = this.#current?.tracked.finish();
      if (result) this.#send({ result });
    });
    this.#current = undefined;
  }

  /** Tests of the same name are possible, in other workers too: each keeps its own file. */
  #reserveCapture(id: string, attempt: number): string | null {
    const { binPath, binPrefix } = this.options;
    if (binPath === null) return null;
    let name = nameCaptureFile(binPrefix, id, attempt);
    for (let twin = 2; !this.#claimCapture(name); twin++) {
      name = nameCaptureFile(binPrefix, `${id} (${twin})`, attempt);
    }
    return binPath + sep + name;
  }
}
