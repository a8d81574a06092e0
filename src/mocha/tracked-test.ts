import fs from 'node:fs';
import type Mocha from 'mocha';
import { callWithOriginals } from '../builtins';
import type { CaptureReader } from '../capture/capture-reader';
import { createLimitTooLateError, MemoryLimitError } from '../errors';
import { judgeLeakedObjects } from '../limits/leaked-objects-limit';
import { joinMessages, type Verdict } from '../limits/verdict';
import type { ObjectTracker } from '../native/object-tracker';
import type { Tracker, TrackerOptions } from '../native/tracker';
import { HeapSnapshot, type SnapshotJson } from '../objects/heap-snapshot';
import { findLeakedObjects, type LeakedObject } from '../objects/leaked-objects';
import { displayPath, isHarnessFile } from '../stack-trace';
import type { TestResult } from '../test-result';
import { prepareCall } from './active-place';
import { Analysis, sumLeaks, type Measurement } from './analysis';
import type { BaselineKeeper } from './baseline-keeper';
import { BodyClock } from './body-clock';
import { collectGarbage, nextTurn } from './collect-garbage';
import { markJudged, markUntracked, reopen } from './context';
import { findLimits, NO_LIMITS, unwatchBody, watchBody, type Limits } from './declarations';
import type { Options } from './options';
import { tellOwnFailure } from './own-failure';
import {
  findConfirmedTotals,
  findSampleInterval,
  hasLimit,
  mayHaveLimit,
  mayLimitLeaks,
  mayLimitObjects,
} from './precision';
import { listRuns, nameRun, type BodyRun } from './repeated-body';
import { showResult } from './shown-result';
import { identifyTest, type TestId } from './test-id';
import { explainTimeout } from './tracking-cost';
import { wrapBody, type Body, type BodyEnd, type BodyStyle, type RunAgain } from './wrapped-body';

// Tests may fake these.
const { Promise } = globalThis;
const { rmSync } = fs;

/** The part of the class Tracker that is needed here. */
export interface TrackerClass {
  new (
    options?: TrackerOptions,
  ): Pick<
    Tracker,
    | 'start'
    | 'notePeak'
    | 'mark'
    | 'stop'
    | 'setMemoryLimit'
    | 'setSampleInterval'
    | 'recordNativeFrames'
    | 'measuresJsHeap'
    | 'liveBytes'
    | 'confirmingMs'
  >;
  collectGarbage(): void;
}

/** What a run gives to each of its tests. */
export interface Tracking {
  options: Options;
  cwd: string;
  Tracker: TrackerClass;
  ObjectTracker: new () => Pick<ObjectTracker, 'takeSnapshot' | 'dispose'>;
  baseline: Pick<BaselineKeeper, 'hold' | 'note'>;
  /** Where this attempt's capture is kept: an absolute path, or null for nowhere. */
  reserveCapture(id: string, attempt: number): string | null;
  /** Takes the reason why a test without limits could not be measured. */
  noteUnmeasured(id: string, reason: unknown): void;
}

/** Of a body whose leak limit does not say more, or that has none. */
const ONE_RUN = { repeat: 1, warmup: 0 };

/**
 * One attempt at a test. Its body is replaced by one that is bracketed by a tracker, because a
 * verdict thrown from an afterEach hook would end Mocha's whole run.
 */
export class TrackedTest {
  readonly #test: Mocha.Test;
  readonly #tracking: Tracking;
  /** While the test has a wrapped one in its place. */
  #body: Mocha.Func | undefined;
  /** Of a test that is tracked, from when its body begins: that may replace what names it. */
  #name: TestId | undefined;
  #clock: BodyClock | undefined;
  #tracker: InstanceType<TrackerClass> | undefined;
  /** There while objects that are made are told from those before. */
  #objects: InstanceType<Tracking['ObjectTracker']> | undefined;
  #native = false;
  #capture: string | null = null;
  /** Which run of the body is under way; without a name when it is not repeated. */
  #run: Pick<BodyRun, 'number' | 'name'> = { number: 1, name: '' };
  /** What the warm-up runs left, if there were any; read at the end, for what reading takes is not the test's. */
  #warmUp: CaptureReader | undefined;
  #result: TestResult | undefined;
  #confirmingMs = 0;
  /** Infinity without one, or where it is not about the peak as it is shown. */
  #memoryLimitBytes = Infinity;
  /** Once the body has kept its limits: these, and the peak that later runs are held to. */
  #kept: { limits: Limits; peakBytes: number } | undefined;

