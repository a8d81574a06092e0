import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { arrayFrom, entries, fromEntries, isInteger, max, min } from '../builtins';
import {
  createCaptureTooLargeError,
  createCaptureVersionError,
  createCorruptCaptureError,
  createInvalidArgumentError,
  createNoParserMemoryError,
  createNotACaptureError,
  createParserNotFoundError,
  type MemrayMochaError,
} from '../errors';
import type { CaptureSource } from './capture-reader';
import type { Failure, ParserConstants, ParserExports, ParserNumbers } from './parser-exports';

/** The part of it that is used here: its types come with a browser's only. */
declare const WebAssembly: {
  Module: new (bytes: Uint8Array) => object;
  Instance: new (module: object) => { exports: object };
  Global: new () => { value: number | bigint };
  RuntimeError: new () => Error;
};

/** Whether there is WebAssembly, without which no capture can be read. */
export const canParse = typeof WebAssembly === 'object';

/** How a capture is to be summed up. */
export interface ParserOptions {
  mainThreadOnly: boolean;
  mergeThreads: boolean;
}

/** The results, copied out of the WebAssembly memory: nothing of that is kept. */
export interface ParserOutput {
  constants: ParserConstants;
  numbers: ParserNumbers;
  /** Rows by measure: `constants.HIGH_WATER_MARK`, `LEAKS` and `ALLOCATIONS`. */
  rows: DataView[];
  /** The same, call stacks told apart by native frames too; `rows` where the capture has none. */
  nativeRows: DataView[];
  frames: DataView;
  callStacks: DataView;
  metadata: DataView;
  texts: DataView;
  textEnds: DataView;
  sizeHistogram: number[];
  /** Those that were used, by their number in the format. */
  allocators: { number: number; count: number; bytes: number }[];
}

/**
 * What is read at once: a small capture as a whole, and of a large one so much that V8 does not
 * begin to compile the loop, for which it takes more memory than this.
 */
const MIN_CHUNK_BYTES = 64 * 1024;
const MAX_CHUNK_BYTES = 512 * 1024;

// Tests may replace functions of fs while they run, or all files.
const parserBytes = readParser();
/** See assembly/hash.ts. Not by `node:crypto`, which takes milliseconds of every start to load. */
const seed = new DataView(Float64Array.of(Math.random()).buffer).getBigUint64(0);
let parserModule: object | undefined;
// Of all instances: to ask one for each of its exports takes as long as to read a small capture.
let constants: ParserConstants;
let numberNames: readonly string[] = [];

// For the next capture: a new instance for each test costs more than to read what a small one did.
let spareParser: ParserExports | undefined;
/** That of a new instance. */
let usualMemoryBytes = 0;

function readParser(): Uint8Array {
  try {
    return readFileSync(join(__dirname, 'parser.wasm'));
  } catch (error) {
    throw createParserNotFoundError(error);
  }
}

/**
 * Reads a whole capture.
 *
 * @param name what errors call the capture
 * @throws MemrayMochaError when it is not a capture, of another version, corrupt, or too large, or
 * there is no memory to read it
 */
export function parseCapture(
  source: CaptureSource,
  name: string,
  options: ParserOptions,
): ParserOutput {
  const parser = takeParser();
  try {
    if (options.mainThreadOnly) parser.countMainThreadOnly();
    const failure = feedAll(parser, source) || parser.finish();
    if (failure) throw createFailure(parser, name, source.sizeBytes);
    return takeOutput(parser, options);
  } catch (error) {
    // Nothing in the module can trap but the end of its memory.
    if (error instanceof WebAssembly.RuntimeError) throw createCaptureTooLargeError(name, error);
    throw error;
  } finally {
    putBack(parser);
  }
}

function takeParser(): ParserExports {
  const parser = spareParser ?? instantiate();
  // It is in use until it is put back: a source may read another capture meanwhile.
  spareParser = undefined;
  return parser;
}

function instantiate(): ParserExports {
  let parser: ParserExports;
  try {
    parserModule ??= new WebAssembly.Module(parserBytes);
    parser = new WebAssembly.Instance(parserModule).exports as ParserExports;
  } catch (error) {
    throw error instanceof RangeError ? createNoParserMemoryError(error) : error;
  }
  parser.reset(seed);
  usualMemoryBytes = parser.memory.buffer.byteLength;
  // Once: a test may replace what this takes while it runs.
  if (numberNames.length === 0) learnNumbers(parser);
  return parser;
}

function learnNumbers(parser: ParserExports): void {
  const names = entries(parser).flatMap(([name, value]) =>
    value instanceof WebAssembly.Global ? [name] : [],
  );
  numberNames = names.filter((name) => !isConstant(name));
  constants = readNumbers(parser, names.filter(isConstant)) as ParserConstants;
}

