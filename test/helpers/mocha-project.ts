import { spawn, spawnSync, type ChildProcess } from 'node:child_process';
import { once } from 'node:events';
import {
  mkdirSync,
  mkdtempSync,
  readFileSync,
  realpathSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join, resolve } from 'node:path';
import type { JsonResults } from '../../dist/reporters/json-results';
import type { TestResult } from '../../dist/test-result';

const root = resolve(__dirname, '../..');
const mochaFile = join(root, 'node_modules/mocha/bin/mocha.js');

/** What a program requires as `mocha`. */
export const mochaModule = require.resolve('mocha');

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
    // At once: Mocha, which watches, would run it while it is empty.
    writeFileSync(`${file}.new`, text);
    renameSync(`${file}.new`, file);
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
    return this.runNode([mochaFile, '*.test.{js,mjs}', ...args], env);
  }

  /** Runs a program in the project's folder. */
  runNode(args: string[], env: NodeJS.ProcessEnv = {}): MochaRun {
    return this.#spawn(process.execPath, args, env);
  }

  /**
   * Runs Mocha with the plugin in a shell that has made files small.
   *
   * @param kibibytes the most that a file may have
   */
  runWithSmallFiles(kibibytes: number, args: string[], env: NodeJS.ProcessEnv = {}): MochaRun {
    const limit = `ulimit -f ${kibibytes} && exec "$@"`;
    const mocha = [process.execPath, mochaFile, '*.test.js', '--require', register, ...args];
    return this.#spawn('bash', ['-c', limit, 'bash', ...mocha], env);
  }

  #spawn(command: string, args: string[], env: NodeJS.ProcessEnv): MochaRun {
    const options = { ...this.#spawnOptions(env), encoding: 'utf8' } as const;
    const { status, stdout, stderr } = spawnSync(command, args, options);
    return { code: status, stdout, stderr };
  }

  /** Starts Mocha with the plugin and with --watch. */
  watch(args: string[], env: NodeJS.ProcessEnv): WatchingMocha {
    const all = [mochaFile, '*.test.js', '--require', register, '--watch', ...args];
    return new WatchingMocha(spawn(process.execPath, all, this.#spawnOptions(env)));
  }

  /** Runs Mocha with the plugin, and reads the results it wrote. */
  measure(args: string[] = [], env: NodeJS.ProcessEnv = {}): MeasuredRun {
    const run = this.run(['--memray-json=results.json', ...args], env);
    const tests = this.readResults();
    const result = (title: string): TestResult => {
      const found = tests.findLast(({ titlePath }) => titlePath.at(-1) === title);
      if (!found) throw new Error(`no result of "${title}" in:\n${run.stdout}\n${run.stderr}`);
      return found;
    };
    return { ...run, tests, result };
  }

  /** The tests in `results.json`. */
  readResults(): readonly TestResult[] {
    return (JSON.parse(this.read('results.json')) as JsonResults).tests;
  }

  remove(): void {
    rmSync(this.folder, { recursive: true });
  }

  #spawnOptions(env: NodeJS.ProcessEnv) {
    const inherited = Object.entries(process.env).filter(
      // Mocha colours where CI is set; on GitHub's machines the plugin has more to say.
      ([name]) => !/^(CI$|GITHUB_|MEMRAY|MOCHA|NO_COLOR|FORCE_COLOR|COLUMNS)/.test(name),
    );
    return { cwd: this.folder, env: { ...Object.fromEntries(inherited), ...env } };
  }
}

/** A Mocha that runs again as files change. */
export class WatchingMocha {
  #output = '';
  #read = 0;
  readonly #process: ChildProcess;

  constructor(started: ChildProcess) {
    this.#process = started;
    started.stdout!.on('data', (data) => (this.#output += String(data)));
    started.stderr!.on('data', (data) => (this.#output += String(data)));
  }

  /** The output of the next run, when it has ended. */
  async nextRun(): Promise<string> {
    const waiting = '[mocha] waiting for changes...';
    let end;
    while ((end = this.#output.indexOf(waiting, this.#read)) < 0) {
      if (this.#process.exitCode !== null) throw new Error(`Mocha has ended:\n${this.#output}`);
      await new Promise((resolve) => setTimeout(resolve, 20));
    }
    const output = this.#output.slice(this.#read, end);
    this.#read = end + waiting.length;
    return output;
  }

  async stop(): Promise<void> {
    // As Ctrl-C does.
    this.#process.kill('SIGINT');
    await once(this.#process, 'close');
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

/** Runs `use` beside a Mocha that watches a project; both exist only meanwhile. */
export async function withWatch(
  files: Record<string, string>,
  args: string[],
  use: (mocha: WatchingMocha, project: MochaProject) => Promise<void>,
  env: NodeJS.ProcessEnv = {},
): Promise<void> {
  const project = new MochaProject(files);
  const mocha = project.watch(['--memray-json=results.json', ...args], {
    TMPDIR: project.folder,
    ...env,
  });
  try {
    await use(mocha, project);
  } finally {
    await mocha.stop();
    project.remove();
  }
}
