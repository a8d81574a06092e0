import { entries, hasOwn } from './builtins';
import { createInvalidArgumentError } from './errors';

/** The options that there are, and the `typeof` of each. */
type Known<T> = { [name in keyof T]-?: 'boolean' | 'function' | 'number' | 'string' };

/**
 * Checks an options object.
 *
 * @param of whose options they are
 * @throws TypeError naming the option that is unknown or has the wrong type
 */
export function checkOptions<T extends object>(of: string, options: T, known: Known<T>): void {
  if (typeof options !== 'object' || options === null || Array.isArray(options)) {
    throw createInvalidArgumentError(`the options of ${of}`, 'an object', options);
  }
  for (const [name, value] of entries(options)) {
    if (!hasOwn(known, name)) {
      const names = Object.keys(known).map((each) => `\`${each}\``);
      throw createInvalidArgumentError(`the options of ${of}`, `any of ${names.join(', ')}`, name);
    }
    const type = known[name as keyof T];
    if (value !== undefined && typeof value !== type) {
      throw createInvalidArgumentError(`the \`${name}\` option of ${of}`, `a ${type}`, value);
    }
  }
}