/** Memory that has grown can only be given back as a whole. */
function putBack(parser: ParserExports): void {
  if (parser.memory.buffer.byteLength !== usualMemoryBytes) return;
  parser.reset(seed);
  spareParser = parser;
}

function feedAll(parser: ParserExports, source: CaptureSource): number {
  const capacity = min(max(source.sizeBytes, MIN_CHUNK_BYTES), MAX_CHUNK_BYTES);
  const address = parser.openInput(capacity);
  let target = new Uint8Array(parser.memory.buffer, address, capacity);
  for (let offset = 0; ;) {
    const length = readFrom(source, offset, target);
    if (length === 0) return 0;
    const failure = parser.feed(length);
    if (failure) return failure;
    offset += length;
    // The memory's buffer is another once it has grown.
    const { buffer } = parser.memory;
    if (target.buffer !== buffer) target = new Uint8Array(buffer, address, capacity);
  }
}

function readFrom(source: CaptureSource, offset: number, target: Uint8Array): number {
  const length = source.read(offset, target);
  if (isInteger(length) && length >= 0 && length <= target.length) return length;
  throw createInvalidArgumentError(
    "what the capture's `read` gives",
    `a whole number, 0 to ${target.length}`,
    length,
  );
}

function takeOutput(parser: ParserExports, options: ParserOptions): ParserOutput {
  const measures = [constants.HIGH_WATER_MARK, constants.LEAKS, constants.ALLOCATIONS];
  const takeRows = (native: boolean): DataView[] =>
    measures.map((measure) =>
      takeTable(parser, () => parser.showRows(measure, native, options.mergeThreads)),
    );
  const numbers = takeNumbers(parser);
  const rows = takeRows(false);
  return {
    constants,
    numbers,
    rows,
    nativeRows: numbers.nativeFrames ? takeRows(true) : rows,
    frames: takeTable(parser, () => parser.showFrames()),
    callStacks: takeTable(parser, () => parser.showCallStacks()),
    metadata: takeTable(parser, () => parser.showMetadata()),
    texts: takeTable(parser, () => parser.showTexts()),
    textEnds: takeTable(parser, () => parser.showTextEnds()),
    sizeHistogram: arrayFrom({ length: constants.SIZE_BUCKETS }, (_, bucket) =>
      parser.countSizesInBucket(bucket),
    ),
    allocators: takeAllocators(parser),
  };
}

function takeAllocators(parser: ParserExports): ParserOutput['allocators'] {
  const allocators = [];
  for (let number = parser.nextAllocator(0); number !== 0; number = parser.nextAllocator(number)) {
    const count = parser.countAllocations(number);
    allocators.push({ number, count, bytes: parser.sumAllocations(number) });
  }
  return allocators;
}

function takeTable(parser: ParserExports, show: () => number): DataView {
  // In JavaScript, WebAssembly's addresses have a sign: from 2 GiB on they are negative.
  const address = show() >>> 0;
  return new DataView(parser.memory.buffer.slice(address, address + (parser.shownBytes() >>> 0)));
}

function takeNumbers(parser: ParserExports): ParserNumbers {
  return readNumbers(parser, numberNames) as ParserNumbers;
}

function readNumbers(parser: ParserExports, names: readonly string[]): Record<string, number> {
  const exported = parser as unknown as Record<string, { value: number | bigint }>;
  return fromEntries(names.map((name) => [name, Number(exported[name]!.value)]));
}

function isConstant(name: string): boolean {
  return /^[A-Z_]+$/.test(name);
}

function createFailure(parser: ParserExports, name: string, sizeBytes: number): MemrayMochaError {
  const { failure, failureDetail: detail } = takeNumbers(parser);
  if (failure === constants.NOT_A_CAPTURE) return createNotACaptureError(name, sizeBytes);
  if (failure === constants.UNSUPPORTED_VERSION) return createCaptureVersionError(name, detail);
  const found = entries(corruptions).find(([code]) => constants[code as Failure] === failure);
  return createCorruptCaptureError(name, found![1](detail), parser.failureOffset());
}

/** What was found, by error code. */
const corruptions = {
  CHECKSUM_MISMATCH: () => 'a checksum that does not fit',
  BAD_BLOCK_LENGTH: (length: number) => `a block of ${length} bytes`,
  UNDEFINED_TAG: (tag: number) => `a record with the undefined tag ${tag}`,
  VARINT_TOO_LONG: () => 'a number of more than 64 bits',
  VALUE_OUT_OF_RANGE: (value: number) => `the number ${value}, which is not allowed there`,
  RECORD_TOO_LONG: () => 'a record that ends behind its block',
  DATA_AFTER_END: () => 'data after its end',
  COUNT_MISMATCH: (count: number) => `a count of ${count} records, but others were read`,
} satisfies Partial<Record<Failure, (detail: number) => string>>;
