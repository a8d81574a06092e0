import * as fs from 'node:fs';
import * as path from 'node:path';
import type { ScriptDescription, SourceMaps } from '../capture/source-maps';
import { defineProperty } from '../builtins';
import { createAddonNotFoundError, createOtherCopyError } from '../errors';
import { areCompilersKept } from './compilers';

/** How the program itself has set the flags of V8 that a collection changes, and sets back: V8 does not tell. */
export interface ProgramFlags {
  /** As `--expose-gc` does. */
  exposesGc: boolean;
  /** As `--no-concurrent-array-buffer-sweeping` does. */
  sweepsAtOnce: boolean;
}

/** What is asked of the native part when tracking starts; every field is given and checked. */
export interface TrackingOptions {
  /** The capture's file, absolute; empty to keep it in memory and a temporary file. */
  path: string;
  temporaryDirectory: string;
  native: boolean;
  traceJs: boolean;
  /** The mean distance of two sampled objects of the JS heap, in bytes; 1 samples every object, 0 none. */
  jsSampleIntervalBytes: number;
  programFlags: ProgramFlags;
  /** Where this package's JavaScript is, with a slash at the end: what that allocates is not recorded. */
  ownDirectory: string;
  metadata: readonly (readonly [key: string, value: string])[];
}

/** A finished capture of the native part's. */
export type CaptureHandle = object & { readonly isCaptureHandle: unique symbol };

/**
 * The functions of `native/binding.cc`. What `startTracking` and `stopTracking` throw where nothing can be recorded, as
 * on a full disk, has the code `ERR_MEMRAY_NOT_RECORDED`.
 */
export interface Addon {
  /** Why memory cannot be tracked here, in a sentence; empty when it can. */
  readonly unsupportedReason: string;
  /** Has V8 compile, from here on, only to code that tells its lines. */
  restrictCompilers(): void;
  /**
   * @returns whether the JS heap is measured, as was asked for: not while the program samples it itself;
   * undefined, and nothing begins, while another thread's tracker runs
   */
  startTracking(options: TrackingOptions): boolean | undefined;
  /** Samples more closely from here on, if that is closer than so far; samples so far are lost. */
  setSampleInterval(intervalBytes: number): void;
  /** Records native frames in full from here on. */
  recordNativeFrames(): void;
  /** Has the peak confirmed where it reaches `firstBytes`, and in steps up to the limit; 0 lifts it. */
  setMemoryLimit(limitBytes: number, firstBytes: number): void;
  /** Takes note of the peak so far, before what is live becomes garbage: what is found to be that counts as if it always was. */
  notePeak(): void;
  /** What is live, as far as garbage was collected; 0 where the JS heap is not measured. */
  liveBytes(): number;
  /** How long the program has waited, since tracking began, for garbage to be collected and its peak confirmed. */
  confirmingMs(): number;
  /** Collects all garbage, and has a reader tell what is live now from what becomes live later; the last one counts. */
  mark(programFlags: ProgramFlags): void;
  /**
   * @param findOriginals gives what the places of a script were made of, by its source map
   * @param programFlags to collect all garbage first
   */
  stopTracking(
    findOriginals: SourceMaps['findOriginals'],
    programFlags?: ProgramFlags,
  ): CaptureHandle;
  /** What V8 knows of a script of this thread; nothing if the program is done with it. */
  describeScript(scriptId: number): ScriptDescription;
  /** @returns its size in bytes; 0 once it is closed */
  captureSize(capture: CaptureHandle): number;
  /** @returns how many bytes of it were copied to `target`; 0 at the end */
  readCapture(capture: CaptureHandle, offset: number, target: Uint8Array): number;
  /** Gives its memory and its temporary file back. */
  closeCapture(capture: CaptureHandle): void;
  /** Collects all garbage now; dead ArrayBuffers' memory is free when it returns. */
  collectGarbage(programFlags: ProgramFlags): void;
  /** Collects garbage and gives each object of V8's heap an identity. @returns the largest one */
  assignObjectIds(): number;
  /** Collects garbage. @returns all objects that can be reached, as JSON; larger identities are newer */
  takeHeapSnapshot(): Buffer;
  /** Has V8 follow objects no longer. */
  forgetObjectIds(): void;
  /** @returns what the user should know of how this process is tracked, said once: messages by code */
  takeNotices(): Record<string, string>;
}

const root = path.join(__dirname, '..', '..');
const platform = `${process.platform}-${process.arch}`;
// The binary uses V8's ABI, which Node-API does not check when it loads one: a file per ABI does.
const binary = path.join(root, 'prebuilds', platform, `abi${process.versions.modules}.node`);

const SUPPORTED = 'Memory can be tracked on Linux x64 with glibc only, and this is';
const ADDONS_DISABLED =
  'Node loads no native addons: start it without --no-addons, and with --allow-addons where there is --permission.';

/** Where the copy of this package that tracks a process leaves its folder, for others to find. */
const TRACKING_COPY = Symbol.for('memray-mocha.trackingCopy');

let addon: Addon | undefined;

/**
 * The native part, loaded when it is first asked for. On a platform where memory cannot be tracked
 * the result has an `unsupportedReason`, and nothing else.
 *
 * @throws MemrayMochaError `ERR_MEMRAY_ADDON_NOT_FOUND` when there is none for this Node, or it does not load,
 * `ERR_MEMRAY_OTHER_COPY` in a process that another copy of this package tracks
 */
export function loadAddon(): Addon {
  if (!addon) {
    refuseOtherCopy();
    addon = platform === 'linux-x64' ? loadBinary() : unsupported(`${SUPPORTED} ${platform}.`);
    if (!addon.unsupportedReason) {
      defineProperty(process, TRACKING_COPY, { value: root });
      if (!areCompilersKept()) addon.restrictCompilers();
    }
  }
  return addon;
}

/**
 * Two native parts would record each other, and V8 samples its heap for one.
 *
 * @throws MemrayMochaError `ERR_MEMRAY_OTHER_COPY` in a process that another copy of this package tracks
 */
export function refuseOtherCopy(): void {
  const other = (process as { [TRACKING_COPY]?: string })[TRACKING_COPY];
  if (other !== undefined && other !== root) throw createOtherCopyError(other, root);
}

function loadBinary(): Addon {
  if (isOnMusl()) return unsupported(`${SUPPORTED} ${platform} with musl.`);
  const present = fs.existsSync(path.dirname(binary)) ? fs.readdirSync(path.dirname(binary)) : [];
  if (!fs.existsSync(binary)) throw createAddonNotFoundError(binary, 'no such file', present);
  try {
    return require(binary) as Addon;
  } catch (error) {
    const { code, message } = error as NodeJS.ErrnoException;
    if (code === 'ERR_DLOPEN_DISABLED') return unsupported(ADDONS_DISABLED);
    throw createAddonNotFoundError(binary, message, present);
  }
}

/** There, the binary may load, and crash when it is used. Node's file begins with the name of its loader. */
function isOnMusl(): boolean {
  const start = Buffer.alloc(4096);
  try {
    const file = fs.openSync(process.execPath, 'r');
    fs.readSync(file, start, 0, start.length, 0);
    fs.closeSync(file);
  } catch {
    // It may not be read: then the binary tells.
  }
  return start.includes('/ld-musl-');
}

function unsupported(unsupportedReason: string): Addon {
  return { unsupportedReason } as Addon;
}
