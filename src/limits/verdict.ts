import type { AllocationRecord } from '../capture/capture-reader';
import { keyOfPlace, type CallStack } from '../call-stack';
import { formatMemorySize } from '../memory-size';
import { shareFrame } from '../share-frame';
import {
  displayPath,
  formatFrame,
  formatStackLine,
  isOfHarnessOnly,
  isUserFrame,
  visibleFrames,
  withoutHarness,
} from '../stack-trace';
import type { Violation } from '../test-result';

const SHORT_LIST = 10;
const MORE_FRAMES = 10;
const INDENT = '    ';
/** The one frame of what a worker has on its JS heap. */
const WORKER_HEAP = 'V8: JS heap of a worker';

/** What shapes the texts of a verdict. */
export interface TextOptions {
  cwd: string;
  /** Frames shown per call stack. */
  stacks: number;
  /** Whether the user asked for native frames. */
  native: boolean;
  /** -1: one line; 0 and 1: the ten largest call stacks; 2: all of them. */
  verbosity: number;
  /** The capture file, when it is kept. */
  capture: string | null;
}

/** Bytes of one distinct call stack, JS heap and native memory together. */
export interface CallStackSum {
  bytes: number;
  bytesAtMark: number;
  count: number;
  stack: CallStack;
  /** What else to say of it, behind "allocated here". */
  note?: string;
}

/** Why a limit was reached, with all the texts that say so. */
export interface Verdict {
  violation: Violation;
  /** The user's frames of the largest call stack, as lines of an `error.stack`. */
  stackLines: string[];
}

/** Sums rows per distinct call stack, largest first. */
export function sumByCallStack(rows: AllocationRecord[], native: boolean): CallStackSum[] {
  const sums = new Map<string, CallStackSum>();
  for (const { bytes, bytesAtMark, count, stack } of rows) {
    const key = keyOf(stack, native);
    const sum = sums.get(key) ?? { bytes: 0, bytesAtMark: 0, count: 0, stack };
    sum.bytes += bytes;
    sum.bytesAtMark += bytesAtMark;
    sum.count += count;
    sums.set(key, sum);
  }
  return [...sums.values()].sort((a, b) => b.bytes - a.bytes);
}

/** What was live at the peak, per call stack: the test's, and not what Mocha allocates around it. */
export function sumAllocations(rows: AllocationRecord[], { native }: TextOptions): CallStackSum[] {
  return sumByCallStack(
    rows.filter(({ stack }) => !isOfHarnessOnly(stack.frames)),
    native,
  );
}

/**
 * Puts a verdict together.
 *
 * @param parts.summary the first line: what was allowed and what was seen
 * @param parts.title what the list of call stacks is
 * @param parts.remedy what the user can do about it
 */
export function createVerdict(
  parts: Pick<Violation, 'kind' | 'limitBytes' | 'actualBytes'> & {
    summary: string;
    title: string;
    sums: CallStackSum[];
    remedy: string;
  },
  options: TextOptions,
): Verdict {
  const { kind, limitBytes, actualBytes, summary, title, sums, remedy } = parts;
  const message =
    options.verbosity < 0
      ? summary
      : [
          summary,
          ...(sums.length > 0 ? [title] : []),
          ...listItems(sums, options, (sum) => formatSum(sum, options)),
          '',
          remedy,
          ...explainWorker(sums),
          ...hint(kind, sums, options),
        ].join('\n');
  const largest = sums[0]?.stack.frames ?? [];
  const frames = visibleFrames({ frames: largest }, options).filter(isUserFrame);
  const stack = frames.map((frame) =>
    shareFrame({ ...frame, filename: displayPath(frame.filename, options.cwd) }),
  );
  return {
    violation: { kind, limitBytes, actualBytes, message, stack },
    stackLines: frames.map(formatStackLine),
  };
}

/** Two sizes that print the same need their bytes, or the message would contradict itself. */
export function inBytes(actual: number, limit: number): string {
  if (formatMemorySize(actual) !== formatMemorySize(limit)) return '';
  return actual === limit
    ? ` (${actual} bytes: a limit is reached at equal)`
    : ` (${actual} bytes; the limit is ${limit})`;
}

/** The lines of each item, or of the first ones and how many more there are. */
export function listItems<Item>(
  items: Item[],
  { verbosity }: Pick<TextOptions, 'verbosity'>,
  format: (item: Item) => string[],
): string[] {
  const shown = verbosity >= 2 ? items : items.slice(0, SHORT_LIST);
  const hidden = items.length - shown.length;
  const lines = shown.flatMap(format);
  return hidden > 0 ? [...lines, `${INDENT}...and ${hidden} more`] : lines;
}

function formatSum({ bytes, stack, note = '' }: CallStackSum, options: TextOptions): string[] {
  const frames = visibleFrames(stack, options);
  const lines = frames.slice(0, options.stacks).map((frame) => formatFrame(frame, options.cwd));
  if (frames.length > lines.length) lines.push('...');
  return [
    `${INDENT}- ${formatMemorySize(bytes)} allocated here${note}:`,
    ...lines.map((line) => INDENT + INDENT + line),
  ];
}

/** What there is to do where the largest sum has no line to mend. */
function explainWorker([largest]: CallStackSum[]): string[] {
  if (largest?.stack.frames[0]?.functionName !== WORKER_HEAP) return [];
  return [
    "Of a worker's heap the lines are not known. To see them, test its code on the main thread.",
  ];
}

/** Where to see more than the message shows. */
function hint(
  kind: Violation['kind'],
  sums: CallStackSum[],
  { capture, ...options }: TextOptions,
): string[] {
  if (capture !== null) {
    const which = kind === 'limitLeaks' ? '--leaks --biggest-allocs=0' : '--biggest-allocs=0';
    return [`\`npx memray-mocha tree ${which} ${quoteForShell(capture)}\` shows all call stacks.`];
  }
  const isCut = sums.some(({ stack }) => visibleFrames(stack, options).length > options.stacks);
  const more = isCut ? [`MEMRAY_STACKS=${options.stacks + MORE_FRAMES} shows more frames.`] : [];
  const lines = [
    ...more,
    'MEMRAY_BIN_PATH=captures keeps a capture of each test for `npx memray-mocha tree`.',
  ];
  return [lines.join(' ')];
}

function quoteForShell(path: string): string {
  return /^[\w@%+=:,./-]+$/.test(path) ? path : `'${path.replaceAll("'", `'\\''`)}'`;
}

/**
 * Native frames only tell call stacks apart when the user wants to see them, or there is nothing
 * else; what called the body never does: it is not the same for each run of it.
 */
export function keyOf(stack: CallStack, native: boolean): string {
  const frames = withoutHarness(stack.frames);
  const ofJavaScript = native ? frames : frames.filter((frame) => frame.kind !== 'native');
  return (ofJavaScript.length > 0 ? ofJavaScript : frames).map(keyOfPlace).join('\n');
}

/** The text of several verdicts. Where to see more, their last line, is mostly the same for all: then it stands there once. */
export function joinMessages(messages: string[]): string {
  const texts = messages.map((message) => message.split('\n'));
  const hint = texts.at(-1)!.at(-1);
  return texts
    .map((lines, index) => {
      const isRepeated = index < texts.length - 1 && lines.length > 1 && lines.at(-1) === hint;
      return (isRepeated ? lines.slice(0, -1) : lines).join('\n');
    })
    .join('\n\n');
}
