import { isFiniteNumber } from '../builtins';
import type { CallStack, Frame } from '../call-stack';
import { checkOptions } from '../check-options';
import { createCaptureClosedError, createInvalidArgumentError } from '../errors';
import { CaptureSummary } from './capture-summary';
import { FileSource } from './file-source';
import { parseCapture, type ParserOptions } from './parser-module';

/** Where memory is: V8's heap, or everything else. */
export type Heap = 'js' | 'native';

/** What was allocated with one call stack, on one heap. */
export interface AllocationRecord {
  /** Of the JS heap an estimate by samples: their sum need not be `peakJsHeapBytes`. */
  bytes: number;
  /** Blocks, live ranges of mappings, and JS objects. */
  count: number;
  /** What of this call stack was live at the latest mark of the tracker; 0 without. */
  bytesAtMark: number;
  heap: Heap;
  /** 0 when the record sums up several threads. */
  threadId: number;
  stack: CallStack;
  /** The most recent call, `stack.frames[0]`: the others are made only when they are asked for. */
  innermost: Frame | undefined;
  /** File name of the module that called the allocator (`better_sqlite3.node`), `''` if unknown. */
  nativeCaller: string;
}

/** Where a reader gets a capture's bytes from. */
export interface CaptureSource {
  readonly sizeBytes: number;
  /** Fills `target` from a byte on, as far as it can. Gives the number of bytes read, 0 at the end. */
  read(offset: number, target: Uint8Array): number;
  close?(): void;
}

/** Which allocations count, and what makes two of them one record. */
export interface ReadOptions {
  /** Count allocations of the thread that started the tracker only. Default: false. */
  currentThreadOnly?: boolean;
  /** Sum up allocations of several threads. Default: true. */
  mergeThreads?: boolean;
  /** Tell call stacks apart by their native frames too, if the capture has them. Default: false. */
  native?: boolean;
}

/** What a capture says about itself. */
export interface CaptureMetadata {
  /** Of the format. */
  version: number;
  pid: number;
  /** Since the epoch. */
  startedAtMs: number;
  /** 0 when the capture is not complete. */
  durationMs: number;
  mainThreadId: number;
  /** Whether native frames were recorded in full. */
  nativeFrames: boolean;
  /** Whether every JS heap object was recorded. */
  traceJs: boolean;
  /** False when the capture was cut off: its process died, or its disk was full. */
  complete: boolean;
  node: string;
  v8: string;
  arch: string;
  platform: string;
  commandLine: string;
  cwd: string;
}

/** Totals of a capture. */
export interface CaptureStatistics {
  /** Live at the moment of peak memory. */
  peakBytes: number;
  peakJsHeapBytes: number;
  peakNativeBytes: number;
  /** The largest total that was seen right after garbage was collected; 0 when there was none. */
  confirmedPeakBytes: number;
  /** The largest total there was, with garbage that nobody had collected. */
  rawPeakBytes: number;
  /** The same without native memory that was found to be garbage. */
  recordedPeakBytes: number;
  /** Of native memory, as all that follows but `leakedBytes`. */
  allocationCount: number;
  allocationBytes: number;
  /** Deallocations of blocks that count in `allocationCount`. */
  deallocationCount: number;
  /** Still live at the end; with garbage, where none was collected before, as leak limits have it. */
  leakedBytes: number;
  /** Native allocations by size: item i counts sizes from 2^i to 2^(i+1) - 1, item 0 also size 0. */
  sizeHistogram: number[];
  /** 0 when there are no allocations. */
  minSizeBytes: number;
  maxSizeBytes: number;
  /** Those that were used, most bytes first. */
  allocators: { allocator: string; count: number; bytes: number }[];
}

/** Reads a capture: a kept file, or what a tracker has just recorded. */
export class CaptureReader {
  readonly #name: string;
  readonly #source: CaptureSource;
  readonly #summaries: CaptureSummary[] = [];
  #closed = false;

  /**
   * @param source a path, or anything that gives the bytes
   * @throws MemrayMochaError when a path cannot be opened; TypeError for anything else
   */
  constructor(source: string | CaptureSource) {
    if (typeof source !== 'string' && !isSource(source)) {
      throw createInvalidArgumentError(
        'the capture',
        'a path, or an object with `read` and `sizeBytes`',
        source,
      );
    }
    this.#name = typeof source === 'string' ? source : 'The capture';
    this.#source = typeof source === 'string' ? new FileSource(source) : source;
  }

  /**
   * What the capture says about itself.
   *
   * @throws MemrayMochaError when it cannot be read, like all that follows; these throw TypeError for wrong options
   */
  get metadata(): CaptureMetadata {
    return (this.#summaries[0] ?? this.#summarize({})).metadata;
  }

  /** Totals. Only `currentThreadOnly` makes a difference here. */
  statistics(options: ReadOptions = {}): CaptureStatistics {
    checkReadOptions(options);
    const mainThreadOnly = options.currentThreadOnly ?? false;
    const known = this.#summaries.find(
      (summary) => summary.options.mainThreadOnly === mainThreadOnly,
    );
    return (known ?? this.#summarize(options)).statistics;
  }

  /** What was live at the moment of peak memory, largest first. */
  highWaterMark(options: ReadOptions = {}): AllocationRecord[] {
    return this.#summarize(options).highWaterMark(options.native ?? false);
  }

  /** What is still live at the end, largest first; with garbage, where none was collected before. */
  leaks(options: ReadOptions = {}): AllocationRecord[] {
    return this.#summarize(options).leaks(options.native ?? false);
  }

  /** All native memory that was ever allocated, most bytes first; JS objects are not recorded one by one. */
  allocations(options: ReadOptions = {}): AllocationRecord[] {
    return this.#summarize(options).allocations(options.native ?? false);
  }

  /** Gives the file back, and memory once no row is held; the reader cannot be used any more. */
  close(): void {
    if (this.#closed) return;
    this.#closed = true;
    this.#summaries.length = 0;
    this.#source.close?.();
  }

  /** Reads the capture, once for each combination of options that makes a difference. */
  #summarize(readOptions: ReadOptions): CaptureSummary {
    checkReadOptions(readOptions);
    if (this.#closed) throw createCaptureClosedError(this.#name);
    const options: ParserOptions = {
      mainThreadOnly: readOptions.currentThreadOnly ?? false,
      mergeThreads: readOptions.mergeThreads ?? true,
    };
    const known = this.#summaries.find((summary) => summary.answers(options));
    if (known) return known;
    const summary = new CaptureSummary(options, parseCapture(this.#source, this.#name, options));
    this.#summaries.push(summary);
    return summary;
  }
}

function isSource(source: Partial<CaptureSource> | null): boolean {
  const { read, sizeBytes } = source ?? {};
  return typeof read === 'function' && isFiniteNumber(sizeBytes) && sizeBytes! >= 0;
}

function checkReadOptions(options: ReadOptions): void {
  checkOptions('CaptureReader', options, {
    currentThreadOnly: 'boolean',
    mergeThreads: 'boolean',
    native: 'boolean',
  });
}
