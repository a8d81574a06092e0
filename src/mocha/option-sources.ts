import { parseArgs } from 'node:util';
import { createSwallowedArgumentError } from '../errors';
import { findConfigReader, type MochaConfigReader } from './mocha-module';
import type { OptionSources } from './options';

type Values = Record<string, unknown>;

const MOCHA_STARTED_ANEW = /[\\/]lib[\\/]cli[\\/]cli\.js$/;

/** Reads command line, environment and Mocha's configuration files. */
export function readSources(
  argv: string[] = readArguments(process.argv),
  environment: NodeJS.ProcessEnv = process.env,
  reader: MochaConfigReader = findConfigReader(),
): OptionSources {
  // Mocha takes more arguments from this variable, weaker than its own.
  const more = splitArguments(environment.MOCHA_OPTIONS ?? '');
  checkSwitches(more);
  checkSwitches(argv);
  const values = { ...parseValues(more), ...parseValues(argv) };
  const rc = reader.loadRc({ config: values.config as string | false }) ?? {};
  const pkg = reader.loadPkgRc({ package: values.package as string | false }) ?? {};
  const entries = Object.entries(values);
  // Mocha starts itself anew for Node's own flags, and hands its configuration down as `--memray.stacks=5`.
  const handedDown = entries.filter(([name]) => name.startsWith('memray.'));
  return {
    // Also those that are misspelled: `memrayStacks` would do nothing.
    commandLine: Object.fromEntries(entries.filter(([name]) => /^memray(?!\.)/.test(name))),
    environment,
    configuration: [
      Object.fromEntries(
        handedDown.map(([name, value]) => [
          name.slice('memray.'.length),
          name.startsWith('memray.limit') ? toNumber(value) : value,
        ]),
      ),
      ...listOptions(rc),
      ...listOptions(pkg),
    ].filter((entry) => entry !== undefined),
    cwd: process.cwd(),
  };
}

/**
 * The arguments of Mocha's command line. For Node's own flags Mocha starts itself anew, and versions 10 and 11 write
 * `--name value` then for `--name=value`; there, what is no option's value stands in front.
 */
export function readArguments([, script = '', ...args]: string[]): string[] {
  if (!MOCHA_STARTED_ANEW.test(script)) return args;
  return args.map((arg, index) => {
    const value = args[index + 1];
    const hasValue = /^--memray[^=]*$/.test(arg) && value !== undefined && !value.startsWith('--');
    return hasValue ? `${arg}=${value}` : arg;
  });
}

/** Mocha takes what follows an option it does not know for its value, and runs all files when one was meant. */
function checkSwitches(args: string[]): void {
  args.forEach((arg, index) => {
    const next = args[index + 1];
    if (next === undefined || next.startsWith('-') || !/^--memray[^.=]*$/.test(arg)) return;
    throw createSwallowedArgumentError(arg, next);
  });
}

/** On a command line a number is text, which a limit must not be: it would lack its unit. */
function toNumber(value: unknown): unknown {
  return typeof value === 'string' && /^\d+$/.test(value) ? Number(value) : value;
}

/** In a configuration they stand below `memray`, or as on the command line. */
function listOptions(configuration: Values): unknown[] {
  const flags = Object.entries(configuration).filter(([name]) => /^memray./.test(name));
  // A misspelled one stays as it is, to be named.
  const options = flags.map(([name, value]) => [name.replace(/^memray-/, ''), value]);
  return [configuration.memray, flags.length > 0 ? Object.fromEntries(options) : undefined];
}

/** As Mocha does: at spaces, but for those in quotes. */
function splitArguments(text: string): string[] {
  const args = text.match(/(?:"[^"]*"|'[^']*'|[^\s"'])+/g) ?? [];
  return args.map((arg) => arg.replace(/^([^"']*)(["'])(.*)\2$/, '$1$3'));
}

function parseValues(args: string[]): Values {
  const { values } = parseArgs({
    args,
    options: {
      config: { type: 'string' },
      package: { type: 'string' },
    },
    strict: false,
    allowPositionals: true,
  });
  const negated = Object.keys(values).filter((name) => name.startsWith('no-'));
  return {
    ...values,
    ...Object.fromEntries(negated.map((name) => [name.slice('no-'.length), false])),
  };
}
