import { max, min } from '../builtins';
import type { CallStack, Frame } from '../call-stack';
import type { AllocationRecord, CaptureReader, CaptureStatistics } from '../capture/capture-reader';
import { measureGrowth } from '../limits/growth';
import { findNotedPeak, findUncertainty, judgeIncrease } from '../limits/increase';
import { judgeLeaks, type LeakLimit } from '../limits/leak-limit';
import { judgeMemory, type Peak } from '../limits/memory-limit';
import { keyOf, sumByCallStack, type TextOptions, type Verdict } from '../limits/verdict';
import { sumByLocation } from '../locations';
import { shareFrame } from '../share-frame';
import { displayPath, isOfHarnessOnly, isUsersOwn, withoutHarness } from '../stack-trace';
import type { AllocationResult, LeakResult, TestResult } from '../test-result';
import type { Limits } from './declarations';

/**
 * Where Node, once in a process, for its first worker, keeps the code of its own modules; V8 the
 * table of all names, which old objects refer to young ones, and the memory in which it notes where to
 * split the next text, as much as the largest so far took; and what V8, ICU, the library
 * behind `Intl` and `toLocaleString`, and OpenSSL make when it is first used.
 */
const KEEPERS = new RegExp(
  [
    /BuiltinLoader::SaveCodeCache/,
    /internal::StringTable::|InsertIntoRememberedSet|internal::FindStringIndicesDispatch\(/,
    /v8::base::CallOnceImpl|\binit\w*\(UErrorCode&\)|\binit_entry\(/,
    /evp_generic_fetch|\bnamemap_add_name|\bCRYPTO_THREAD_run_once|\bERR_load_strings/,
  ]
    .map(({ source }) => source)
    .join('|'),
);
/** Where Node reads the certificates that it trusts, and the function with which it reads any. */
const ROOT_CERTIFICATES = /RootCert|CACertificates/;
const READS_CERTIFICATES = 'PEM_ASN1_read_bio';
/**
 * Where Node makes, once in a process, what it keeps: the modules of its own; the context in which it runs regular
 * expressions of its own; the parser of `fetch` and the certificates that it trusts.
 */
const OWN_PLACES = [
  { functionName: /^compileForInternalLoader$/, filename: 'node:internal/bootstrap/realm' },
  { functionName: /^getInternalGlobal$/, filename: 'node:internal/util' },
  { functionName: /^lazyllhttp$/, filename: 'node:internal/deps/undici/undici' },
  { functionName: /^cache\w*RootCertificates$/, filename: 'node:tls' },
];
/** The compiler of TypeScript, in WebAssembly, whose memory grows as it needs it, and stays. */
const TYPESCRIPT_COMPILER = 'node:internal/deps/amaro/';
/** Where Node makes the buffer into which it reads next from any socket, or for any parser of HTTP. */
const READ_BUFFERS = /StreamReadSlab::Allocate|\bParser::OnStreamAlloc/;
const READ_BUFFER_BYTES = 64 * 1024;
/** The call stack of objects that are made while no JavaScript runs. */
const NO_JAVASCRIPT = '<unknown>';
const KEPT_ROWS = 10;
const KEPT_LOCATIONS = 5;

/** What a capture says about its test, apart from names and outcome. */
export type Measurement = Pick<
  TestResult,
  'peak' | 'allocations' | 'topAllocations' | 'topLocations' | 'leaks'
>;

/** One capture, seen with the limits of its test. */
export class Analysis {
  readonly measurement: Measurement;
  /** Of a test with a memory limit, what later runs of it are held to; 0 without one. */
  readonly notedPeakBytes: number = 0;
  readonly #limits: Limits;
  readonly #options: TextOptions;
  /** The peak that the memory limit is about: of all threads, or of the test's. */
  readonly #limitedPeak: Peak = { bytes: 0, rawBytes: 0 };
  /** What was live then. */
  readonly #peakRows: AllocationRecord[] = [];
  /** What of it was live for certain: only that may fail a limit. */
  readonly #certainPeakBytes: number = 0;
  readonly #leakRows: AllocationRecord[] = [];

  /**
   * @param options.seesGarbage whether the peak is confirmed by collecting it
   * @param options.leftBefore what warm-up runs left: what the measured ones left in its place is no leak
   */
  constructor(
    reader: CaptureReader,
    limits: Limits,
    options: TextOptions & { seesGarbage: boolean; leftBefore: ReadonlyMap<string, number> },
  ) {
    const { native } = options;
    this.#limits = limits;
    this.#options = options;
    const rows = reader.highWaterMark({ native });
    if (limits.memory) {
      const { currentThreadOnly } = limits.memory;
      this.#peakRows = currentThreadOnly
        ? reader.highWaterMark({ currentThreadOnly, native })
        : rows;
      const limited = reader.statistics({ currentThreadOnly });
      const { peakBytes, rawPeakBytes, recordedPeakBytes, peakJsHeapBytes } = limited;
      this.#limitedPeak = { bytes: peakBytes, rawBytes: rawPeakBytes };
      this.notedPeakBytes = findNotedPeak(peakBytes, recordedPeakBytes, peakJsHeapBytes);
      this.#certainPeakBytes = options.seesGarbage ? limited.confirmedPeakBytes : limited.peakBytes;
    }
    if (limits.leaks) {
      this.#leakRows = subtract(readLeaks(reader, limits.leaks), options.leftBefore, native);
    }
    this.measurement = this.#measure(rows, reader.statistics());
  }

  #measure(rows: AllocationRecord[], statistics: CaptureStatistics): Measurement {
    const ofTest = rows.filter(isOfTest);
    return {
      peak: {
        bytes: statistics.peakBytes,
        jsHeapBytes: statistics.peakJsHeapBytes,
        nativeBytes: statistics.peakNativeBytes,
        rawBytes: statistics.rawPeakBytes,
        ...(isConfirmed(statistics) && { confirmed: true }),
      },
      allocations: {
        count: statistics.allocationCount,
        bytes: statistics.allocationBytes,
        sizeHistogram: withoutTrailingZeros(statistics.sizeHistogram),
      },
      topAllocations: ofTest.slice(0, KEPT_ROWS).map((row) => toResult(row, this.#options.cwd)),
      topLocations: sumByLocation(ofTest, this.#options).slice(0, KEPT_LOCATIONS),
      leaks: this.#listLeaks().slice(0, KEPT_ROWS),
    };
  }

  /** Of each heap, the call stacks that leaked, largest first. */
  #listLeaks(): LeakResult[] {
    const repeat = this.#limits.leaks?.repeat ?? 1;
    return (['js', 'native'] as const)
      .flatMap((heap) => {
        const rows = this.#leakRows.filter((row) => row.heap === heap);
        return sumByCallStack(rows, this.#options.native).map((sum) => ({
          ...toResult({ ...sum, heap }, this.#options.cwd),
          ...(repeat > 1 && measureGrowth(sum, repeat)),
        }));
      })
      .sort((a, b) => b.bytes - a.bytes);
  }

  /**
   * Holds the test to its limits.
   *
   * @throws whatever the user's filter throws
   */
  judge(): Verdict[] {
    const { memory, increase, leaks } = this.#limits;
    const shown = [this.#peakRows, this.#options] as const;
    const certain = this.#certainPeakBytes;
    const { jsHeapBytes } = this.measurement.peak;
    return [
      memory && certain >= memory.bytes
        ? judgeMemory(memory, this.#limitedPeak, ...shown)
        : increase && certain > increase.allowedBytes + findUncertainty(increase, jsHeapBytes)
          ? judgeIncrease(increase, this.#limitedPeak.bytes, ...shown)
          : undefined,
      leaks && judgeLeaks(leaks, this.#leakRows, this.#options),
    ].filter((verdict) => verdict !== undefined);
  }
}

function readLeaks(reader: CaptureReader, { currentThreadOnly }: LeakLimit): AllocationRecord[] {
  // What allocated natively tells what is not the test's, also on a line that leaks.
  const left = reader.leaks({ currentThreadOnly, native: true });
  return left.filter(
    (row) => !isOfHarnessOnly(row.stack.frames) && !isOfV8(row) && !isPoolInUse(row),
  );
}

/**
 * What warm-up runs left, to be compared with what the measured ones leave.
 *
 * @returns bytes by heap and call stack
 */
export function sumLeaks(
  reader: CaptureReader,
  limit: LeakLimit,
  { native }: Pick<TextOptions, 'native'>,
): Map<string, number> {
  const sums = new Map<string, number>();
  for (const row of readLeaks(reader, limit)) {
    const key = row.heap + keyOf(row.stack, native);
    sums.set(key, (sums.get(key) ?? 0) + row.bytes);
  }
  return sums;
}

function subtract(
  rows: AllocationRecord[],
  leftBefore: ReadonlyMap<string, number>,
  native: boolean,
): AllocationRecord[] {
  if (leftBefore.size === 0) return rows;
  const rest = new Map(leftBefore);
  const reduced = rows.map((row) => {
    const key = row.heap + keyOf(row.stack, native);
    const before = rest.get(key) ?? 0;
    const bytes = min(row.bytes, before);
    rest.set(key, before - bytes);
    return { ...row, bytes: row.bytes - bytes, bytesAtMark: max(0, row.bytesAtMark - bytes) };
  });
  return reduced.filter(({ bytes }) => bytes > 0);
}

/** Whether the test allocated it, and not Mocha around it; nearly always the innermost call tells. */
function isOfTest({ innermost, stack }: AllocationRecord): boolean {
  return (innermost && isUsersOwn(innermost)) || !isOfHarnessOnly(stack.frames);
}

/** Whether the peak is what was left when garbage was collected. */
function isConfirmed({ peakBytes, confirmedPeakBytes }: CaptureStatistics): boolean {
  return confirmedPeakBytes > 0 && confirmedPeakBytes === peakBytes;
}

/**
 * Objects that V8 makes for itself, as it compiles, are no leak of the test's, nor is what V8 and
 * Node keep for all. But the messages of a worker are, which are made while no JavaScript runs.
 */
function isOfV8({ stack, heap }: AllocationRecord): boolean {
  if (stack.frames.some(isOwnPlace)) return true;
  return heap === 'js'
    ? stack.frames.every(
        ({ kind, functionName }) => kind === 'native' && functionName !== NO_JAVASCRIPT,
      )
    : stack.frames.some(
        ({ functionName, filename }) =>
          KEEPERS.test(functionName) || filename.startsWith(TYPESCRIPT_COMPILER),
      ) || isOfRootCertificate(stack);
}

/** Of a store that Node makes of them, only the certificates: each is read once, a store may be the test's. */
function isOfRootCertificate({ frames }: CallStack): boolean {
  return (
    frames.some(({ functionName }) => functionName.startsWith(READS_CERTIFICATES)) &&
    frames.some(({ functionName }) => ROOT_CERTIFICATES.test(functionName))
  );
}

function isOwnPlace(frame: Frame): boolean {
  return OWN_PLACES.some(
    ({ functionName, filename }) =>
      frame.filename === filename && functionName.test(frame.functionName),
  );
}

/**
 * Whether it is one slab of Node's pool, out of which it cuts small Buffers, or one buffer to read into: there
 * always is one.
 */
function isPoolInUse({ stack, heap, bytes }: AllocationRecord): boolean {
  if (heap !== 'native') return false;
  if (stack.frames.some(({ functionName }) => READ_BUFFERS.test(functionName)))
    return bytes < 2 * READ_BUFFER_BYTES;
  return (
    bytes < 2 * Buffer.poolSize &&
    stack.frames.some(
      ({ functionName, filename }) => functionName === 'createPool' && filename === 'node:buffer',
    )
  );
}

function withoutTrailingZeros(counts: number[]): number[] {
  return counts.slice(
    0,
    counts.reduce((end, count, index) => (count > 0 ? index + 1 : end), 0),
  );
}

function toResult(
  { bytes, count, heap, stack }: Omit<AllocationResult, 'stack'> & { stack: CallStack },
  cwd: string,
): AllocationResult {
  const frames = withoutHarness(stack.frames).map((frame) =>
    shareFrame({ ...frame, filename: displayPath(frame.filename, cwd) }),
  );
  return { bytes, count, heap, stack: frames };
}
