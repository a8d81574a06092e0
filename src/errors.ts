import { inspect } from 'node:util';
import { assign, defineProperty } from './builtins';

/** Every error this package makes has one of these codes; they never change. */
export type ErrorCode =
  | 'ERR_MEMRAY_INVALID_ARGUMENT'
  | 'ERR_MEMRAY_INVALID_SIZE'
  | 'ERR_MEMRAY_INVALID_OPTION'
  | 'ERR_MEMRAY_UNKNOWN_OPTION'
  | 'ERR_MEMRAY_PATH_NOT_WRITABLE'
  | 'ERR_MEMRAY_LIMIT_REACHED'
  | 'ERR_MEMRAY_LIMIT_TOO_LATE'
  | 'ERR_MEMRAY_LIMIT_NOWHERE'
  | 'ERR_MEMRAY_BASELINE_UNREADABLE'
  | 'ERR_MEMRAY_NO_BASELINE'
  | 'ERR_MEMRAY_MOCHA_NOT_FOUND'
  | 'ERR_MEMRAY_REPORTER_NOT_FOUND'
  | 'ERR_MEMRAY_USAGE'
  | 'ERR_MEMRAY_TRACKER_ACTIVE'
  | 'ERR_MEMRAY_TRACKER_NOT_ACTIVE'
  | 'ERR_MEMRAY_ADDON_NOT_FOUND'
  | 'ERR_MEMRAY_OTHER_COPY'
  | 'ERR_MEMRAY_PARSER_NOT_FOUND'
  | 'ERR_MEMRAY_UNSUPPORTED'
  | 'ERR_MEMRAY_HEAP_TOO_LARGE'
  | 'ERR_MEMRAY_NOT_RECORDED'
  | 'ERR_MEMRAY_NOT_MEASURED'
  | 'ERR_MEMRAY_CAPTURE_UNREADABLE'
  | 'ERR_MEMRAY_CAPTURE_NOT_A_CAPTURE'
  | 'ERR_MEMRAY_CAPTURE_VERSION'
  | 'ERR_MEMRAY_CAPTURE_CORRUPT'
  | 'ERR_MEMRAY_CAPTURE_TOO_LARGE'
  | 'ERR_MEMRAY_CAPTURE_CLOSED';

/** An error of memray-mocha: `code` is stable, the message says what to do. */
export class MemrayMochaError extends Error {
  override readonly name: string = 'MemrayMochaError';
  readonly code: ErrorCode;

  // Not `ErrorOptions`, which users who compile for less than ES2022 do not have.
  constructor(code: ErrorCode, message: string, options?: { cause?: unknown }) {
    super(message, options);
    this.code = code;
  }
}

/** The error a test fails with when it reaches one of its limits. */
export class MemoryLimitError extends MemrayMochaError {
  override readonly name = 'MemoryLimitError';

  /**
   * @param message what was allowed, what was seen and where, several lines
   * @param stackLines the user's frames, as V8 prints them (`    at f (file:1:2)`), most recent first
   */
  constructor(message: string, stackLines: readonly string[]) {
    super('ERR_MEMRAY_LIMIT_REACHED', message);
    const head = `${this.name}: ${message}`;
    // Mocha prints `stack`: the frames that count are where memory was allocated, not where we found out.
    let stack: unknown = [head, ...stackLines].join('\n');
    // Mocha takes lines out of it that look as if they were of Mocha's files. Of the message these are the user's.
    defineProperty(this, 'stack', {
      configurable: true,
      get: () => stack,
      set: (value: unknown) => {
        stack = typeof value === 'string' ? keepHead(head, value) : value;
      },
    });
  }
}

/** @returns a stack with `head` in front of its frames, if what it has there is a part of that */
function keepHead(head: string, stack: string): string {
  const lines = stack.split('\n');
  const frames = lines.findLastIndex((line) => !/^\s+at /.test(line)) + 1;
  const left = lines.slice(0, frames);
  for (const line of head.split('\n')) if (line === left[0]) left.shift();
  return left.length === 0 ? [head, ...lines.slice(frames)].join('\n') : stack;
}

/** Shows a value and its type in a message: `'24 XB' (string)`. */
export function describeValue(value: unknown): string {
  const shown = inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 80 });
  if (value === undefined || value === null) return shown;
  return `${shown} (${Array.isArray(value) ? 'array' : typeof value})`;
}

/** What was thrown, which need not be an error. */
function reasonOf(cause: unknown): string {
  return cause instanceof Error ? cause.message : String(cause);
}

/** An argument or an option that is not what it should be. */
export function createInvalidArgumentError(
  name: string,
  expected: string,
  got: unknown,
  remedy = '',
): TypeError & { code: ErrorCode } {
  const message = `Expected ${name} to be ${expected}, got ${describeValue(got)}.${remedy && ` ${remedy}`}`;
  return assign(new TypeError(message), { code: 'ERR_MEMRAY_INVALID_ARGUMENT' } as const);
}

