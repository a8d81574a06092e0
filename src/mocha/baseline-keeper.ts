import type Mocha from 'mocha';
import { floor, max } from '../builtins';
import {
  noiseOf,
  saveBaseline,
  type BaselineFindings,
  type KnownTests,
  type Peak,
} from '../baseline/baseline';
import { readBaseline, type Peaks } from '../baseline/baseline-file';
import { createNoBaselineError, MemrayMochaError } from '../errors';
import { displayPath } from '../stack-trace';
import { firstAttempt, type Limits } from './declarations';
import type { Options } from './options';
import { identifyTest } from './test-id';

/** Something for the baseline, as the process that runs the test finds it. */
export type BaselineFinding = { peak: Peak } | { tests: KnownTests };

/** A smaller peak is noted as it is: the garbage in it, which cannot be more, is not worth collecting. */
const NOTED_FROM_BYTES = 1024 ** 2;

// Tests may change the environment.
const isContinuousIntegration = !/^(|0|false)$/i.test(process.env.CI ?? '');

/** Holds tests to the peaks they had before, where they are to be, and notes those they have now. */
export class BaselineKeeper {
  readonly #options: Options;
  readonly #cwd: string;
  readonly #shownFile: string;
  readonly #send: (finding: BaselineFinding) => void;
  #root: Mocha.Suite | undefined;
  /** Of the baseline; or why it cannot be read, which fails only tests that are to be held to it. */
  #peaks: Peaks | MemrayMochaError = new Map();
  #keys: Map<Mocha.Test, string> | undefined;

  constructor(options: Options, cwd: string, send: (finding: BaselineFinding) => void) {
    this.#options = options;
    this.#cwd = cwd;
    this.#shownFile = displayPath(options.baseline, cwd);
    this.#send = send;
  }

  /** Before a run of these tests, which may replace functions of fs, or all files. */
  begin(root: Mocha.Suite): void {
    this.#root = root;
    this.#keys = undefined;
    try {
      this.#peaks = readBaseline(this.#options.baseline);
    } catch (error) {
      this.#peaks = error as MemrayMochaError;
    }
  }

  /**
   * Adds to the limits of a test what the baseline allows.
   *
   * @throws MemrayMochaError when the baseline cannot be read, or lacks what it takes
   */
  hold(test: Mocha.Test, limits: Limits): Limits {
    const { memory } = limits;
    if (!memory || !this.#concerns(memory)) return limits;
    // Before anything is found, which would have it read again to be written.
    if (this.#peaks instanceof MemrayMochaError) throw this.#peaks;
    const key = this.#keyOf(test);
    const noted = { ...limits, comparedFromBytes: NOTED_FROM_BYTES };
    if (this.#options.updateBaseline) return noted;
    const previousBytes = this.#peaks.get(key);
    if (previousBytes === undefined) {
      if (memory.baseline && isContinuousIntegration) {
        throw createNoBaselineError(key, this.#shownFile);
      }
      return noted;
    }
    const tolerance = max(
      noiseOf(previousBytes),
      previousBytes * (memory.baseline?.tolerance ?? 0),
    );
    const allowedBytes = floor(previousBytes + tolerance);
    const increase = { previousBytes, allowedBytes, baseline: this.#shownFile };
    // More than what is allowed is an increase, not as much.
    return { ...limits, increase, comparedFromBytes: allowedBytes + 1 };
  }

  /** Notes the peak of a test that passed. */
  note(test: Mocha.Test, { memory }: Limits, bytes: number): void {
    if (!memory || !this.#concerns(memory)) return;
    this.#send({ peak: { key: this.#keyOf(test), bytes, isFollowed: !memory.baseline } });
  }

  /**
   * Writes what all processes of a run noted.
   *
   * @returns what there is to say about it, a line each
   * @throws MemrayMochaError when the file cannot be read or written
   */
  save(findings: BaselineFinding[]): string[] {
    if (findings.length === 0) return [];
    const sorted: BaselineFindings = {
      peaks: findings.flatMap((each) => ('peak' in each ? each.peak : [])),
      tests: findings.flatMap((each) => ('tests' in each ? each.tests : [])),
    };
    return saveBaseline(sorted, {
      file: this.#options.baseline,
      shownFile: this.#shownFile,
      cwd: this.#cwd,
      isUpdate: this.#options.updateBaseline,
      isReadOnly: isContinuousIntegration,
    });
  }

  #concerns(memory: NonNullable<Limits['memory']>): boolean {
    const { failOnIncrease, updateBaseline } = this.#options;
    return failOnIncrease || updateBaseline || memory.baseline !== undefined;
  }

  /** Names all tests when the first one of a run asks, and those that a hook adds later when they do. */
  #keyOf(test: Mocha.Test): string {
    this.#keys ??= this.#nameTests(this.#root!);
    const first = firstAttempt(test);
    const known = this.#keys.get(first);
    if (known !== undefined) return known;
    const key = identifyTest(test, this.#cwd).id;
    this.#keys.set(first, key);
    this.#send({ tests: { files: [], keys: [key] } });
    return key;
  }

  #nameTests(root: Mocha.Suite): Map<Mocha.Test, string> {
    const keys = new Map<Mocha.Test, string>();
    const files = new Set<string>();
    const taken = new Set<string>();
    root.eachTest((test) => {
      const { id, file } = identifyTest(test, this.#cwd);
      let key = id;
      for (let twin = 2; taken.has(key); twin++) key = `${id} (${twin})`;
      taken.add(key);
      files.add(file);
      keys.set(test, key);
    });
    // Of others than those with .only, Mocha has forgotten.
    if (!(root as Mocha.Suite & { hasOnly(): boolean }).hasOnly()) {
      this.#send({ tests: { files: [...files], keys: [...keys.values()] } });
    }
    return keys;
  }
}
