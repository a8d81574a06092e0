import { resolve } from 'node:path';
import { createInvalidOptionError, createUnknownOptionError } from '../errors';
import { parseMemorySize } from '../memory-size';
import { findNearestName } from './nearest-name';

/** What the options say once all their sources are merged. */
export interface Options {
  /** `all`: track every test; `limits`: only tests with a limit; `off`: none. */
  memray: 'all' | 'limits' | 'off';
  /** What `limitMemory` every test has that declares none: a size such as `64 MB`, bytes, or `false` for none. */
  limitMemory: string | number | false;
  /** What `limitLeaks` every test has that declares none. */
  limitLeaks: string | number | false;
  /** How many tests the report shows, 0 for all. */
  mostAllocations: number;
  /** No report at the end. */
  hideSummary: boolean;
  /** Absolute folder that keeps each test's capture, or null. */
  binPath: string | null;
  /** Prefix of the capture files' names. */
  binPrefix: string;
  /** Frames shown per allocation in failures. */
  stacks: number;
  /** Native frames in call stacks. */
  native: boolean;
  /** Measure V8's heap as well as native memory, and confirm peaks by collecting garbage. */
  jsHeap: boolean;
  /** Record every object of V8's heap instead of samples. */
  traceJs: boolean;
  /** Fail a test with a memory limit that uses more than in a successful run before. */
  failOnIncrease: boolean;
  /** Absolute file that keeps the peaks of successful runs. */
  baseline: string;
  /** Write the peaks of this run to the baseline, also those that are higher. */
  updateBaseline: boolean;
  /** -1 one line, 0 or 1 the ten largest allocations, 2 all. */
  verbosity: number;
  /** Absolute file that gets every test's results as JSON, or null. */
  json: string | null;
}

/** The options as `memray` in Mocha's configuration takes them. */
export type MemrayOptions = { [Name in keyof Options]?: Exclude<Options[Name], null> };

/** Where options come from, strongest first. Names are as the user wrote them. */
export interface OptionSources {
  /** `memray-most-allocations` and so on, as parsed from the command line. */
  commandLine: Record<string, unknown>;
  environment: Record<string, string | undefined>;
  /** The `memray` entries of `.mocharc.*` and package.json, strongest first. */
  configuration: unknown[];
  cwd: string;
}

interface Definition<Value> {
  /** Completes "Expected ... to be". */
  expected: string;
  /** Gives undefined for a value that is malformed. */
  parse(value: unknown, cwd: string): Value | undefined;
}

const BOOLEAN = { expected: '`true` or `false`', parse: parseBoolean };
const FILE = { expected: 'a file', parse: parsePath };
const LIMIT = { expected: 'a size such as `64 MB`, or `false`', parse: parseLimit };

const DEFINITIONS: { [Name in keyof Options]: Definition<Options[Name]> } = {
  memray: { expected: '`all`, `limits` or `off`', parse: parseMode },
  limitMemory: LIMIT,
  limitLeaks: LIMIT,
  mostAllocations: { expected: 'a whole number, 0 for all', parse: wholeNumber(0) },
  hideSummary: BOOLEAN,
  binPath: { expected: 'a folder', parse: parsePath },
  binPrefix: { expected: 'a prefix without `/`', parse: parsePrefix },
  stacks: { expected: 'a whole number, at least 1', parse: wholeNumber(1) },
  native: BOOLEAN,
  jsHeap: BOOLEAN,
  traceJs: BOOLEAN,
  failOnIncrease: BOOLEAN,
  baseline: FILE,
  updateBaseline: BOOLEAN,
  verbosity: { expected: 'a whole number, at least -1', parse: wholeNumber(-1) },
  json: FILE,
};
const NAMES = Object.keys(DEFINITIONS) as (keyof Options)[];

/** Mistyped names in the environment are this close; others belong to other programs. */
const TYPO_DISTANCE = 2;

/**
 * Merges the three sources of options with the defaults.
 *
 * @throws MemrayMochaError naming the option that is malformed or unknown
 */
export function resolveOptions(sources: OptionSources): Options {
  const { cwd } = sources;
  const options: Options = {
    memray: 'all',
    limitMemory: false,
    limitLeaks: false,
    mostAllocations: 5,
    hideSummary: false,
    binPath: null,
    binPrefix: randomHex(32),
    stacks: 1,
    native: false,
    jsHeap: true,
    traceJs: false,
    failOnIncrease: false,
    baseline: resolve(cwd, '.memray-mocha/baseline.json'),
    updateBaseline: false,
    verbosity: 0,
    json: null,
  };
  for (const entry of [...sources.configuration].reverse()) {
    merge(options, fromConfiguration(entry), cwd);
  }
  merge(options, fromEnvironment(sources.environment), cwd);
  merge(options, fromCommandLine(sources.commandLine), cwd);
  return options;
}