/** What is no memory size; `of` is what should be one, or one of `others`. */
export function createInvalidSizeError(
  got: unknown,
  of?: string,
  others: string[] = [],
): TypeError & { code: ErrorCode } {
  const last = ['a number of bytes', ...others];
  const shown = got === undefined ? 'nothing' : describeValue(got);
  const message = `Expected ${of ? `${of} to be ` : ''}a memory size such as "24 MB" (a number and B, KB, MB, GB, TB or PB, where K is 1024)${last
    .slice(0, -1)
    .map((each) => `, ${each}`)
    .join('')} or ${last.at(-1)}, got ${shown}.`;
  return assign(new TypeError(message), { code: 'ERR_MEMRAY_INVALID_SIZE' } as const);
}

/** A limit called where it can no longer be honoured. */
export function createLimitTooLateError(
  method: string,
  why: string,
  remedy = `Declare the limit in the suite, in a before or beforeEach hook, in the test's body, or as it(...).${method}(...).`,
): MemrayMochaError {
  return new MemrayMochaError(
    'ERR_MEMRAY_LIMIT_TOO_LATE',
    `\`${method}\` was called ${why}. ${remedy}`,
  );
}

/** A limit called where there is nothing to limit. */
export function createLimitNowhereError(
  method: string,
  where: string,
  remedy: string,
): MemrayMochaError {
  return new MemrayMochaError(
    'ERR_MEMRAY_LIMIT_NOWHERE',
    `\`${method}\` was called ${where}. ${remedy}`,
  );
}

/** A file that the option `baseline` names and that is none. */
export function createBaselineUnreadableError(file: string, cause: unknown): MemrayMochaError {
  const isNoFile = (cause as NodeJS.ErrnoException).code !== undefined;
  const remedy = isNoFile
    ? 'Name a file with the option `baseline` that this user may read and write, or one that is not there yet.'
    : 'Resolve its conflicts if there are any, or delete it and run Mocha with --memray-update-baseline.';
  return new MemrayMochaError(
    'ERR_MEMRAY_BASELINE_UNREADABLE',
    `Cannot read the baseline ${file}: ${reasonOf(cause)}. ${remedy}`,
    { cause },
  );
}

/** A test that is to be held to its baseline and has none; `key` is what the baseline calls it. */
export function createNoBaselineError(key: string, file: string): MemrayMochaError {
  return new MemrayMochaError(
    'ERR_MEMRAY_NO_BASELINE',
    `${file} has no peak of "${key}" to hold it to, and in continuous integration none is written. Run Mocha elsewhere or with --memray-update-baseline, and commit the file.`,
  );
}

/** An option whose value is malformed; `source` is the place the user wrote it. */
export function createInvalidOptionError(
  source: string,
  expected: string,
  got: unknown,
): MemrayMochaError {
  // What follows a flag after a space is not its value.
  const isBare = source.startsWith('--') && got === true;
  const remedy = isBare ? ` Write \`${source}=<value>\`.` : '';
  return startUpError(
    'ERR_MEMRAY_INVALID_OPTION',
    `Expected ${source} to be ${expected}, got ${isBare ? 'nothing' : describeValue(got)}.${remedy}`,
  );
}

/** What Mocha takes for the value of an option that stands before it. */
export function createSwallowedArgumentError(flag: string, argument: string): MemrayMochaError {
  return startUpError(
    'ERR_MEMRAY_INVALID_OPTION',
    `Mocha takes ${describeValue(argument)} for the value of ${flag}, which stands before it. Write \`${flag}=<value>\`, which is \`true\` for a switch.`,
  );
}

/** An option nobody knows, with the known one that is nearest. */
export function createUnknownOptionError(source: string, nearest: string): MemrayMochaError {
  return startUpError(
    'ERR_MEMRAY_UNKNOWN_OPTION',
    `There is no memray-mocha option ${source}. Did you mean ${nearest}?`,
  );
}

/** No room on the disk, or no more for this user. */
const FULL = new Set(['ENOSPC', 'EDQUOT']);

/** A folder or file that results should go to and cannot; `kind` is which of them is asked for. */
export function createPathNotWritableError(
  source: string,
  kind: 'folder' | 'file',
  path: string,
  cause: unknown,
): MemrayMochaError {
  const isFull = FULL.has((cause as NodeJS.ErrnoException).code ?? '');
  const remedy = isFull
    ? `Make room there, or name another ${kind}.`
    : `Name a ${kind} that this user may create or write.`;
  return startUpError(
    'ERR_MEMRAY_PATH_NOT_WRITABLE',
    `Cannot write to ${path}, which ${source} names: ${reasonOf(cause)}. ${remedy}`,
  );
}

