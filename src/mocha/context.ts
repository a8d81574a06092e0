// Not its default export, which only users with `esModuleInterop` have; `Mocha` is global.
import type { Test } from 'mocha';
import {
  createInvalidArgumentError,
  createLimitNowhereError,
  createLimitTooLateError,
} from '../errors';
import {
  createLeakLimit,
  type LeakLimit,
  type LeaksFilterFunction,
  type LimitLeaksOptions,
} from '../limits/leak-limit';
import {
  createLeakedObjectsLimit,
  type LeakedObjectsFilterFunction,
  type LeakedObjectsLimit,
  type LimitLeakedObjectsOptions,
} from '../limits/leaked-objects-limit';
import {
  createMemoryLimit,
  type LimitMemoryOptions,
  type MemoryLimit,
} from '../limits/memory-limit';
import type { TestResult } from '../test-result';
import {
  findActivePlace,
  findRunningTest,
  hasEnded,
  watchRunnables,
  type Runnable,
} from './active-place';
import {
  BadDeclaration,
  declareInBody,
  declareInHook,
  declareOnSuite,
  declareOnTest,
  type Declarations,
} from './declarations';
import type { MemrayOptions, Options } from './options';

/** What a suite, a test and `this` of their functions get. */
export interface LimitMethods {
  /**
   * Fails the test when it holds this much memory, or more, at its high-water mark.
   *
   * @param limit a size such as `"24 MB"`, a number of bytes, `"baseline"` for what it used before, or
   *   `false` to lift an outer limit
   */
  limitMemory(limit: string | number | false, options?: LimitMemoryOptions): this;
  /**
   * Fails the test when one call stack leaks this much memory, or more: allocated while the test
   * ran and still live after a full garbage collection.
   *
   * @param limit a size such as `"1 MB"`, a number of bytes, or `false` to lift an outer limit
   * @param filterOrOptions `(stack) => boolean`, where `false` ignores a call stack; or options
   */
  limitLeaks(
    limit: string | number | false,
    filterOrOptions?: LeaksFilterFunction | LimitLeaksOptions,
  ): this;
  /**
   * Fails the test when objects that were made while it ran can still be reached after it and a full
   * garbage collection.
   *
   * @param filterOrOptions `(leaked) => boolean`, where `false` ignores an object; options; or
   *   `false` to lift an outer limit
   */
  limitLeakedObjects(
    filterOrOptions?: LeakedObjectsFilterFunction | LimitLeakedObjectsOptions | false,
  ): this;
}

declare global {
  // eslint-disable-next-line @typescript-eslint/no-namespace -- Mocha's types are a namespace
  namespace Mocha {
    // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- joins Mocha's own
    interface Context extends LimitMethods {}
    // eslint-disable-next-line @typescript-eslint/no-empty-object-type -- joins Mocha's own
    interface Suite extends LimitMethods {}
    interface Test extends LimitMethods {
      /** What was measured, once the body has ended. */
      memray?: TestResult;
    }
    interface MochaOptions {
      /** Options of memray-mocha, or its mode alone. */
      memray?: MemrayOptions | Options['memray'] | boolean | undefined;
    }
  }
}

type Method = keyof LimitMethods;
type Arguments<Each extends Method> = Parameters<LimitMethods[Each]>;
type ReadLimit = () => MemoryLimit | LeakLimit | LeakedObjectsLimit | false;
type Declare<Scope> = (scope: Scope, method: Method, read: ReadLimit) => void;

const KINDS = {
  limitMemory: 'memory',
  limitLeaks: 'leaks',
  limitLeakedObjects: 'leakedObjects',
} as const;
const READERS: { [Each in Method]: (...args: Arguments<Each>) => ReturnType<ReadLimit> } = {
  limitMemory: (limit, options) => limit !== false && createMemoryLimit(limit, options),
  limitLeaks: (limit, options) => limit !== false && createLeakLimit(limit, options),
  limitLeakedObjects: (options) => options !== false && createLeakedObjectsLimit(options),
};
const untrackedTests = new WeakSet<Test>();
const judgedTests = new WeakSet<Test>();

/** Says that the body of a test runs without tracker: a limit that is declared in it comes too late. */
export function markUntracked(test: Test): void {
  untrackedTests.add(test);
}

/** Says that the body of a test has run for the last time. */
export function markJudged(test: Test): void {
  judgedTests.add(test);
}

/** Says that a test has ended: what is declared on it from here on may be for a later run of it. */
export function reopen(test: Test): void {
  untrackedTests.delete(test);
  judgedTests.delete(test);
}

function describeEnd({ title }: Test): string {
  return `when the body of "${title}" had ended`;
}

/** Adds the limits to Mocha's classes: `this` in functions, suites, and tests for chaining. */
export function installLimitMethods(mocha: typeof Mocha): void {
  const { Context, Suite, Test } = mocha;
  install((Context as unknown as { prototype: Mocha.Context }).prototype, (context, method, read) =>
    declareFrom(context.runnable() as Runnable | undefined, method, read),
  );
  install(Suite.prototype, (suite, method, read) => {
    const test = findRunningTest(suite);
    if (test) {
      throw createLimitTooLateError(
        method,
        `on a suite while its test "${test.title}" runs: in an arrow function, \`this\` is that of the suite`,
        `Write the test as \`function () {}\`, or call the \`${method}\` that memray-mocha exports.`,
      );
    }
    declareOnSuite(suite, keepError(method, read));
  });
  install(Test.prototype, (test, method, read) => {
    checkOpen(test, method);
    declareOnTest(test, keepError(method, read));
  });
  watchRunnables(mocha);
}

