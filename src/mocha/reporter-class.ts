import { createRequire } from 'node:module';
import { join, resolve } from 'node:path';
import type Mocha from 'mocha';
import { hasOwn } from '../builtins';
import { createReporterNotFoundError } from '../errors';
import { findNearestName } from './nearest-name';

/** A reporter, Mocha's own or any other. */
export interface ReporterClass {
  new (runner: Mocha.Runner, options: Mocha.MochaOptions): object;
  /** What a reporter that wraps others has write in its stead. */
  chooseWrapped?(options: Mocha.MochaOptions): ReporterClass;
}

/** The class that writes what a run reports. */
export function findWriter(mocha: Mocha): ReporterClass {
  const { _reporter: reporter } = mocha as unknown as { _reporter: ReporterClass };
  return reporter.chooseWrapped?.(mocha.options) ?? reporter;
}

/** Whether a reporter is `base` or derived from it. */
export function isKindOf(reporter: ReporterClass, base: ReporterClass): boolean {
  return reporter === base || reporter.prototype instanceof base;
}

/** Whether a reporter annotates failures on GitHub itself, as one of newer Mochas does. */
export function isAnnotating(reporter: ReporterClass, { reporters }: typeof Mocha): boolean {
  const { GithubActions } = reporters as { GithubActions?: ReporterClass };
  return GithubActions !== undefined && isKindOf(reporter, GithubActions);
}

/**
 * Finds a reporter as Mocha does: one of its own, a package, or a file.
 *
 * @throws MemrayMochaError when there is none of this name
 */
export function findReporter(
  name: string,
  { reporters }: typeof Mocha,
  cwd: string,
): ReporterClass {
  const own = reporters as unknown as Record<string, ReporterClass | undefined>;
  try {
    return (hasOwn(own, name) && own[name]) || loadReporter(name, cwd);
  } catch (error) {
    const names = Object.keys(own).filter((each) => each !== 'base' && /^[a-z-]+$/.test(each));
    throw createReporterNotFoundError(name, error, names, findNearestName(name, names).name);
  }
}

function loadReporter(name: string, cwd: string): ReporterClass {
  const load = createRequire(join(cwd, 'package.json'));
  const exported = load(resolveReporter(name, cwd, load)) as { default?: unknown };
  const reporter = exported.default ?? exported;
  if (typeof reporter !== 'function') throw new TypeError('it exports no class');
  return reporter as ReporterClass;
}

function resolveReporter(name: string, cwd: string, load: NodeJS.Require): string {
  try {
    return load.resolve(name);
  } catch {
    return load.resolve(resolve(cwd, name));
  }
}