/** A command line that makes no sense; `message` says why and what would. */
export function createUsageError(message: string): MemrayMochaError {
  return new MemrayMochaError('ERR_MEMRAY_USAGE', message);
}

/** Results of the command line that stdout does not take. */
export function createOutputLostError(cause: unknown): MemrayMochaError {
  return new MemrayMochaError(
    'ERR_MEMRAY_PATH_NOT_WRITABLE',
    `Cannot write the results to stdout: ${reasonOf(cause)}. What it took is not complete. Make room, or have them written to another place.`,
    { cause },
  );
}

/** No Mocha is running and none can be found. */
export function createMochaNotFoundError(tried: readonly string[]): MemrayMochaError {
  return startUpError(
    'ERR_MEMRAY_MOCHA_NOT_FOUND',
    `Cannot find Mocha. Looked in ${tried.join(', ')}. Run \`npm install --save-dev mocha\`, and load memray-mocha/register with Mocha's --require.`,
  );
}

/** A reporter to wrap that cannot be loaded; `known` are Mocha's own. */
export function createReporterNotFoundError(
  name: string,
  cause: unknown,
  known: readonly string[],
  nearest: string,
): MemrayMochaError {
  const [reason] = reasonOf(cause).split('\n');
  return startUpError(
    'ERR_MEMRAY_REPORTER_NOT_FOUND',
    `Cannot load the reporter \`${name}\`, which the reporter option \`reporter\` names: ${reason}. Name one of Mocha's own (${known.join(', ')}), an installed package or a file. Did you mean ${nearest}?`,
  );
}

/** A capture that cannot be opened or read at all; `name` is its path. */
export function createCaptureUnreadableError(name: string, cause: unknown): MemrayMochaError {
  const message = `Cannot read the capture ${name}: ${reasonOf(cause)}. Name a file that --memray-bin-path kept.`;
  return new MemrayMochaError('ERR_MEMRAY_CAPTURE_UNREADABLE', message, { cause });
}

/** Something else than a capture; `name` is what to call it, its path as a rule. */
export function createNotACaptureError(name: string, sizeBytes: number): MemrayMochaError {
  // --memray-bin-path leaves empty files, too.
  const why =
    sizeBytes > 0
      ? 'it does not begin as one. Name a file that --memray-bin-path kept.'
      : 'nothing was written to it, as when the disk is full. Make room and record it again.';
  return new MemrayMochaError(
    'ERR_MEMRAY_CAPTURE_NOT_A_CAPTURE',
    `${name} (${sizeBytes} bytes) is not a capture: ${why}`,
  );
}

/** A capture that another version of this package wrote. */
export function createCaptureVersionError(name: string, version: number): MemrayMochaError {
  return new MemrayMochaError(
    'ERR_MEMRAY_CAPTURE_VERSION',
    `${name} is a capture of format version ${version}, which this memray-mocha does not read. Read it with the memray-mocha that wrote it, or record it again.`,
  );
}

/** A capture that holds what no writer writes; `found` says what, `offset` where. */
export function createCorruptCaptureError(
  name: string,
  found: string,
  offset: number,
): MemrayMochaError {
  return new MemrayMochaError(
    'ERR_MEMRAY_CAPTURE_CORRUPT',
    `${name} is corrupt: it has ${found}, at byte ${offset}. It was changed after it was written, or copied badly: copy or record it again.`,
  );
}

/** A capture with more live at one time than WebAssembly memory can keep count of. */
export function createCaptureTooLargeError(name: string, cause: unknown): MemrayMochaError {
  return new MemrayMochaError(
    'ERR_MEMRAY_CAPTURE_TOO_LARGE',
    `${name} is too large to be read: more than 4 GB of memory would be needed for its call stacks and what was live at one time. Record a shorter stretch.`,
    { cause },
  );
}

/** What was read of a capture is not what it has; `found` is what a call stack seemed to be called by. */
export function createGarbledReadingError(found: unknown): MemrayMochaError {
  return new MemrayMochaError(
    'ERR_MEMRAY_NOT_MEASURED',
    `memray-mocha could not read what it recorded: it got ${describeValue(found)} as the number of a call stack. Restore the functions of \`DataView.prototype\` before the test's body ends.`,
  );
}

/** V8 reserves 8 GiB of addresses and more for each memory of WebAssembly, unless it checks each access itself. */
export function createNoParserMemoryError(cause: unknown): MemrayMochaError {
  return new MemrayMochaError(
    'ERR_MEMRAY_NOT_MEASURED',
    `memray-mocha could not read what it recorded: V8 has no memory for WebAssembly. Raise the limit of addresses (ulimit -v), or start Node with --disable-wasm-trap-handler, which takes fewer.`,
    { cause },
  );
}

