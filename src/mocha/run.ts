import { join } from 'node:path';
import type Mocha from 'mocha';
import { Tracker } from '../native/tracker';
import type { TestResult } from '../test-result';
import { installLimitMethods } from './context';
import { findMocha } from './mocha-module';
import { readSources } from './option-sources';
import { resolveOptions, type Options } from './options';
import { prepareOutputPaths } from './output-paths';
import { nameCaptureFile } from './test-id';
import { TrackedTest, type Tracking } from './tracked-test';
import { receiveHandover, sendFinding, WorkerFindings, type Finding } from './worker-findings';

/** What a run has found when it ends. */
export interface RunFindings {
  results: TestResult[];
  /** Tests without limits that could not be measured, and why. */
  unmeasured: { id: string; reason: string }[];
}

/** The tests of this process, or of its workers. */
export class Run {
  readonly options: Options;
  readonly cwd = process.cwd();
  readonly mocha = findMocha();
  /** The reporter's name or path. */
  readonly reporter: string;
  /** Whether the run is repeated as files change. */
  readonly watch: boolean;
  readonly isWorker: boolean;
  /** Whether there is a tracker and the user wants it. */
  readonly isTracking: boolean;
  readonly #send: (finding: Finding) => void;
  readonly #tracking: Tracking;
  readonly #tracked = new WeakMap<Mocha.Test, TrackedTest>();
  readonly #captureNames = new Set<string>();
  #findings: Finding[] = [];
  #workers: WorkerFindings | undefined;

  constructor() {
    const handover = receiveHandover();
    this.isWorker = handover !== undefined;
    if (handover) {
      this.options = handover.options;
      this.reporter = '';
      this.watch = false;
      this.#send = (finding) => sendFinding(handover.folder, finding);
    } else {
      const sources = readSources();
      this.options = resolveOptions(sources);
      this.reporter = sources.reporter;
      this.watch = sources.watch;
      this.#send = (finding) => this.#findings.push(finding);
      prepareOutputPaths(this.options);
    }
    this.#tracking = {
      options: this.options,
      cwd: this.cwd,
      Tracker,
      reserveCapture: (id, attempt) => this.#reserveCapture(id, attempt),
      noteUnmeasured: (id, reason) => this.#send({ unmeasured: { id, reason: String(reason) } }),
    };
    this.isTracking = this.options.memray !== 'off' && Tracker.supported;
    installLimitMethods(this.mocha);
  }

  /** Before workers are started. */
  prepareWorkers(): void {
    this.#workers = new WorkerFindings(this.options);
    process.once('exit', () => this.dispose());
  }

  /** Before the first test: with --watch there are many runs. */
  reset(): void {
    this.#findings = [];
    this.#captureNames.clear();
  }

  /** Before a test. */
  track(test: Mocha.Test): void {
    if (this.isTracking) this.#tracked.set(test, new TrackedTest(test, this.#tracking));
  }

  /** After a test. */
  finish(test: Mocha.Test): void {
    const result = this.#tracked.get(test)?.finish();
    if (result) this.#send({ result });
  }

  /** After the last test. */
  collect(): RunFindings {
    const findings = [...this.#findings, ...(this.#workers?.read() ?? [])];
    return {
      results: findings.flatMap((finding) => ('result' in finding ? finding.result : [])),
      unmeasured: findings.flatMap((each) => ('unmeasured' in each ? each.unmeasured : [])),
    };
  }

  /** At the very end. */
  dispose(): void {
    this.#workers?.dispose();
    this.#workers = undefined;
  }

  /** Tests of the same name are possible: each keeps its own file. */
  #reserveCapture(id: string, attempt: number): string | null {
    const { binPath, binPrefix } = this.options;
    if (binPath === null) return null;
    let name = nameCaptureFile(binPrefix, id, attempt);
    for (let twin = 2; this.#captureNames.has(name); twin++) {
      name = nameCaptureFile(binPrefix, `${id} (${twin})`, attempt);
    }
    this.#captureNames.add(name);
    return join(binPath, name);
  }
}
