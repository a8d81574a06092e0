import { inspect } from 'node:util';

/** Every error this package makes has one of these codes; they never change. */
export type ErrorCode =
  | 'ERR_MEMRAY_INVALID_ARGUMENT'
  | 'ERR_MEMRAY_INVALID_OPTION'
  | 'ERR_MEMRAY_UNKNOWN_OPTION'
  | 'ERR_MEMRAY_PATH_NOT_WRITABLE'
  | 'ERR_MEMRAY_LIMIT_REACHED'
  | 'ERR_MEMRAY_LIMIT_TOO_LATE'
  | 'ERR_MEMRAY_MOCHA_NOT_FOUND'
  | 'ERR_MEMRAY_TRACKER_ACTIVE'
  | 'ERR_MEMRAY_TRACKER_NOT_ACTIVE'
  | 'ERR_MEMRAY_UNSUPPORTED'
  | 'ERR_MEMRAY_ADDON_NOT_FOUND'
  | 'ERR_MEMRAY_ADDON_MISMATCH'
  | 'ERR_MEMRAY_CAPTURE_UNREADABLE';

/** An error of memray-mocha: `code` is stable, the message says what to do. */
export class MemrayMochaError extends Error {
  override readonly name: string = 'MemrayMochaError';
  readonly code: ErrorCode;

  constructor(code: ErrorCode, message: string, options?: ErrorOptions) {
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
    // Mocha prints `stack`: the frames that count are where memory was allocated, not where we found out.
    this.stack = [`${this.name}: ${message}`, ...stackLines].join('\n');
  }
}

/** Shows a value and its type in a message: `'24 XB' (string)`. */
export function describeValue(value: unknown): string {
  const shown = inspect(value, { depth: 0, breakLength: Infinity, maxStringLength: 80 });
  if (value === undefined || value === null) return shown;
  return `${shown} (${Array.isArray(value) ? 'array' : typeof value})`;
}

/** An argument of a limit that is not what it should be. */
export function createInvalidArgumentError(
  name: string,
  expected: string,
  got: unknown,
  remedy = '',
): TypeError & { code: ErrorCode } {
  const message = `Expected ${name} to be ${expected}, got ${describeValue(got)}.${remedy && ` ${remedy}`}`;
  return Object.assign(new TypeError(message), { code: 'ERR_MEMRAY_INVALID_ARGUMENT' } as const);
}

/** A limit called where it can no longer be honoured. */
export function createLimitTooLateError(method: string, why: string): MemrayMochaError {
  return new MemrayMochaError(
    'ERR_MEMRAY_LIMIT_TOO_LATE',
    `\`${method}\` was called ${why}. Declare the limit in the suite, in a before or beforeEach hook, in the test's body, or as it(...).${method}(...).`,
  );
}

/** An option whose value is malformed; `source` is the place the user wrote it. */
export function createInvalidOptionError(
  source: string,
  expected: string,
  got: unknown,
): MemrayMochaError {
  return startUpError(
    'ERR_MEMRAY_INVALID_OPTION',
    `Expected ${source} to be ${expected}, got ${describeValue(got)}.`,
  );
}

/** An option nobody knows, with the known one that is nearest. */
export function createUnknownOptionError(source: string, nearest: string): MemrayMochaError {
  return startUpError(
    'ERR_MEMRAY_UNKNOWN_OPTION',
    `There is no memray-mocha option ${source}. Did you mean ${nearest}?`,
  );
}

/** A folder or file that results should go to and cannot. */
export function createPathNotWritableError(
  source: string,
  path: string,
  cause: unknown,
): MemrayMochaError {
  const reason = cause instanceof Error ? cause.message : String(cause);
  return startUpError(
    'ERR_MEMRAY_PATH_NOT_WRITABLE',
    `Cannot write to ${path}, which ${source} names: ${reason}. Name a folder that this user may create or write.`,
  );
}

/** No Mocha is running and none can be found. */
export function createMochaNotFoundError(tried: readonly string[]): MemrayMochaError {
  return startUpError(
    'ERR_MEMRAY_MOCHA_NOT_FOUND',
    `Cannot find Mocha. Looked in ${tried.join(', ')}. Run \`npm install --save-dev mocha\`, and load memray-mocha/register with Mocha's --require.`,
  );
}

/** An error of the set-up: Mocha prints `stack`, and frames of ours would only hide what to do. */
function startUpError(code: ErrorCode, message: string): MemrayMochaError {
  const error = new MemrayMochaError(code, message);
  error.stack = `${error.name}: ${message}`;
  return error;
}
