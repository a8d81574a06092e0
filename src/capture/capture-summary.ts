import { arrayFrom, max } from '../builtins';
import { createGarbledReadingError } from '../errors';
import type { CallStack, Frame, FrameKind } from '../call-stack';
import type { AllocationRecord, CaptureMetadata, CaptureStatistics } from './capture-reader';
import type { ParserConstants, ParserNumbers } from './parser-exports';
import type { ParserOptions, ParserOutput } from './parser-module';

const ALLOCATOR_NAMES: Readonly<Record<number, string>> = {
  1: 'malloc',
  2: 'calloc',
  3: 'realloc',
  4: 'reallocarray',
  5: 'posix_memalign',
  6: 'aligned_alloc',
  7: 'memalign',
  8: 'valloc',
  9: 'pvalloc',
  10: 'operator new',
  16: 'mmap',
  17: 'mremap',
  18: 'mprotect',
};

const TEXT_END_BYTES = 4;
const decoder = new TextDecoder('utf-8', { ignoreBOM: true });

/** Makes objects of the parser's tables, as they are asked for. */
export class CaptureSummary {
  readonly metadata: CaptureMetadata;
  readonly statistics: CaptureStatistics;
  private readonly constants: ParserConstants;
  private readonly numbers: ParserNumbers;
  private readonly texts: string[] = [];
  private readonly frames: Frame[] = [];
  private readonly callStacks: CallStack[] = [];

  constructor(
    readonly options: ParserOptions,
    private readonly output: ParserOutput,
  ) {
    this.constants = output.constants;
    this.numbers = output.numbers;
    this.metadata = this.readMetadata();
    this.statistics = this.readStatistics();
  }

  /** Whether reading the capture with these options would give the same. */
  answers(options: ParserOptions): boolean {
    const { mainThreadOnly, mergeThreads } = this.options;
    return options.mainThreadOnly === mainThreadOnly && options.mergeThreads === mergeThreads;
  }

  /** @param native whether call stacks are told apart by their native frames, as in all of these */
  highWaterMark(native: boolean): AllocationRecord[] {
    return this.readRows(this.constants.HIGH_WATER_MARK, native);
  }

  leaks(native: boolean): AllocationRecord[] {
    return this.readRows(this.constants.LEAKS, native);
  }

  allocations(native: boolean): AllocationRecord[] {
    return this.readRows(this.constants.ALLOCATIONS, native);
  }

  private readMetadata(): CaptureMetadata {
    const { numbers } = this;
    const texts = this.readMetadataTexts();
    return {
      version: numbers.version,
      pid: numbers.pid,
      startedAtMs: numbers.startedAtMs,
      durationMs: numbers.durationMs,
      mainThreadId: numbers.mainThread,
      nativeFrames: numbers.nativeFrames === 1,
      traceJs: numbers.traceJs === 1,
      complete: numbers.complete === 1,
      node: texts.get('node') ?? '',
      v8: texts.get('v8') ?? '',
      arch: texts.get('arch') ?? '',
      platform: texts.get('platform') ?? '',
      commandLine: texts.get('commandLine') ?? '',
      cwd: texts.get('cwd') ?? '',
    };
  }

  private readMetadataTexts(): Map<string, string> {
    const { metadata } = this.output;
    const { METADATA_BYTES, METADATA_KEY_OFFSET, METADATA_VALUE_OFFSET } = this.constants;
    return new Map(
      recordsOf(metadata, METADATA_BYTES).map((record) => [
        this.text(metadata.getUint32(record + METADATA_KEY_OFFSET, true)),
        this.text(metadata.getUint32(record + METADATA_VALUE_OFFSET, true)),
      ]),
    );
  }

  private readStatistics(): CaptureStatistics {
    const { numbers, output } = this;
    return {
      peakBytes: numbers.peakBytes,
      peakJsHeapBytes: numbers.peakJsBytes,
      peakNativeBytes: numbers.peakBytes - numbers.peakJsBytes,
      confirmedPeakBytes: numbers.confirmedPeakBytes,
      rawPeakBytes: numbers.rawPeakBytes,
      recordedPeakBytes: numbers.recordedPeakBytes,
      allocationCount: numbers.allocationCount,
      allocationBytes: numbers.allocationBytes,
      deallocationCount: numbers.deallocationCount,
      leakedBytes: numbers.liveBytes,
      sizeHistogram: output.sizeHistogram,
      minSizeBytes: numbers.allocationCount === 0 ? 0 : numbers.minSize,
      maxSizeBytes: numbers.maxSize,
      allocators: output.allocators
        .map(({ number, count, bytes }) => ({ allocator: nameAllocator(number), count, bytes }))
        .sort((a, b) => b.bytes - a.bytes),
    };
  }

