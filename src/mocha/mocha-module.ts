import { realpathSync } from 'node:fs';
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

/** Where Mocha's command line begins, and what it starts. */
const MOCHA_SCRIPT = /[\\/]mocha[\\/](?:bin|lib)[\\/]/;

/**
 * The Mocha that runs the tests. Several may be installed: the one already loaded is the one
 * whose classes the tests will meet. With Node's `--import` none is loaded yet, but the program is one.
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

function findMochaFile(): string {
  const inMemory = Object.keys(load.cache).find((path) =>
    /[\\/]mocha[\\/]lib[\\/]mocha\.c?js$/.test(path),
  );
  if (inMemory !== undefined) return inMemory;
  const places = [...findScript(), join(process.cwd(), 'package.json'), __filename];
  for (const place of places) {
    const file = findInstalled(place);
    if (file !== undefined) return file;
  }
  throw createMochaNotFoundError(places.map((place) => dirname(place)));
}

/** `lib/mocha.cjs` of Mocha 12, `lib/mocha.js` of Mocha 10 and 11: of the nearest one, whichever that is. */
function findInstalled(place: string): string | undefined {
  const from = createRequire(place);
  const manifest = resolveFirst(from, ['mocha/package.json']);
  if (manifest === undefined) return undefined;
  const library = join(dirname(manifest), 'lib');
  return resolveFirst(from, [join(library, 'mocha.cjs'), join(library, 'mocha.js')]);
}

/** The program's own file, if it is one of Mocha's. */
function findScript(): string[] {
  try {
    const script = realpathSync(process.argv[1] ?? '');
    return MOCHA_SCRIPT.test(script) ? [script] : [];
  } catch {
    // Code from the command line has no file.
    return [];
  }
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