/**
 * `this.limitMemory` for functions without a `this`: for the test whose body calls it, the tests of
 * the suite whose callback does, or those a hook prepares.
 *
 * @param limit a size such as `"24 MB"`, a number of bytes, `"baseline"` for what it used before, or
 *   `false` to lift an outer limit
 * @throws MemrayMochaError `ERR_MEMRAY_LIMIT_NOWHERE` where there is nothing to limit,
 *   `ERR_MEMRAY_LIMIT_TOO_LATE` where it can no longer be
 */
export function limitMemory(
  ...args: [limit: string | number | false, options?: LimitMemoryOptions]
): void {
  declareWhereActive('limitMemory', ...args);
}

/**
 * `this.limitLeaks` for functions without a `this`, as {@link limitMemory} is.
 *
 * @param limit a size such as `"1 MB"`, a number of bytes, or `false` to lift an outer limit
 * @param filterOrOptions `(stack) => boolean`, where `false` ignores a call stack; or options
 * @throws MemrayMochaError as {@link limitMemory} does
 */
export function limitLeaks(
  ...args: [
    limit: string | number | false,
    filterOrOptions?: LeaksFilterFunction | LimitLeaksOptions,
  ]
): void {
  declareWhereActive('limitLeaks', ...args);
}

/**
 * `this.limitLeakedObjects` for functions without a `this`, as {@link limitMemory} is.
 *
 * @param filterOrOptions `(leaked) => boolean`, where `false` ignores an object; options; or `false`
 *   to lift an outer limit
 * @throws MemrayMochaError as {@link limitMemory} does
 */
export function limitLeakedObjects(
  ...args: [filterOrOptions?: LeakedObjectsFilterFunction | LimitLeakedObjectsOptions | false]
): void {
  declareWhereActive('limitLeakedObjects', ...args);
}

function declareWhereActive<Each extends Method>(method: Each, ...args: Arguments<Each>): void {
  const place = findActivePlace(method);
  const read = (): ReturnType<ReadLimit> => readLimit(method, args);
  if ('suites' in place) declareOnSuite(place, keepError(method, read));
  else declareFrom(place, method, read);
}

/** What is left over would be ignored, as options are behind a filter. */
function readLimit<Each extends Method>(
  method: Each,
  args: Arguments<Each>,
): ReturnType<ReadLimit> {
  const read = READERS[method];
  const extra = (args as unknown[])[read.length];
  if (extra === undefined) return read(...args);
  throw createInvalidArgumentError(
    `what follows the arguments of ${method}`,
    'left out',
    extra,
    method === 'limitMemory' ? '' : 'A filter and options are one argument: `{ filterFn, ... }`.',
  );
}

function install<Scope>(prototype: Scope, declare: Declare<Scope>): void {
  const define = <Each extends Method>(method: Each): void => {
    const value = function (this: Scope, ...args: Arguments<Each>): Scope {
      declare(this, method, () => readLimit(method, args));
      return this;
    };
    Object.defineProperty(prototype, method, { value, configurable: true, writable: true });
  };
  for (const method of Object.keys(READERS)) define(method as Method);
}

/** A body declares for its test; a hook, for the tests it prepares. */
const declareFrom: Declare<Runnable | undefined> = (runnable, method, read) => {
  if (!runnable) {
    throw createLimitNowhereError(
      method,
      'on a context of which nothing runs',
      `In the callback of a suite, write \`this.${method}(...)\`.`,
    );
  }
  const suite = runnable.parent as Mocha.Suite & { getHooks(name: string): Mocha.Runnable[] };
  if (runnable.type === 'test') {
    checkOpen(runnable, method);
    // On the test itself a hook may still declare, for all tests of a suite.
    if (hasEnded(runnable)) throw createLimitTooLateError(method, describeEnd(runnable));
    declareInBody(runnable, { [KINDS[method]]: read() });
  } else if (suite.getHooks('beforeEach').includes(runnable)) {
    declareInHook(runnable.ctx!.currentTest!, suite, keepError(method, read));
  } else if (suite.getHooks('beforeAll').includes(runnable)) {
    declareOnSuite(suite, keepError(method, read));
  } else {
    throw createLimitTooLateError(method, 'in an after or afterEach hook, when tests have run');
  }
};

/** @throws MemrayMochaError `ERR_MEMRAY_LIMIT_TOO_LATE` */
function checkOpen(test: Test, method: Method): void {
  if (judgedTests.has(test)) throw createLimitTooLateError(method, describeEnd(test));
  if (!untrackedTests.has(test)) return;
  throw createLimitTooLateError(
    method,
    'by a function the test calls, and with `memray: limits` this test is not tracked',
  );
}

/** Outside of a body a mistake is kept: it fails the tests it concerns and not the whole run. */
function keepError(method: Method, read: ReadLimit): Declarations {
  try {
    return { [KINDS[method]]: read() };
  } catch (error) {
    return { [KINDS[method]]: new BadDeclaration(error) };
  }
}