  private readRows(measure: number, native: boolean): AllocationRecord[] {
    const { nativeRows, rows: jsRows } = this.output;
    const rows = (native ? nativeRows : jsRows)[measure]!;
    return recordsOf(rows, this.constants.ROW_BYTES)
      .map((record) => this.readRow(rows, record))
      .filter(({ count }) => count > 0)
      .sort((a, b) => b.bytes - a.bytes);
  }

  private readRow(rows: DataView, record: number): AllocationRecord {
    const { constants } = this;
    const callStack = rows.getUint32(record + constants.ROW_CALL_STACK_OFFSET, true);
    return {
      bytes: rows.getFloat64(record + constants.ROW_SIZE_OFFSET, true),
      count: rows.getFloat64(record + constants.ROW_COUNT_OFFSET, true),
      bytesAtMark: rows.getFloat64(record + constants.ROW_MARKED_OFFSET, true),
      heap: rows.getUint32(record + constants.ROW_IS_JS_OFFSET, true) ? 'js' : 'native',
      threadId: rows.getUint32(record + constants.ROW_THREAD_OFFSET, true),
      stack: this.callStack(callStack),
      innermost: callStack === 0 ? undefined : this.frameOf(callStack),
      nativeCaller: this.text(rows.getUint32(record + constants.ROW_NATIVE_CALLER_OFFSET, true)),
    };
  }

  /** Its frames are made when they are asked for: there may be hundreds of thousands of rows. */
  private callStack(number: number): CallStack {
    return (this.callStacks[number] ??= makeCallStack(() => this.readFrames(number)));
  }

  private readFrames(callStack: number): Frame[] {
    const { callStacks } = this.output;
    const { CALL_STACK_BYTES, CALL_STACK_CALLER_OFFSET } = this.constants;
    const frames: Frame[] = [];
    for (let current = callStack; current !== 0;) {
      frames.push(this.frameOf(current));
      const record = current * CALL_STACK_BYTES;
      const caller = callStacks.getUint32(record + CALL_STACK_CALLER_OFFSET, true);
      // Callers have lower numbers, but where a test has replaced what reads them: that would never end.
      if (!(caller < current)) throw createGarbledReadingError(caller);
      current = caller;
    }
    return frames;
  }

  /** The most recent one. */
  private frameOf(callStack: number): Frame {
    const { CALL_STACK_BYTES, CALL_STACK_FRAME_OFFSET } = this.constants;
    const record = callStack * CALL_STACK_BYTES;
    const number = this.output.callStacks.getUint32(record + CALL_STACK_FRAME_OFFSET, true);
    return (this.frames[number] ??= this.readFrame(number));
  }

  private readFrame(number: number): Frame {
    const { constants } = this;
    const { frames } = this.output;
    const record = number * constants.FRAME_BYTES;
    const kind = frames.getUint32(record + constants.FRAME_KIND_OFFSET, true);
    return {
      functionName: this.text(frames.getUint32(record + constants.FRAME_FUNCTION_OFFSET, true)),
      filename: this.text(frames.getUint32(record + constants.FRAME_FILE_OFFSET, true)),
      lineNumber: frames.getUint32(record + constants.FRAME_LINE_OFFSET, true),
      columnNumber: frames.getUint32(record + constants.FRAME_COLUMN_OFFSET, true),
      kind: this.nameKind(kind),
    };
  }

  private nameKind(kind: number): FrameKind {
    if (kind === this.constants.JS_KIND) return 'js';
    return kind === this.constants.WASM_KIND ? 'wasm' : 'native';
  }

  private text(number: number): string {
    return (this.texts[number] ??= this.readText(number));
  }

  private readText(number: number): string {
    if (number === 0) return '';
    const { texts, textEnds } = this.output;
    const start = textEnds.getUint32((number - 1) * TEXT_END_BYTES, true);
    const end = textEnds.getUint32(number * TEXT_END_BYTES, true);
    return decoder.decode(new Uint8Array(texts.buffer, start, end - start));
  }
}

function makeCallStack(readFrames: () => Frame[]): CallStack {
  let frames: Frame[] | undefined;
  // Let go of once it was called: it holds the tables of all rows.
  let read: typeof readFrames | undefined = readFrames;
  return {
    get frames() {
      frames ??= read!();
      read = undefined;
      return frames;
    },
  };
}

/** Where the records of a table begin, without the first, which is none. */
function recordsOf(table: DataView, recordBytes: number): number[] {
  const count = max(table.byteLength / recordBytes - 1, 0);
  return arrayFrom({ length: count }, (_, index) => (index + 1) * recordBytes);
}

function nameAllocator(number: number): string {
  return ALLOCATOR_NAMES[number] ?? `allocator ${number}`;
}
