import * as os from 'node:os';
import * as path from 'node:path';
import { arrayFrom, ceil, entries, isFiniteNumber, isSafeInteger } from '../builtins';
import { CaptureReader, type CaptureSource } from '../capture/capture-reader';
import { canParse } from '../capture/parser-module';
import { SourceMaps } from '../capture/source-maps';
import { checkOptions } from '../check-options';
import {
  createInvalidArgumentError,
  createNotRecordedError,
  createTrackerActiveError,
  createTrackerNotActiveError,
  createUnsupportedError,
} from '../errors';
import {
  loadAddon,
  type Addon,
  type CaptureHandle,
  type ProgramFlags,
  type TrackingOptions,
} from './addon';
import { dropCompilers } from './compilers';

/** What a {@link Tracker} records, and where it keeps it. */
export interface TrackerOptions {
  /** Keeps the capture in this file, which `CaptureReader` and the command line read later. Default: none. */
  path?: string;
  /** Records native frames in full below the JavaScript ones; slower. Default: false. */
  native?: boolean;
  /** Measures V8's heap too, by samples, and confirms peaks by collecting garbage. Default: true. */
  jsHeap?: boolean;
  /** Records every JS heap object instead of samples, unless `jsHeap` is false; slower. Default: false. */
  traceJs?: boolean;
  /** The mean distance of two samples of the JS heap, in bytes, at least 1. Default: 32 KiB. */
  sampleIntervalBytes?: number;
}

/** How a {@link Tracker} stops. */
export interface StopOptions {
  /**
   * Collects all garbage first, in workers, too, which stand still until the end, so that only what is live is left; and
   * what V8 keeps of code, its text above all, in case it is compiled again. Default: false.
   */
  collectsGarbage?: boolean;
}

// Tests fake these.
const emitWarning = process.emitWarning.bind(process);
const resolve = path.resolve.bind(path);

const NO_WEBASSEMBLY =
  'V8 has no WebAssembly, by which results are read: start Node without --jitless and --lite-mode.';
const DEFAULT_SAMPLE_INTERVAL_BYTES = 32 * 1024;

// Found out once: the environment is slow to ask, each test starts a tracker, and tests may change
// what there is to find, or be in a folder that is gone.
const TEMPORARY_DIRECTORY = os.tmpdir();
const OWN_DIRECTORY = path.join(__dirname, '..', path.sep);
/** What the program was started with; V8's flags have two spellings. */
const FLAGS = [...process.execArgv, process.env['NODE_OPTIONS'] ?? '']
  .join(' ')
  .replaceAll('_', '-');
const IS_GC_ASKED_FOR = /--expose-gc\b/.test(FLAGS);
/** Each of these has V8 free ArrayBuffers' memory on the thread that collects. */
const SWEEPS_AT_ONCE =
  /--(no-?concurrent-(array-buffer-)?sweeping|single-threaded(-gc)?|predictable)(?![-\w])/.test(
    FLAGS,
  );
// V8 (of Node 26) keeps texts of numbers, in a table that it makes large when some are made: that may be no test's leak.
arrayFrom({ length: 200 }, (_, number) => String(number / 7));
const METADATA = entries({
  node: process.version,
  v8: process.versions.v8,
  arch: process.arch,
  platform: process.platform,
  commandLine: [process.execPath, ...process.execArgv, ...process.argv.slice(1)].join(' '),
  cwd: process.cwd(),
});

/**
 * Records every allocation of the process between `start()` and `stop()`, as `memray.Tracker` does.
 * One at a time in a process.
 *
 * @example
 * const tracker = new Tracker();
 * tracker.start();
 * parseCatalogue();
 * const capture = tracker.stop();
 * console.log(capture.highWaterMark()[0]);
 * capture.close();
 */
export class Tracker {
  /**
   * Whether memory can be tracked in this process at all; when it cannot, `unsupportedReason` says why.
   *
   * @throws MemrayMochaError where it could be, but for the installation: `ERR_MEMRAY_ADDON_NOT_FOUND`,
   * `ERR_MEMRAY_OTHER_COPY`
   */
  static get supported(): boolean {
    return Tracker.unsupportedReason === '';
  }

  /**
   * Why memory cannot be tracked here, in a sentence; empty when it can.
   *
   * @throws MemrayMochaError as `supported` does
   */
  static get unsupportedReason(): string {
    return canParse ? loadAddon().unsupportedReason : NO_WEBASSEMBLY;
  }

  /**
   * Collects all garbage now, in workers, too, and waits until the native memory of dead ArrayBuffers is free.
   *
   * @throws MemrayMochaError `ERR_MEMRAY_UNSUPPORTED` where memory cannot be tracked
   */
  static collectGarbage(): void {
    loadSupportedAddon().collectGarbage(findProgramFlags());
  }

