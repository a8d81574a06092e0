import { createRequire } from 'node:module';
import { dirname, join } from 'node:path';
import type Mocha from 'mocha';
import { createMochaNotFoundError } from '../errors';

/** Mocha's own reader of configuration files; `false` switches one off. */
export interface MochaConfigReader {
  loadRc(args: { config?: string | false }): Record<string, unknown> | undefined;
  loadPkgRc(args: { package?: string | false }): Record<string, unknown> | undefined;
}

const load = createRequire(__filename);

/**
 * The Mocha that runs the tests. Several may be installed: the one already loaded is the one
 * whose classes the tests will meet.
 */
export function findMocha(): typeof Mocha {
  return load(findMochaFile()) as typeof Mocha;
}

/** What Mocha reads `.mocharc.*` and package.json with, so that we read the same. */
export function findConfigReader(): MochaConfigReader {
  const cli = join(dirname(findMochaFile()), 'cli');
  const reader = resolveFirst(load, [join(cli, 'options.cjs'), join(cli, 'options.js')]);
  if (reader === undefined) throw createMochaNotFoundError([cli]);
  return load(reader) as MochaConfigReader;
}

/** `lib/mocha.cjs` of Mocha 12, `lib/mocha.js` of Mocha 10 and 11. */
function findMochaFile(): string {
  const inMemory = Object.keys(load.cache).find((path) =>
    /[\\/]mocha[\\/]lib[\\/]mocha\.c?js$/.test(path),
  );
  if (inMemory !== undefined) return inMemory;
  const places = [join(process.cwd(), 'package.json'), __filename];
  for (const place of places) {
    const file = resolveFirst(createRequire(place), ['mocha/lib/mocha.cjs', 'mocha/lib/mocha.js']);
    if (file !== undefined) return file;
  }
  throw createMochaNotFoundError(places.map((place) => dirname(place)));
}

function resolveFirst(from: NodeJS.Require, names: string[]): string | undefined {
  for (const name of names) {
    try {
      return from.resolve(name);
    } catch {
      // Another version has it under the next name.
    }
  }
  return undefined;
}
