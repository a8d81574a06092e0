/** The functions and the memory that assembly/index.ts exports. */
export interface ParserExports {
  memory: { buffer: ArrayBuffer };
  /** Makes it as new, with hashes that nobody can foresee: scripts/export-reset.mjs adds it. */
  reset(seed: bigint): void;
  countMainThreadOnly(): void;
  openInput(capacity: number): number;
  feed(length: number): number;
  finish(): number;
  failureOffset(): number;
  showRows(measure: number, splitByNativeFrames: boolean, mergeThreads: boolean): number;
  showFrames(): number;
  showCallStacks(): number;
  showMetadata(): number;
  showTexts(): number;
  showTextEnds(): number;
  shownBytes(): number;
  nextAllocator(after: number): number;
  countAllocations(allocator: number): number;
  sumAllocations(allocator: number): number;
  countSizesInBucket(bucket: number): number;
}

/** The numbers it exports that are of the capture, among them its totals. */
export type ParserNumbers = Readonly<Record<ParserNumber, number>>;

/** Those that are always the same, among them the layout of its tables. */
export type ParserConstants = Readonly<Record<ParserConstant, number>>;

type ParserNumber =
  | 'version'
  | 'pid'
  | 'startedAtMs'
  | 'durationMs'
  | 'mainThread'
  | 'nativeFrames'
  | 'traceJs'
  | 'complete'
  | 'liveBytes'
  | 'peakBytes'
  | 'peakJsBytes'
  | 'rawPeakBytes'
  | 'recordedPeakBytes'
  | 'confirmedPeakBytes'
  | 'allocationCount'
  | 'allocationBytes'
  | 'deallocationCount'
  | 'minSize'
  | 'maxSize'
  | 'failure'
  | 'failureDetail';

type ParserConstant =
  | 'HIGH_WATER_MARK'
  | 'LEAKS'
  | 'ALLOCATIONS'
  | 'SIZE_BUCKETS'
  | 'JS_KIND'
  | 'WASM_KIND'
  | 'ROW_BYTES'
  | 'ROW_SIZE_OFFSET'
  | 'ROW_COUNT_OFFSET'
  | 'ROW_MARKED_OFFSET'
  | 'ROW_CALL_STACK_OFFSET'
  | 'ROW_NATIVE_CALLER_OFFSET'
  | 'ROW_THREAD_OFFSET'
  | 'ROW_IS_JS_OFFSET'
  | 'FRAME_BYTES'
  | 'FRAME_FUNCTION_OFFSET'
  | 'FRAME_FILE_OFFSET'
  | 'FRAME_LINE_OFFSET'
  | 'FRAME_COLUMN_OFFSET'
  | 'FRAME_KIND_OFFSET'
  | 'CALL_STACK_BYTES'
  | 'CALL_STACK_CALLER_OFFSET'
  | 'CALL_STACK_FRAME_OFFSET'
  | 'METADATA_BYTES'
  | 'METADATA_KEY_OFFSET'
  | 'METADATA_VALUE_OFFSET'
  | Failure;

export type Failure =
  | 'OK'
  | 'NOT_A_CAPTURE'
  | 'UNSUPPORTED_VERSION'
  | 'CHECKSUM_MISMATCH'
  | 'BAD_BLOCK_LENGTH'
  | 'UNDEFINED_TAG'
  | 'VARINT_TOO_LONG'
  | 'VALUE_OUT_OF_RANGE'
  | 'RECORD_TOO_LONG'
  | 'DATA_AFTER_END'
  | 'COUNT_MISMATCH';