  static #active: Tracker | undefined;
  static readonly #sourceMaps = new SourceMaps((scriptId) => loadAddon().describeScript(scriptId));

  readonly #options: Omit<TrackingOptions, 'programFlags'>;
  #measuresJsHeap = false;
  /** What `stop()` is to give when the end of the process has stopped this tracker. */
  #captureAtExit: CaptureReader | undefined;
  #confirmingMs = 0;

  /**
   * @param options - see {@link TrackerOptions}
   * @throws TypeError naming the option that is unknown or malformed
   */
  constructor(options: TrackerOptions = {}) {
    checkOptions('Tracker', options, {
      path: 'string',
      native: 'boolean',
      jsHeap: 'boolean',
      traceJs: 'boolean',
      sampleIntervalBytes: 'number',
    });
    if (options.path?.includes('\0')) {
      throw createInvalidArgumentError(
        'the `path` option of Tracker',
        'a path, which has no null characters',
        options.path,
      );
    }
    this.#options = {
      path: options.path ? resolve(options.path) : '',
      temporaryDirectory: TEMPORARY_DIRECTORY,
      native: options.native ?? false,
      traceJs: options.traceJs ?? false,
      jsSampleIntervalBytes: findSampleInterval(options),
      ownDirectory: OWN_DIRECTORY,
      metadata: METADATA,
    };
  }

  /**
   * @throws MemrayMochaError `ERR_MEMRAY_TRACKER_ACTIVE` while another tracker runs,
   * `ERR_MEMRAY_UNSUPPORTED` where memory cannot be tracked, `ERR_MEMRAY_NOT_RECORDED` when `path` cannot be written
   */
  start(): void {
    if (Tracker.#active) throw createTrackerActiveError();
    const addon = loadSupportedAddon();
    dropCompilers(addon);
    const measuresJsHeap = explain(() =>
      addon.startTracking({ ...this.#options, programFlags: findProgramFlags() }),
    );
    // Of another thread, which has this class of its own.
    if (measuresJsHeap === undefined) throw createTrackerActiveError();
    this.#measuresJsHeap = measuresJsHeap;
    this.#captureAtExit = undefined;
    Tracker.#active = this;
    // What waits to be written would be missing in the file.
    if (this.#options.path) process.once('exit', this.#stopAtExit);
  }

  /** Whether V8's heap is measured, since `start()`: not where the program samples it itself. */
  get measuresJsHeap(): boolean {
    return this.#measuresJsHeap;
  }

  /** How long the program has waited for its peak to be confirmed, by collecting garbage, until `stop()`. */
  get confirmingMs(): number {
    return this.#confirmingMs;
  }

  /**
   * How many bytes are live of what was allocated since `start()`, as far as garbage was collected; 0 where V8's heap is
   * not measured.
   *
   * @throws MemrayMochaError `ERR_MEMRAY_TRACKER_NOT_ACTIVE` when this tracker does not run
   */
  get liveBytes(): number {
    return this.#findRunning()?.liveBytes() ?? 0;
  }

  /**
   * Has the peak confirmed, by collecting garbage, where all that is allocated reaches this many
   * bytes, and nowhere below: what is at stake with a limit. 0 lifts it.
   *
   * @param firstBytes from here on each step is confirmed as well. Default: the limit.
   * @throws TypeError when these are no such numbers; MemrayMochaError
   * `ERR_MEMRAY_TRACKER_NOT_ACTIVE` when this tracker does not run
   */
  setMemoryLimit(limitBytes: number, firstBytes = limitBytes): void {
    for (const bytes of [limitBytes, firstBytes]) {
      if (!isFiniteNumber(bytes) || bytes < 0) {
        throw createInvalidArgumentError(
          'the limit of `setMemoryLimit`',
          'a number of bytes, at least 0',
          bytes,
        );
      }
    }
    // A part of a byte is reached with the whole one; to the native part, less than one is none.
    this.#findRunning()?.setMemoryLimit(ceil(limitBytes), ceil(firstBytes));
  }

  /**
   * Samples the JS heap more closely from here on, when that is closer than so far.
   *
   * @throws TypeError when `intervalBytes` is no whole number of at least 1; MemrayMochaError
   * `ERR_MEMRAY_TRACKER_NOT_ACTIVE` when this tracker does not run
   */
  setSampleInterval(intervalBytes: number): void {
    checkSampleInterval('the interval of `setSampleInterval`', intervalBytes);
    this.#findRunning()?.setSampleInterval(intervalBytes);
  }

  /**
   * Records native frames in full from here on, as with the option `native`: what was allocated before has only the
   * function that called the allocator.
   *
   * @throws MemrayMochaError `ERR_MEMRAY_TRACKER_NOT_ACTIVE` when this tracker does not run
   */
  recordNativeFrames(): void {
    this.#findRunning()?.recordNativeFrames();
  }

  /**
   * Takes note of the peak so far. To be called before the program lets go much of what it holds, where the tracker
   * runs on: what a later collection finds dead is taken to have been garbage from the beginning.
   *
   * @throws MemrayMochaError `ERR_MEMRAY_TRACKER_NOT_ACTIVE` when this tracker does not run
   */
  notePeak(): void {
    this.#findRunning()?.notePeak();
  }

  /**
   * Collects all garbage, as `stop({ collectsGarbage: true })` does, and has {@link CaptureReader.leaks} tell, as
   * `bytesAtMark`, what was live now already; the last mark counts.
   *
   * @throws MemrayMochaError `ERR_MEMRAY_TRACKER_NOT_ACTIVE` when this tracker does not run
   */
  mark(): void {
    this.#findRunning()?.mark(findProgramFlags());
  }

  /**
   * Ends the capture. A tracker with a `path` is stopped when the process exits, also by `process.exit()` or an error;
   * then this gives what there was.
   *
   * @param options - see {@link StopOptions}
   * @returns the capture; close it when done with it
   * @throws TypeError naming the option that is unknown or malformed; MemrayMochaError
   * `ERR_MEMRAY_TRACKER_NOT_ACTIVE` when this tracker does not run, `ERR_MEMRAY_NOT_RECORDED` when the capture could not be written in full
   */
  stop(options: StopOptions = {}): CaptureReader {
    checkOptions('stop', options, { collectsGarbage: 'boolean' });
    const { collectsGarbage = false } = options;
    const captureAtExit = this.#captureAtExit;
    this.#captureAtExit = undefined;
    return captureAtExit ?? this.#stop(collectsGarbage);
  }

  readonly #stopAtExit = (): void => {
    try {
      this.#captureAtExit = this.#stop();
    } catch (error) {
      // Not thrown: the process keeps its exit code.
      console.error((error as Error).message);
    }
  };

  #stop(collectsGarbage = false): CaptureReader {
    const addon = this.#findAddon();
    Tracker.#active = undefined;
    process.off('exit', this.#stopAtExit);
    this.#confirmingMs = addon.confirmingMs();
    const capture = explain(() =>
      addon.stopTracking(
        (scriptId, places) => Tracker.#sourceMaps.findOriginals(scriptId, places),
        collectsGarbage ? findProgramFlags() : undefined,
      ),
    );
    for (const [code, message] of entries(addon.takeNotices())) {
      emitWarning(message, { code });
    }
    return new CaptureReader(new AddonSource(addon, capture));
  }

  /** Nothing where the end of the process has stopped this tracker: who uses it need not know. */
  #findRunning(): Addon | undefined {
    return this.#captureAtExit ? undefined : this.#findAddon();
  }

  /** What this tracker runs in: the native part would do what it is told to with any that runs. */
  #findAddon(): Addon {
    if (Tracker.#active !== this) throw createTrackerNotActiveError();
    return loadAddon();
  }
}

/** A capture that the native part holds. */
class AddonSource implements CaptureSource {
  readonly sizeBytes: number;

  constructor(
    private readonly addon: Addon,
    private readonly capture: CaptureHandle,
  ) {
    this.sizeBytes = addon.captureSize(capture);
  }

  read(offset: number, target: Uint8Array): number {
    return this.addon.readCapture(this.capture, offset, target);
  }

  close(): void {
    this.addon.closeCapture(this.capture);
  }
}

/** Has the native part do something. @throws what that throws, with what there is to do */
function explain<Result>(act: () => Result): Result {
  try {
    return act();
  } catch (error) {
    const { code } = error as { code?: string };
    throw code === 'ERR_MEMRAY_NOT_RECORDED' ? createNotRecordedError(error as Error) : error;
  }
}

/** Gives 0 for none. */
function findSampleInterval({
  jsHeap = true,
  traceJs,
  sampleIntervalBytes = DEFAULT_SAMPLE_INTERVAL_BYTES,
}: TrackerOptions): number {
  checkSampleInterval('the `sampleIntervalBytes` option of Tracker', sampleIntervalBytes);
  if (!jsHeap) return 0;
  return traceJs ? 1 : sampleIntervalBytes;
}

/** V8 ends the process where there is nothing between two samples. */
function checkSampleInterval(name: string, bytes: number): void {
  if (!isSafeInteger(bytes) || bytes < 1) {
    throw createInvalidArgumentError(name, 'a whole number of bytes, at least 1', bytes);
  }
}

function loadSupportedAddon(): Addon {
  const { unsupportedReason } = Tracker;
  if (unsupportedReason) throw createUnsupportedError(unsupportedReason);
  return loadAddon();
}

function findProgramFlags(): ProgramFlags {
  return {
    exposesGc: IS_GC_ASKED_FOR || typeof globalThis.gc === 'function',
    sweepsAtOnce: SWEEPS_AT_ONCE,
  };
}
