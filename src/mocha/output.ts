import type Mocha from 'mocha';
import { isKindOf, type ReporterClass } from './reporter-class';

const DEFAULT_WIDTH = 80;

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
  const stream = onStdout ? process.stdout : process.stderr;
  // Mocha has already read --color, --no-color, FORCE_COLOR and whether stdout is a terminal.
  const { useColors } = reporters.Base as unknown as { useColors: boolean };
  return {
    stream,
    colors: !process.env.NO_COLOR && Boolean(useColors) && (onStdout || Boolean(stream.isTTY)),
    width: stream.columns || Number(process.env.COLUMNS) || DEFAULT_WIDTH,
  };
}
