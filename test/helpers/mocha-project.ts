import { spawnSync } from 'node:child_process';
import { mkdirSync, mkdtempSync, readFileSync, realpathSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { JsonResults } from '../../dist/reporters/json-results';
import type { TestResult } from '../../dist/test-result';

const root = resolve(__dirname, '../..');
const mochaFile = join(root, 'node_modules/mocha/bin/mocha.js');

/** The --require of the built package. */
export const register = join(root, 'dist/register.js');

/** What a run of Mocha gave. */
export interface MochaRun {
  code: number | null;
  stdout: string;
  stderr: string;
}

/** A run that wrote its results as JSON too. */
export interface MeasuredRun extends MochaRun {
  tests: readonly TestResult[];
  /** The result of the test of this title. */
  result(title: string): TestResult;
}

/** A folder with test files, in which the real Mocha runs. */
export class MochaProject {
  readonly folder = realpathSync(mkdtempSync(join(tmpdir(), 'memray-mocha-test-')));

  /** @param files contents by path; `a.test.js` is what Mocha runs by default */
  constructor(files: Record<string, string>) {
    for (const [path, text] of Object.entries(files)) this.write(path, text);
  }

  write(path: string, text: string): void {
    const file = join(this.folder, path);
    mkdirSync(dirname(file), { recursive: true });
    writeFileSync(file, text);
  }

  read(path: string): string {
    return readFileSync(join(this.folder, path), 'utf8');
  }

  /** Runs Mocha with the plugin. */
  run(args: string[] = [], env: NodeJS.ProcessEnv = {}): MochaRun {
    return this.runPlain(['--require', register, ...args], env);
  }

  /** Runs Mocha without the plugin. */
  runPlain(args: string[] = [], env: NodeJS.ProcessEnv = {}): MochaRun {
    const inherited = Object.entries(process.env).filter(
      // Mocha colours where CI is set.
      ([name]) => !/^(CI$|MEMRAY|MOCHA|NO_COLOR|FORCE_COLOR|COLUMNS)/.test(name),
    );
    const { status, stdout, stderr } = spawnSync(
      process.execPath,
      [mochaFile, '*.test.{js,mjs}', ...args],
      { cwd: this.folder, env: { ...Object.fromEntries(inherited), ...env }, encoding: 'utf8' },
    );
    return { code: status, stdout, stderr };
  }

  /** Runs Mocha with the plugin, and reads the results it wrote. */
  measure(args: string[] = [], env: NodeJS.ProcessEnv = {}): MeasuredRun {
    const run = this.run(['--memray-json=results.json', ...args], env);
    const { tests } = JSON.parse(this.read('results.json')) as JsonResults;
    const result = (title: string): TestResult => {
      const found = tests.findLast(({ titlePath }) => titlePath.at(-1) === title);
      if (!found) throw new Error(`no result of "${title}" in:\n${run.stdout}\n${run.stderr}`);
      return found;
    };
    return { ...run, tests, result };
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }
}

/** Runs `use` in a project that exists only meanwhile. */
export function withProject<Result>(
  files: Record<string, string> | string,
  use: (project: MochaProject) => Result,
): Result {
  const project = new MochaProject(typeof files === 'string' ? { 'a.test.js': files } : files);
  try {
    return use(project);
  } finally {
    project.remove();
  }
}
