import type Mocha from 'mocha';
import { formatMemorySize } from '../memory-size';
import { isTakingPart } from '../mocha/every-run';
import { findMocha } from '../mocha/mocha-module';
import { findReporter, isKindOf, type ReporterClass } from '../mocha/reporter-class';
// As the only thing of ours that a program or a command line names, it brings the rest along.
import '../register';
import type { TestResult } from '../test-result';
import { insertProperties, listProperties } from './junit-properties';

/** Mocha's reporter `xunit`: it writes each test in one line. */
interface XunitReporter {
  test: (this: XunitReporter, test: Mocha.Test, options: Mocha.MochaOptions) => void;
  write: (this: XunitReporter, line: string) => void;
}

/** Of this, mocha-junit-reporter makes its XML: attributes, then children. */
interface Testcase {
  testcase: object[];
}

/** The package mocha-junit-reporter. */
interface JunitReporter {
  getTestcaseData: (this: JunitReporter, test: Mocha.Test, error?: unknown) => Testcase;
}

const mocha = findMocha();
// Tests may change it.
const cwd = process.cwd();
const { Spec, XUnit, Base } = mocha.reporters;

/**
 * Mocha's spec reporter with each test's peak memory beside its duration, or the reporter that the
 * reporter option `reporter` names; XML gets the same as properties.
 */
class MemrayReporter {
  /** What the reporter option `reporter` names; Mocha's spec by default. */
  static chooseWrapped(this: void, options: Mocha.MochaOptions): ReporterClass {
    const { reporter = 'spec' } = (options.reporterOptions ?? {}) as { reporter?: string };
    const wrapped = findReporter(reporter, mocha, cwd);
    return wrapped === MemrayReporter ? Spec : wrapped;
  }

  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    if (!isTakingPart()) {
      process.stderr.write(
        'memray-mocha measures nothing in this run, which had begun when another reporter loaded it: load it with --require memray-mocha/register.\n',
      );
    }
    const Wrapped = MemrayReporter.chooseWrapped(options);
    // To Mocha, the wrapped reporter is the one that runs.
    if (isKindOf(Wrapped, Spec)) return createWithPeaks(Wrapped, runner, options);
    const reporter = new Wrapped(runner, options);
    if (reporter instanceof XUnit) extendXunit(reporter);
    else if ('getTestcaseData' in reporter) extendJunit(reporter as JunitReporter);
    return reporter;
  }
}

function createWithPeaks(
  Wrapped: ReporterClass,
  runner: Mocha.Runner,
  options: Mocha.MochaOptions,
): object {
  const titles = new WeakMap<Mocha.Test, string>();
  // Listeners run in the order they are added: one before Spec's puts the peak into the title, one after takes it out.
  const showPeak = (test: Mocha.Test): void => {
    if (!test.memray) return;
    titles.set(test, test.title);
    test.title += ` [${describeMemory(test.memray)}]`;
  };
  const hidePeak = (test: Mocha.Test): void => {
    test.title = titles.get(test) ?? test.title;
    titles.delete(test);
  };
  runner.on('pass', showPeak).on('fail', showPeak);
  const reporter = new Wrapped(runner, options);
  runner.on('pass', hidePeak).on('fail', hidePeak);
  return reporter;
}

function describeMemory({ peak, violations }: TestResult): string {
  const failures = violations.map(({ kind }) => ` ${Base.symbols.err} ${kind}`);
  return formatMemorySize(peak.bytes) + failures.join('');
}

function extendXunit(reporter: XunitReporter): void {
  const { test: writeTest, write } = reporter;
  reporter.test = (test, options) => {
    const properties = test.memray ? listProperties(test.memray) : [];
    reporter.write = (line) =>
      write.call(reporter, properties.length > 0 ? insertProperties(line, properties) : line);
    writeTest.call(reporter, test, options);
    reporter.write = write;
  };
}

function extendJunit(reporter: JunitReporter): void {
  const { getTestcaseData } = reporter;
  reporter.getTestcaseData = (test, error) => {
    const data = getTestcaseData.call(reporter, test, error);
    if (test.memray) {
      const properties = listProperties(test.memray).map((each) => ({ property: { _attr: each } }));
      data.testcase.splice(1, 0, { properties });
    }
    return data;
  };
}

export = MemrayReporter;
