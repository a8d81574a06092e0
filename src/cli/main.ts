import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { CaptureReader } from '../capture/capture-reader';
import { createUsageError, MemrayMochaError } from '../errors';
import { readCount, type Command, type CommandValues } from './command';
import { stats } from './commands/stats';
import { summary } from './commands/summary';
import { tree } from './commands/tree';
import { print } from './print';

const { version } = createRequire(__filename)('../../package.json') as { version: string };

const COMMANDS: Record<string, Command> = { summary, tree, stats };
const COMMON_OPTIONS: Command['options'] = {
  native: { type: 'boolean', help: 'native frames in call stacks, if the capture has them' },
  json: { type: 'boolean', help: 'results as JSON' },
  help: { type: 'boolean', short: 'h', help: 'this text' },
};
const EXIT_OK = 0;
const EXIT_FAILED = 1;
const EXIT_USAGE = 2;
const WRITTEN_LENGTH = 65_536;

/** Where the command line writes to. */
export interface Console {
  log(text: string): void;
  error(text: string): void;
}
const CONSOLE: Console = { log: print, error: (text) => globalThis.console.error(text) };

/**
 * Runs `memray-mocha <verb> [options] <file>`.
 *
 * @returns the exit code: 0, 1 for a capture that cannot be read or results that cannot be written, 2 for wrong usage
 */
export function main(args = process.argv.slice(2), console: Console = CONSOLE): number {
  const [verb = '', ...rest] = args;
  const command = Object.hasOwn(COMMANDS, verb) ? COMMANDS[verb] : undefined;
  try {
    if (command) return runCommand(verb, command, rest, console);
    if (verb === '--help' || verb === '-h') {
      console.log(describeUsage());
      return EXIT_OK;
    }
    if (verb === '--version') {
      console.log(version);
      return EXIT_OK;
    }
    const verbs = Object.keys(COMMANDS).join(', ');
    throw createUsageError(
      verb
        ? `There is no verb \`${verb}\`: use one of ${verbs}.`
        : `Expected a verb: one of ${verbs}.`,
    );
  } catch (error) {
    // Who reads no more, as `head`, has what it wants.
    if ((error as NodeJS.ErrnoException).code === 'EPIPE') return EXIT_OK;
    if (!(error instanceof MemrayMochaError)) throw error;
    const isUsage = error.code === 'ERR_MEMRAY_USAGE';
    const help = command ? `memray-mocha ${verb} --help` : 'memray-mocha --help';
    console.error(isUsage ? `${error.message} See ${help}.` : error.message);
    return isUsage ? EXIT_USAGE : EXIT_FAILED;
  }
}

function runCommand(verb: string, command: Command, args: string[], console: Console): number {
  const { values, files } = parse(command, args);
  if (values.help) {
    console.log(describeCommand(verb, command));
    return EXIT_OK;
  }
  // Before files are counted, of which an option without its value takes one: all that are no switches are counts.
  for (const [name, { type }] of Object.entries(command.options)) {
    if (type === 'string') readCount(values, name);
  }
  const [file] = files;
  if (file === undefined || files.length > 1) {
    throw createUsageError(`Expected one capture file, got ${files.length}.`);
  }
  const reader = new CaptureReader(file);
  try {
    const { cwd, complete } = reader.metadata;
    if (!complete) {
      console.error(
        `${file} was cut off, as its process died or its disk was full: it ends early.`,
      );
    }
    const lines = command.run(reader, values, { cwd, native: values.native === true });
    for (const text of joinLines(lines)) console.log(text);
  } finally {
    reader.close();
  }
  return EXIT_OK;
}

/** To texts that are written at once, each about as long as that is worth. */
function* joinLines(lines: Iterable<string>): Generator<string> {
  let text: string[] = [];
  let length = 0;
  for (const line of lines) {
    text.push(line);
    length += line.length;
    if (length < WRITTEN_LENGTH) continue;
    yield text.join('\n');
    text = [];
    length = 0;
  }
  if (text.length > 0) yield text.join('\n');
}

function parse(command: Command, args: string[]): { values: CommandValues; files: string[] } {
  try {
    const options = { ...command.options, ...COMMON_OPTIONS };
    const { values, positionals } = parseArgs({ args, options, allowPositionals: true });
    return { values, files: positionals };
  } catch (error) {
    // What Node says behind that is about files whose names begin with a dash.
    const [problem] = (error as Error).message.split(/\.(?:\s|$)/);
    throw createUsageError(`${problem}.`);
  }
}

function describeUsage(): string {
  return [
    'Usage: memray-mocha <verb> [options] <file>',
    '',
    'Opens a capture that --memray-bin-path kept, on any machine.',
    '',
    ...list(Object.entries(COMMANDS).map(([verb, { description }]) => [verb, description])),
    '',
    'memray-mocha <verb> --help lists the options of a verb, memray-mocha --version says which version this is.',
  ].join('\n');
}

function describeCommand(verb: string, { description, options }: Command): string {
  const all = Object.entries({ ...options, ...COMMON_OPTIONS });
  const lines = all.map(([name, { type, help }]) => [
    type === 'string' ? `--${name}=N` : `--${name}`,
    help,
  ]);
  return [
    `Usage: memray-mocha ${verb} [options] <file>`,
    '',
    `${description}.`,
    '',
    ...list(lines),
  ].join('\n');
}

function list(entries: string[][]): string[] {
  const width = Math.max(...entries.map(([name]) => name!.length));
  return entries.map(([name, text]) => `  ${name!.padEnd(width)}  ${text}`);
}
