import type { AllocationRecord, CaptureReader } from '../capture/capture-reader';
import { createUsageError } from '../errors';
import { UNPRINTABLE, type StackView } from '../stack-trace';

/** Options as parsed; every verb has `json` and `native`. */
export type CommandValues = Record<string, string | boolean | undefined>;

/** An option as `parseArgs` takes it, which passes over the help. */
export interface CommandOption {
  /** What is no switch is a count. */
  type: 'boolean' | 'string';
  short?: string;
  /** One line. */
  help: string;
}

/** One verb of `memray-mocha`. */
export interface Command {
  /** One line for the list of verbs. */
  description: string;
  options: Record<string, CommandOption>;
  /** Reads the capture and gives the lines to print, which together may be longer than a string can be. */
  run(reader: CaptureReader, values: CommandValues, view: StackView): Iterable<string>;
}

/** `--leaks`, which several verbs have. */
export const LEAKS_OPTION: CommandOption = {
  type: 'boolean',
  help: 'what was left at the end, instead of at the high-water mark; with garbage, unless leaks were limited',
};

/** The rows a verb is about. */
export function readRows(reader: CaptureReader, values: CommandValues): AllocationRecord[] {
  const options = { native: values.native === true };
  return values.leaks === true ? reader.leaks(options) : reader.highWaterMark(options);
}

/**
 * An option that says how many to show: 0 is all, and so is nothing where the output is for machines.
 *
 * @param usual how many where the option is not given
 * @throws MemrayMochaError naming the option, when it is no whole number
 */
export function readCount(values: CommandValues, name: string, usual = 0): number {
  const value = String(values[name] ?? (values.json === true ? 0 : usual));
  if (/^\d+$/.test(value)) return Number(value) || Infinity;
  throw createUsageError(`Expected --${name} to be a whole number, got '${value}'.`);
}

/** A value as JSON text, for terminals too: they act upon more characters than JSON escapes. */
export function toJson(value: unknown, indent = 2): string {
  return JSON.stringify(value, null, indent).replace(UNPRINTABLE, (character) => {
    const code = character.charCodeAt(0).toString(16).padStart(4, '0');
    return character === '\n' ? character : `\\u${code}`;
  });
}

/** What a text leaves out, as its last line. */
export function tellHidden(hidden: number, option: string): string[] {
  return hidden > 0 ? [`...and ${hidden} more: --${option}=0 shows all`] : [];
}