/** Not by `node:crypto`, which takes milliseconds of every start to load. */
function randomHex(length: number): string {
  return Array.from({ length }, () => Math.trunc(Math.random() * 16).toString(16)).join('');
}

/** One option as the user wrote it; `source` is how a message names it. */
interface Given {
  name: keyof Options;
  source: string;
  value: unknown;
}

function merge(options: Options, given: Given[], cwd: string): void {
  for (const { name, source, value } of given) {
    const definition = DEFINITIONS[name];
    const parsed = definition.parse(value, cwd);
    if (parsed === undefined) throw createInvalidOptionError(source, definition.expected, value);
    Object.assign(options, { [name]: parsed });
  }
}

function fromConfiguration(entry: unknown): Given[] {
  if (typeof entry !== 'object' || entry === null) {
    return [{ name: 'memray', source: "`memray` in Mocha's configuration", value: entry }];
  }
  return Object.entries(entry as Record<string, unknown>)
    .filter(([, value]) => value !== undefined)
    .map(([key, value]) => {
      const name = NAMES.find((each) => each === toCamelCase(key));
      if (name) return { name, source: `\`memray.${key}\` in Mocha's configuration`, value };
      throw createUnknownOptionError(
        `\`${key}\` (in Mocha's configuration)`,
        `\`memray.${findNearestName(toCamelCase(key.replace(/^memray\W?/, '')), NAMES).name}\``,
      );
    });
}

function fromEnvironment(environment: Record<string, string | undefined>): Given[] {
  const variables = NAMES.map(toVariable);
  return Object.entries(environment).flatMap(([key, value]) => {
    if (!/^MEMRAY(_|$)/.test(key) || value === undefined || value === '') return [];
    const nearest = findNearestName(key, variables);
    if (nearest.distance === 0) {
      return [{ name: NAMES[variables.indexOf(key)]!, source: key, value }];
    }
    if (nearest.distance > TYPO_DISTANCE) return [];
    throw createUnknownOptionError(`${key} (in the environment)`, nearest.name);
  });
}

function fromCommandLine(values: Record<string, unknown>): Given[] {
  return Object.entries(values).map(([flag, value]) => {
    const name = NAMES.find((each) => toFlag(each) === flag);
    if (name) return { name, source: `--${flag}`, value };
    throw createUnknownOptionError(
      `--${flag}`,
      `--${findNearestName(flag, NAMES.map(toFlag)).name}`,
    );
  });
}

function toCamelCase(name: string): string {
  return name.replace(/-([a-z])/g, (_, letter: string) => letter.toUpperCase());
}

function toFlag(name: string): string {
  if (name === 'memray') return name;
  return `memray-${name.replace(/[A-Z]/g, (letter) => `-${letter.toLowerCase()}`)}`;
}

function toVariable(name: string): string {
  return toFlag(name).toUpperCase().replaceAll('-', '_');
}

function parseMode(value: unknown): Options['memray'] | undefined {
  const on = parseBoolean(value);
  if (on !== undefined) return on ? 'all' : 'off';
  return value === 'all' || value === 'limits' || value === 'off' ? value : undefined;
}

function parseBoolean(value: unknown): boolean | undefined {
  if (value === true || value === 'true' || value === '1') return true;
  if (value === false || value === 'false' || value === '0') return false;
  return undefined;
}

/** Gives bytes. */
function parseLimit(value: unknown): number | false | undefined {
  if (parseBoolean(value) === false || value === 0) return false;
  try {
    return parseMemorySize(value as string | number);
  } catch {
    return undefined;
  }
}

function parsePath(value: unknown, cwd: string): string | undefined {
  return typeof value === 'string' && value !== '' ? resolve(cwd, value) : undefined;
}

function parsePrefix(value: unknown): string | undefined {
  return typeof value === 'string' && /^[^/\\\0]+$/.test(value) ? value : undefined;
}

function wholeNumber(minimum: number): (value: unknown) => number | undefined {
  return (value) => {
    const isText = typeof value === 'string' && /^-?\d+$/.test(value);
    const number = isText ? Number(value) : value;
    return Number.isSafeInteger(number) && (number as number) >= minimum
      ? (number as number)
      : undefined;
  };
}
