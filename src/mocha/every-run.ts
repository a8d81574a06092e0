import type Mocha from 'mocha';

/** Who takes part in runs. */
export interface RunListener {
  /** Before Mocha begins: what is in its options and in the environment now, workers get. */
  prepare(mocha: Mocha): void;
  /** When the reporter listens already, and no test has begun. */
  begin(runner: Mocha.Runner, mocha: Mocha): void;
  /**
   * When the reporter has written its last line.
   *
   * @returns whether the run has failed, whatever its tests did
   */
  end(mocha: Mocha): boolean;
}

let isRunning = false;

/** Whether a run is under way in which we take part: not where its reporter was what had this package loaded. */
export function isTakingPart(): boolean {
  return isRunning;
}

/**
 * Takes part in each run: of the command line, of a worker, of a program, and each time --watch runs
 * again. Mocha's plug-ins would not do: root hooks are for the command line, global fixtures are not
 * for each run of --watch, and with --parallel nothing else is. A run within a run is left alone.
 */
export function joinEveryRun(mochaClass: typeof Mocha, listener: RunListener): void {
  const { prototype } = mochaClass;
  // eslint-disable-next-line @typescript-eslint/unbound-method -- called with Mocha as its `this`
  const { run } = prototype;
  prototype.run = function (this: Mocha, callback) {
    // There is one tracker: what a test runs is the test's.
    if (isRunning) return run.call(this, callback);
    listener.prepare(this);
    isRunning = true;
    let runner: Mocha.Runner;
    try {
      runner = run.call(this, (failures) => {
        isRunning = false;
        const hasFailed = listener.end(this);
        callback?.(failures === 0 && hasFailed ? 1 : failures);
      });
    } catch (error) {
      isRunning = false;
      throw error;
    }
    listener.begin(runner, this);
    return runner;
  };
}