/** A test with a limit whose results cannot be read, for a reason that is not its own. */
export function createNotMeasuredError(cause: unknown): MemrayMochaError {
  return new MemrayMochaError(
    'ERR_MEMRAY_NOT_MEASURED',
    `memray-mocha could not measure this test: ${String(cause).replace(/\.$/, '')}. If the test has replaced a built-in function, such as \`Math.max\`, restore that before its body ends.`,
    { cause },
  );
}

/** A reader used after its `close()`. */
export function createCaptureClosedError(name: string): MemrayMochaError {
  return new MemrayMochaError(
    'ERR_MEMRAY_CAPTURE_CLOSED',
    `${name} was closed. Take what you need from its reader before, or open it again.`,
  );
}

/** A second tracker in one process. */
export function createTrackerActiveError(): MemrayMochaError {
  return new MemrayMochaError(
    'ERR_MEMRAY_TRACKER_ACTIVE',
    'A tracker is running already, and there can be one in a process. Stop it first. In a test that memray-mocha tracks, that one is it: set memray to off to use your own.',
  );
}

/** A tracker that is told something, or stopped, and does not run. */
export function createTrackerNotActiveError(): MemrayMochaError {
  return new MemrayMochaError(
    'ERR_MEMRAY_TRACKER_NOT_ACTIVE',
    'This tracker is not running. Call `start()` first and `stop()` last, each once.',
  );
}

/** Nothing to record to, or not enough of it: which, the native part's error says. */
export function createNotRecordedError({ message }: Error): MemrayMochaError {
  const isFull = /No space|out of memory/.test(message);
  return new MemrayMochaError(
    'ERR_MEMRAY_NOT_RECORDED',
    `${message} ${isFull ? 'Make room for it, or record a shorter stretch.' : 'Have it recorded elsewhere: a file that this user may write, or a folder in TMPDIR where none is named.'}`,
  );
}

/** A tracker that is started where there can be none; `reason` is a sentence. */
export function createUnsupportedError(reason: string): MemrayMochaError {
  return new MemrayMochaError(
    'ERR_MEMRAY_UNSUPPORTED',
    `Memory cannot be tracked here. ${reason} Ask \`Tracker.supported\` first.`,
  );
}

/** A heap of which V8's snapshot is longer than a string can be. */
export function createHeapTooLargeError(snapshotBytes: number): MemrayMochaError {
  return new MemrayMochaError(
    'ERR_MEMRAY_HEAP_TOO_LARGE',
    `The heap is too large for \`limitLeakedObjects\`: its snapshot has ${Math.round(snapshotBytes / 1e6)} MB, and 536 MB can be read. Let the test leave fewer objects behind, or use \`limitLeaks\`, which needs no snapshot.`,
  );
}

/** No native part for this Node, or one that does not load. */
export function createAddonNotFoundError(
  binary: string,
  reason: string,
  present: readonly string[],
): MemrayMochaError {
  const node = `Node ${process.version} (ABI ${process.versions.modules})`;
  const there = present.length > 0 ? present.join(', ') : 'nothing';
  return startUpError(
    'ERR_MEMRAY_ADDON_NOT_FOUND',
    [
      `Cannot load the native part of memray-mocha for ${node}: ${binary}: ${reason.replace(/\.$/, '')}. In its folder: ${there}.`,
      '  1. If Node was changed since the install, or install scripts were off: npm rebuild memray-mocha --ignore-scripts=false',
      '  2. That compiles it, with python3, make and g++ (Debian: apt-get install build-essential python3).',
      '  3. To run the tests without it: MEMRAY=off',
    ].join('\n'),
  );
}

/** A copy of this package, in the folder `own`, in a process that one in the folder `other` tracks. */
export function createOtherCopyError(other: string, own: string): MemrayMochaError {
  return startUpError(
    'ERR_MEMRAY_OTHER_COPY',
    `Two copies of memray-mocha are in use, and one alone can track a process: ${other} does, so ${own} cannot. Install one of them only (\`npm ls memray-mocha\` shows who depends on which), and load all from there.`,
  );
}

/** No WebAssembly beside the JavaScript that reads captures with it. */
export function createParserNotFoundError(cause: unknown): MemrayMochaError {
  return startUpError(
    'ERR_MEMRAY_PARSER_NOT_FOUND',
    `Cannot load the part of memray-mocha that reads captures: ${reasonOf(cause)}. If a bundler has put memray-mocha into its output, have it leave the package out (esbuild: --external:memray-mocha); if none has, install it again.`,
  );
}

/** An error of the set-up: Mocha prints `stack`, and frames of ours would only hide what to do. */
function startUpError(code: ErrorCode, message: string): MemrayMochaError {
  const error = new MemrayMochaError(code, message);
  error.stack = `${error.name}: ${message}`;
  return error;
}