  constructor(test: Mocha.Test, tracking: Tracking) {
    this.#test = test;
    this.#tracking = tracking;
    // Not now: hooks and other plug-ins see the function as it is, and may put theirs in its place.
    prepareCall(test, () => this.#wrapBody());
  }

  /**
   * Stops what a timeout or an uncaught error left running, before reporters hear how the test ended.
   *
   * @param error why the test failed, if it did
   */
  stop(error?: unknown): void {
    reopen(this.#test);
    this.#stop();
    if (this.#run.name) nameRun(error, this.#run.name);
    if (!this.#result) return;
    this.#noteOutcome(this.#result);
    const timedOut = {
      ...this.#result,
      confirmingMs: this.#confirmingMs,
      memoryLimitBytes: this.#memoryLimitBytes,
    };
    explainTimeout(error, timedOut, () => this.#createTracker());
  }

  /**
   * Ends the attempt.
   *
   * @returns the result, when the body was measured
   */
  finish(): TestResult | undefined {
    this.#restoreBody();
    this.#stop();
    this.#forgetObjects();
    this.#forgetWarmUp();
    unwatchBody(this.#test);
    this.#clock?.remove();
    if (!this.#result) return undefined;
    this.#noteOutcome(this.#result);
    if (this.#test.state === 'passed' && this.#kept) {
      this.#tracking.baseline.note(this.#test, this.#kept.limits, this.#kept.peakBytes);
    }
    return this.#result;
  }

  #noteOutcome(result: TestResult): void {
    const { state, pending, duration } = this.#test;
    result.state = state ?? (pending ? 'pending' : 'failed');
    result.durationMs = duration ?? 0;
  }

  #wrapBody(): void {
    const { fn } = this.#test;
    if (typeof fn !== 'function') return;
    this.#body = fn as Mocha.Func;
    this.#test.fn = wrapBody(fn as Body, () =>
      callWithOriginals(() => this.#begin()),
    ) as Mocha.Func;
  }

  /** As soon as the body runs: a retry clones the test with the function it has then. */
  #restoreBody(): void {
    if (this.#body) this.#test.fn = this.#body;
    this.#body = undefined;
  }

  #findLimits(): Limits {
    return this.#tracking.baseline.hold(this.#test, findLimits(this.#test));
  }

  #begin(): BodyEnd | undefined {
    this.#restoreBody();
    const limits = this.#findLimits();
    if (this.#tracking.options.memray !== 'all' && !mayHaveLimit(this.#test, limits)) {
      markUntracked(this.#test);
      return undefined;
    }
    this.#name = identifyTest(this.#test, this.#tracking.cwd);
    this.#clock = new BodyClock(this.#test);
    const isArmed = Boolean((this.#test as { timer?: unknown }).timer);
    this.#clock.pause();
    try {
      this.#start(limits);
    } catch (error) {
      if (mayHaveLimit(this.#test, limits)) throw error;
      this.#tracking.noteUnmeasured(this.#name.id, error);
    } finally {
      this.#clock.resume();
    }
    if (isArmed) this.#test.resetTimeout();
    return {
      failed: () => {
        this.#notePeak();
        this.#stop();
      },
      succeeded: (style, runAgain) => {
        this.#notePeak();
        return callWithOriginals(() => this.#judge(style, runAgain));
      },
    };
  }

  /** Before all else that follows a body: V8 may collect in it what the body held until its end. */
  #notePeak(): void {
    if (!this.#tracker) return;
    this.#clock!.pause();
    this.#tracker.notePeak();
    this.#clock!.resume();
  }

  #start(limits: Limits): void {
    const { options } = this.#tracking;
    this.#capture ??= this.#tracking.reserveCapture(this.#name!.id, currentRetry(this.#test));
    this.#native = options.native || mayLimitLeaks(this.#test, limits);
    this.#forgetObjects();
    // Before the tracker: what V8 needs to know all objects by is not the test's.
    if (mayLimitObjects(this.#test, limits)) this.#objects = new this.#tracking.ObjectTracker();
    const tracker = this.#createTracker(this.#capture ?? '');
    tracker.start();
    this.#tracker = tracker;
    this.#applyLimits(limits);
    watchBody(this.#test, () => this.#applyLimits(this.#findLimits()));
  }

  #createTracker(path = ''): InstanceType<TrackerClass> {
    const { jsHeap, traceJs } = this.#tracking.options;
    return new this.#tracking.Tracker({ path, native: this.#native, jsHeap, traceJs });
  }

  /** What is limited is measured more closely. */
  #applyLimits(limits: Limits): void {
    if (limits.leakedObjects && !this.#objects) {
      throw createLimitTooLateError(
        'limitLeakedObjects',
        'by a function the test calls, when objects had been made already',
      );
    }
    const { memory } = limits;
    this.#memoryLimitBytes = memory && !memory.currentThreadOnly ? memory.bytes : Infinity;
    this.#tracker?.setMemoryLimit(...findConfirmedTotals(limits));
    const intervalBytes = findSampleInterval(this.#test, limits);
    if (intervalBytes !== undefined) this.#tracker?.setSampleInterval(intervalBytes);
    if (limits.leaks && !this.#native) {
      this.#native = true;
      this.#tracker?.recordNativeFrames();
    }
  }

  /** Waits for garbage only where leaks are limited: other tests end as they would without us. */
  #judge(style: BodyStyle, runAgain: RunAgain): void | Promise<void> {
    const limits = this.#findLimits();
    const { asyncOnly } = this.#test as Mocha.Test & { asyncOnly?: boolean };
    // With --async-only, Mocha fails a body that just returns: not ours to hide behind a promise.
    if (this.#isOver || (asyncOnly && style === 'return')) {
      this.#stop();
    } else if (limits.leaks || limits.leakedObjects) {
      return this.#judgeLeaks(limits, runAgain);
    } else {
      this.#stop(limits);
    }
  }

  async #judgeLeaks(limits: Limits, runAgain: RunAgain): Promise<void> {
    try {
      await this.#repeat(limits, runAgain);
    } catch (error) {
      this.#stop();
      throw error;
    }
    if (this.#isOver) {
      this.#stop();
    } else {
      this.#run = { ...this.#run, name: '' };
      markJudged(this.#test);
      await this.#collectGarbage(limits);
      this.#stop(limits, { collectsGarbage: true });
    }
    // Mocha has gone on without this body, and must not hear of it again.
    if (this.#clock!.hasEnded) return new Promise(() => {});
  }

  async #repeat(limits: Limits, runAgain: RunAgain): Promise<void> {
    for (const run of listRuns(limits.leaks ?? ONE_RUN)) {
      await nextTurn();
      if (this.#isOver) return;
      this.#clock!.pause();
      await this.#prepareRun(run, limits);
      this.#clock!.resume();
      if (this.#isOver) return;
      this.#run = run;
      this.#test.resetTimeout();
      await runAgain();
      this.#notePeak();
    }
  }

  async #prepareRun({ before }: BodyRun, limits: Limits): Promise<void> {
    if (before === 'restart') {
      await this.#collectGarbage(limits);
      // Not of a test that has ended meanwhile.
      if (!this.#tracker) return;
      this.#warmUp = this.#tracker.stop({ collectsGarbage: true });
      this.#tracker = undefined;
      // The measured runs get a file of their own: this one is still to be read.
      if (this.#capture) rmSync(this.#capture, { force: true });
      this.#start(limits);
    } else if (before === 'mark') {
      await this.#collectGarbage(limits);
      this.#tracker?.mark();
    } else if (before === 'collect' && limits.memory) {
      this.#tracking.Tracker.collectGarbage();
    }
  }

  /** Whether there is nothing left to measure: the tracker was stopped, or is about to be. */
  get #isOver(): boolean {
    const { timedOut, state, pending } = this.#test;
    const hasEnded = timedOut || state !== undefined || pending;
    return !this.#tracker || hasEnded || this.#clock!.isOverdue;
  }

  /** The tracker collects once more where leaks are looked for. */
  async #collectGarbage({ leaks }: Limits): Promise<void> {
    this.#clock?.pause();
    this.#test.clearTimeout();
    await collectGarbage(this.#tracking.Tracker, () => this.#tracker, leaks?.bytes ?? 0);
  }

  /**
   * Stops the tracker, if it still runs, and measures.
   *
   * @param judged the limits to hold the test to, none for a body that failed by itself
   * @param options.collectsGarbage see {@link Tracker.stop}
   * @throws MemoryLimitError, or whatever a filter throws
   */
  #stop(judged?: Limits, options?: { collectsGarbage: boolean }): void {
    const tracker = this.#tracker;
    if (!tracker) return;
    this.#tracker = undefined;
    try {
      this.#clock?.pause();
      callWithOriginals(() => this.#analyze(tracker, judged, options));
    } catch (error) {
      if (judged && hasLimit(judged)) throw error;
      this.#tracking.noteUnmeasured(this.#name!.id, error);
    } finally {
      this.#clock?.resume();
    }
  }

  #analyze(
    tracker: InstanceType<TrackerClass>,
    judged = NO_LIMITS,
    options?: { collectsGarbage: boolean },
  ): void {
    // First of all: what else fails must not leave the tracker running, so that no other can.
    const reader = tracker.stop(options);
    this.#confirmingMs = tracker.confirmingMs;
    const measure = (limits: Limits): void => this.#measure(reader, limits, tracker.measuresJsHeap);
    try {
      if (hasLimit(judged)) tellOwnFailure(judged, measure);
      else measure(judged);
    } finally {
      this.#forgetObjects();
      this.#forgetWarmUp();
      reader.close();
    }
  }

  #measure(reader: CaptureReader, judged: Limits, seesGarbage: boolean): void {
    const { options, cwd } = this.#tracking;
    const capture = this.#capture && displayPath(this.#capture, cwd);
    const leaked = judged.leakedObjects && this.#findLeakedObjects();
    const analysis = new Analysis(reader, judged, {
      ...options,
      cwd,
      capture,
      seesGarbage,
      leftBefore:
        this.#warmUp && judged.leaks ? sumLeaks(this.#warmUp, judged.leaks, options) : new Map(),
    });
    const result = this.#createResult(analysis.measurement, capture);
    this.#result = result;
    showResult(this.#test, result);
    const verdicts = analysis.judge();
    const ofObjects = leaked && judgeLeakedObjects(judged.leakedObjects!, leaked, options);
    if (ofObjects) verdicts.push(ofObjects);
    result.violations = verdicts.map(({ violation }) => violation);
    if (verdicts.length > 0) throw toError(verdicts);
    this.#kept = { limits: judged, peakBytes: analysis.notedPeakBytes };
  }

  #createResult(measurement: Measurement, capture: string | null): TestResult {
    const { id, file, titlePath } = this.#name!;
    const { peak, allocations, topAllocations, topLocations, leaks } = measurement;
    // Not spread: that would give each result a hidden class of its own, larger than itself.
    return {
      id,
      file,
      titlePath,
      state: 'failed',
      durationMs: 0,
      retry: currentRetry(this.#test),
      runs: this.#run.number,
      peak,
      allocations,
      violations: [],
      topAllocations,
      topLocations,
      leaks,
      capture,
    };
  }

  #forgetWarmUp(): void {
    this.#warmUp?.close();
    this.#warmUp = undefined;
  }

  #forgetObjects(): void {
    this.#objects?.dispose();
    this.#objects = undefined;
  }

  /** After the tracker: a snapshot takes much memory. */
  #findLeakedObjects(): LeakedObject[] {
    if (!this.#objects) return [];
    const { json, lastOldId } = this.#objects.takeSnapshot();
    return findLeakedObjects(new HeapSnapshot(JSON.parse(json) as SnapshotJson), lastOldId, {
      isHarness: isHarnessFile,
      displayPath: (file) => displayPath(file, this.#tracking.cwd),
    });
  }
}

function toError(verdicts: Verdict[]): MemoryLimitError {
  const message = joinMessages(verdicts.map(({ violation }) => violation.message));
  return new MemoryLimitError(message, verdicts[0]!.stackLines);
}

function currentRetry(test: Mocha.Test): number {
  return (test as Mocha.Test & { currentRetry(): number }).currentRetry();
}
