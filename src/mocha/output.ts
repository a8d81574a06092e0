import type Mocha from 'mocha';
import { isKindOf, type ReporterClass } from './reporter-class';

// Tests may replace these, and what they write with.
const { stdout, stderr } = process;
const writers = new Map(
  [stdout as NodeJS.WriteStream, stderr].map((stream) => [stream, stream.write.bind(stream)]),
);

const DEFAULT_WIDTH = 80;
/** No terminal is wider, but the environment may say anything. */
const MAX_WIDTH = 1000;

// Mocha's reporters whose output is for people. All others may write a format to stdout.
const FOR_PEOPLE = ['Spec', 'Dot', 'Nyan', 'Landing', 'List', 'Min', 'Progress'] as const;

/** Where texts for people go. */
export interface Output {
  stream: NodeJS.WriteStream;
  colors: boolean;
  /** Characters in a line. */
  width: number;
}

/** Chooses where the report goes, so that a format a reporter writes to stdout stays intact. */
export function chooseOutput(reporter: ReporterClass, { reporters }: typeof Mocha): Output {
  const onStdout = FOR_PEOPLE.some((name) => isKindOf(reporter, reporters[name]));
  const stream = onStdout ? stdout : stderr;
  // Mocha has already read --color, --no-color, FORCE_COLOR and whether stdout is a terminal.
  const { useColors } = reporters.Base as unknown as { useColors: boolean };
  return {
    stream,
    colors: !process.env.NO_COLOR && Boolean(useColors) && (onStdout || Boolean(stream.isTTY)),
    width: findWidth(stream),
  };
}

function findWidth({ columns }: NodeJS.WriteStream): number {
  const width = columns || Number(process.env.COLUMNS);
  return width > 0 && width <= MAX_WIDTH ? width : DEFAULT_WIDTH;
}

/** Writes as Node's console does: nothing comes of it where nobody reads any more. */
export function print(stream: NodeJS.WriteStream, text: string): void {
  try {
    writers.get(stream)!(text, (error) => {
      // Node emits it next, and ends the process where nobody listens.
      if (error) stream.once('error', () => {});
    });
  } catch {
    // What a stream throws at once is no matter of the tests' either.
  }
}
