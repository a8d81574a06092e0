import { join, resolve } from 'node:path';
import type Mocha from 'mocha';

const DEFAULT_WIDTH = 80;

// Reporters whose output is for people. All others may write a format to stdout.
const FOR_PEOPLE = new Set([
  'spec',
  'dot',
  'nyan',
  'landing',
  'list',
  'min',
  'progress',
  'memray-mocha/reporter',
]);
const OWN_REPORTER = join(__dirname, '..', 'reporters', 'mocha-reporter');

/** Where texts for people go. */
export interface Output {
  stream: NodeJS.WriteStream;
  colors: boolean;
  /** Characters in a line. */
  width: number;
}

/** Chooses where the report goes, so that a format a reporter writes to stdout stays intact. */
export function chooseOutput(reporter: string, mocha: typeof Mocha): Output {
  const onStdout =
    FOR_PEOPLE.has(reporter.toLowerCase()) || resolve(reporter).startsWith(OWN_REPORTER);
  const stream = onStdout ? process.stdout : process.stderr;
  // Mocha has already read --color, --no-color, FORCE_COLOR and whether stdout is a terminal.
  const { useColors } = mocha.reporters.Base as unknown as { useColors: boolean };
  return {
    stream,
    colors: !process.env.NO_COLOR && Boolean(useColors) && (onStdout || Boolean(stream.isTTY)),
    width: stream.columns || Number(process.env.COLUMNS) || DEFAULT_WIDTH,
  };
}
