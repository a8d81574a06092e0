import type Mocha from 'mocha';
import '../register';
import { formatMemorySize } from '../memory-size';
import { findMocha } from '../mocha/mocha-module';
import type { TestResult } from '../test-result';

type MeasuredTest = Mocha.Test & { memray?: TestResult };

const { reporters } = findMocha();

/** Mocha's spec reporter with each test's peak memory beside its duration. */
class MemrayReporter extends reporters.Spec {
  constructor(runner: Mocha.Runner, options: Mocha.MochaOptions) {
    const titles = new WeakMap<MeasuredTest, string>();
    // Listeners run in the order they are added: one before Spec's puts the peak into the title, one after takes it out.
    const showPeak = (test: MeasuredTest): void => {
      if (!test.memray) return;
      titles.set(test, test.title);
      test.title += ` [${formatMemorySize(test.memray.peak.bytes)}]`;
    };
    const hidePeak = (test: MeasuredTest): void => {
      test.title = titles.get(test) ?? test.title;
      titles.delete(test);
    };
    runner.on('pass', showPeak).on('fail', showPeak);
    super(runner, options);
    runner.on('pass', hidePeak).on('fail', hidePeak);
  }
}

export = MemrayReporter;
