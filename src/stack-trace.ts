import { sep } from 'node:path';
import url from 'node:url';
import { types } from 'node:util';
import type { CallStack, Frame, Place } from './call-stack';

// Tests may replace these.
const { fileURLToPath } = url;
const { isNativeError } = types;

/** How call stacks are shown to people. */
export interface StackView {
  /** Paths inside this folder are shown relative to it. */
  cwd: string;
  /** Show native and `node:` frames on top instead of beginning at the user's first frame. */
  native: boolean;
}

// Where this package's compiled files are, also when it is linked rather than installed.
const OWN_FOLDER = __dirname + sep;
/** The same in a stack that Mocha has shortened: by the folder that it was started in. */
const OWN_FOLDER_FROM_CWD = `(${displayPath(__dirname, process.cwd())}${sep}`;
const UNKNOWN = '<unknown>';
const MAX_NAME_LENGTH = 80;
/** As long as a tracker's texts may be. */
const MAX_PARSED_LENGTH = 4096;
const CPP_NAME = /::|\(/;
const TEMPLATE_ARGUMENTS = /<[^<>]*>/;
/** By these it is not told what memory is for: V8, Node's allocator of ArrayBuffers, and containers get it for others. */
const ALLOCATOR_NAME = /^(?:v8::|std::|operator new|node::NodeArrayBufferAllocator::|<unknown>$)/;
const RETURN_TYPE = /^.* (?=[\w~{}]+::)/;
const PARAMETERS = /(?<!operator)\(.*$/;
/** What terminals act upon, and what begins another line, which may be a command to who reads the output. */
export const UNPRINTABLE = /[\p{Cc}\u2028\u2029\u202a-\u202e\u2066-\u2069]/gu;
const HARNESS = /[\\/]node_modules[\\/](?:mocha|memray-mocha)[\\/]/;

/** Whether a frame is the user's or a dependency's: neither native nor Node's own JavaScript. */
export function isUserFrame(frame: Frame): boolean {
  return frame.kind !== 'native' && frame.filename !== '' && !frame.filename.startsWith('node:');
}

function isJavaScriptFrame({ kind }: Frame): boolean {
  return kind !== 'native';
}

/**
 * The frames worth showing, most recent first: from the user's first frame on, if there is one,
 * and without what called the test body. Where no JavaScript called, from what asked V8 for memory.
 */
export function visibleFrames(stack: CallStack, view: StackView): Frame[] {
  const frames = withoutHarness(stack.frames);
  if (view.native) return frames;
  for (const isWorthShowing of [isUserFrame, isJavaScriptFrame, isNoAllocator]) {
    const first = frames.findIndex(isWorthShowing);
    if (first >= 0) return frames.slice(first);
  }
  return frames;
}

function isNoAllocator({ functionName }: Frame): boolean {
  return !ALLOCATOR_NAME.test(functionName);
}

/**
 * The stack up to the outermost call of the user's: below it are Mocha, this package and Node's
 * event loop. Without a call of the user's it stays whole.
 */
export function withoutHarness(frames: Frame[]): Frame[] {
  const end = findUserEnd(frames);
  return end === 0 ? frames : frames.slice(0, end);
}

/** Whether Mocha, rather than the test, made all of these calls: it arms a timer, for one. */
export function isOfHarnessOnly(frames: Frame[]): boolean {
  return findUserEnd(frames) === 0 && frames.some(({ filename }) => isHarnessFile(filename));
}

/** One frame in a text: `parseRow:src/catalogue.ts:41`. */
export function formatFrame(frame: Frame, cwd: string): string {
  const { functionName, filename, lineNumber } = frame;
  return formatPlace({ functionName, filename: displayPath(filename, cwd), lineNumber });
}

/** As much of `parseRow:src/catalogue.ts:41` as is known: native code has no lines, and what V8 makes for itself no file. */
export function formatPlace(
  { functionName, filename, lineNumber }: Place,
  separator = ':',
): string {
  const file = filename === '' || filename === UNKNOWN ? '' : separator + toPrintable(filename);
  return `${shortenName(functionName)}${file}${lineNumber > 0 ? `:${lineNumber}` : ''}`;
}

/** A name or path without what only a program could mean by it: captures may be somebody else's. */
export function toPrintable(text: string): string {
  return text.replace(UNPRINTABLE, '\ufffd');
}

/** Without the types that C++ spells out in its names, which hide the name. */
export function shortenName(functionName: string): string {
  let name = toPrintable(functionName.slice(0, MAX_PARSED_LENGTH));
  if (CPP_NAME.test(name)) {
    name = name.replaceAll('(anonymous namespace)', '{anonymous}');
    name = withoutTemplateArguments(name);
    name = name.replace(PARAMETERS, '').replace(RETURN_TYPE, '');
  }
  const characters = [...name];
  if (characters.length <= MAX_NAME_LENGTH) return name;
  return `${characters.slice(0, MAX_NAME_LENGTH - 1).join('')}…`;
}

function withoutTemplateArguments(name: string): string {
  const outer = name.replace(TEMPLATE_ARGUMENTS, '');
  // As long as there is progress: a test may have replaced what makes it.
  return outer.length < name.length ? withoutTemplateArguments(outer) : name;
}

/** One frame as V8 prints it in `error.stack`, which editors and terminals turn into links. */
export function formatStackLine(frame: Frame): string {
  const { functionName, filename, lineNumber, columnNumber } = frame;
  return `    at ${toPrintable(functionName)} (${toPrintable(toPath(filename))}:${lineNumber}:${columnNumber})`;
}

/**
 * Takes this package's own lines out of the stacks of an error and its causes, which are to look as
 * they would without us.
 */
export function stripOwnFrames(error: unknown): void {
  const seen = new Set<unknown>();
  try {
    for (let each = error; isError(each) && !seen.has(each); each = each.cause) {
      seen.add(each);
      stripStack(each);
    }
  } catch {
    // Mocha has to hear of an error, whatever the error throws when it is looked at.
  }
}

/** Whether of this realm, of which a DOMException is, or of another, as `node:vm` makes them. */
function isError(value: unknown): value is Error {
  return isNativeError(value) || value instanceof Error;
}

function stripStack(error: Error): void {
  const stack: unknown = error.stack;
  // Users may put anything there.
  if (typeof stack !== 'string' || !isOwnFolderIn(stack)) return;
  try {
    error.stack = stack
      .split('\n')
      .filter((line) => !/^\s+at /.test(line) || !isOwnFolderIn(line))
      .join('\n');
  } catch {
    // A frozen error keeps its stack.
  }
}

function isOwnFolderIn(text: string): boolean {
  return text.includes(OWN_FOLDER) || text.includes(OWN_FOLDER_FROM_CWD);
}

/** A path relative to `cwd` when it is inside, as it is otherwise. */
export function displayPath(filename: string, cwd: string): string {
  const path = toPath(filename);
  // Not by functions of node:path, which tests may replace: their calls would be counted, too.
  const folder = cwd.endsWith(sep) ? cwd : cwd + sep;
  if (path.startsWith(folder)) return path.slice(folder.length);
  return path || UNKNOWN;
}

/** Where the user's outermost call ends, counted from the most recent; 0 without any. */
function findUserEnd(frames: Frame[]): number {
  let end = frames.length;
  while (end > 0 && !isUsersOwn(frames[end - 1]!)) end--;
  return end;
}

/** Whether a frame is the user's, and not Mocha's or this package's. */
export function isUsersOwn(frame: Frame): boolean {
  return isUserFrame(frame) && !isHarnessFile(frame.filename);
}

/** Whether a file is Mocha's or this package's. */
export function isHarnessFile(filename: string): boolean {
  const path = toPath(filename);
  return path.startsWith(OWN_FOLDER) || HARNESS.test(path);
}

/** V8 names an ES module by its URL; anything else may have a name that only looks like one. */
function toPath(filename: string): string {
  if (!filename.startsWith('file://')) return filename;
  try {
    return fileURLToPath(filename);
  } catch {
    return filename;
  }
}
