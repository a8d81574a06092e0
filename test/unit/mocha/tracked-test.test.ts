import assert from 'node:assert/strict';
import Mocha from 'mocha';
import { installLimitMethods } from '../../../dist/mocha/context';
import type { Limits } from '../../../dist/mocha/declarations';
import { resolveOptions, type Options } from '../../../dist/mocha/options';
import { TrackedTest } from '../../../dist/mocha/tracked-test';
import type { TestResult } from '../../../dist/test-result';
import { createFakeTracker, FakeObjectTracker, type FakeTracker } from '../../helpers/fake-tracker';
import { row } from '../../helpers/rows';

installLimitMethods(Mocha);

const rows = [row(1000, ['keep:/app/a.js:1', 'test:/app/a.test.js:2'])];
const inRoot = { commandLine: {}, environment: {}, configuration: [], cwd: '/app' };

interface Setting {
  options?: Partial<Options>;
  failToStart?: Error;
  fake?: FakeTracker;
  /** What the baseline adds to the limits. */
  hold?: (limits: Limits) => Limits;
  /** Changes the test before it runs. */
  prepare?: (test: Mocha.Test) => unknown;
}

/** A limit that the text of the body does not mention. */
function declare(context: Mocha.Context): void {
  context.limitLeaks(5000);
}

type TestBody = (this: Mocha.Context, done: Mocha.Done) => unknown;

/** Runs one test as Mocha's runner does, with a tracker that finds 1000 bytes. */
async function run(body: TestBody, setting: Setting = {}) {
  const fake = setting.fake ?? createFakeTracker(rows, setting);
  const test = new Mocha.Test('test', body as Mocha.Func);
  const root = new Mocha.Suite('', new Mocha.Context());
  root.root = true;
  Mocha.Suite.create(root, 'suite').addTest(test);
  test.file = '/app/a.test.js';
  setting.prepare?.(test);
  const unmeasured: unknown[] = [];
  const noted: { limits: Limits; bytes: number }[] = [];
  const tracked = new TrackedTest(test, {
    options: { ...resolveOptions(inRoot), ...setting.options },
    cwd: '/app',
    Tracker: fake.Tracker,
    ObjectTracker: FakeObjectTracker,
    baseline: {
      hold: (_, limits) => setting.hold?.(limits) ?? limits,
      note: (_, limits, bytes) => void noted.push({ limits, bytes }),
    },
    reserveCapture: (id, attempt) =>
      setting.options?.binPath ? `/app/${id}-${attempt}.bin` : null,
    noteUnmeasured: (_, reason) => unmeasured.push(reason),
  });
  const runnable = test as Mocha.Test & { run(callback: (error?: unknown) => void): void };
  const error = await new Promise<unknown>((resolve) => runnable.run(resolve));
  if (!test.pending) test.state = error === undefined ? 'passed' : 'failed';
  tracked.stop(error);
  const result = tracked.finish();
  return { ...fake, test, error, result, unmeasured, noted };
}

const wait = (ms: number) => new Promise((resolve) => setTimeout(resolve, ms));

describe('TrackedTest', function () {
  it('brackets the body with a tracker, and gives a result', async function () {
    const order: string[] = [];
    const { error, events, result, test } = await run(() => void order.push('body'));
    assert.equal(error, undefined);
    assert.deepEqual(events, ['start', 'note peak', 'stop', 'close']);
    assert.deepEqual(order, ['body']);
    const expected: TestResult = {
      id: 'a.test.js > suite > test',
      file: 'a.test.js',
      titlePath: ['suite', 'test'],
      state: 'passed',
      durationMs: test.duration!,
      retry: 0,
      runs: 1,
      peak: { bytes: 1000, jsHeapBytes: 0, nativeBytes: 1000, rawBytes: 1000, confirmed: true },
      allocations: { count: 1, bytes: 1000, sizeHistogram: [0, 3] },
      violations: [],
      topAllocations: [
        {
          bytes: 1000,
          count: 1,
          heap: 'native',
          stack: [
            { functionName: 'keep', filename: 'a.js', lineNumber: 1, columnNumber: 7, kind: 'js' },
            {
              functionName: 'test',
              filename: 'a.test.js',
              lineNumber: 2,
              columnNumber: 7,
              kind: 'js',
            },
          ],
        },
      ],
      topLocations: [
        { functionName: 'keep', filename: 'a.js', lineNumber: 1, bytes: 1000, count: 1 },
      ],
      leaks: [],
      capture: null,
    };
    assert.deepEqual(result, expected);
    assert.equal(test.memray, result);
  });

  it('does not list what Mocha allocates around the body', async function () {
    const ofMocha = [
      'clearTimeout:node:timers:1',
      'resetTimeout:/app/node_modules/mocha/lib/runnable.js:9',
    ];
    const fake = createFakeTracker([row(2000, ofMocha), ...rows]);
    const { result } = await run(() => {}, { fake });
    assert.deepEqual(
      [result!.topAllocations, result!.topLocations].map((list) => list.map(({ bytes }) => bytes)),
      [[1000], [1000]],
    );
  });

  it('leaves the test its function, which others may replace, until Mocha calls it', async function () {
    const seen: unknown[] = [];
    const body = function* () {};
    const { result } = await run(body, {
      prepare: (test) => {
        const { run: original } = test as Mocha.Test & { run(callback: () => void): void };
        // As co-mocha does.
        Object.assign(test, {
          run(this: Mocha.Test, callback: () => void) {
            seen.push(this.fn);
            this.fn = () => seen.push('run');
            original.call(this, callback);
          },
        });
      },
    });
    assert.deepEqual(seen, [body, 'run']);
    assert.equal(result!.peak.bytes, 1000);
  });

  it('gives the test its function back when the body begins, so that a retry clones that', async function () {
    const body = function (this: Mocha.Context) {
      assert.equal(this.test!.fn, body);
    };
    const { error, test } = await run(body);
    assert.equal(error, undefined);
    assert.equal(test.fn, body);
  });

  it('fails at the limit and passes one byte over what was used', async function () {
    const atLimit = await run(function () {
      this.limitMemory(1000);
    });
    assert.match(String(atLimit.error), /^MemoryLimitError: Test was limited to 1000\.0B but/);
    assert.deepEqual(
      atLimit.result!.violations.map(({ kind, limitBytes, actualBytes }) => [
        kind,
        limitBytes,
        actualBytes,
      ]),
      [['limitMemory', 1000, 1000]],
    );
    const under = await run(function () {
      this.limitMemory(1001);
    });
    assert.equal(under.error, undefined);
  });

  describe('with a baseline', function () {
    const hold = (limits: Limits): Limits => ({
      ...limits,
      increase: { previousBytes: 500, allowedBytes: 999, baseline: 'b.json' },
      comparedFromBytes: 1000,
    });
    function limited(this: Mocha.Context) {
      this.limitMemory('1 MB');
    }

    it('fails when it uses more than that allows, and looks closely from there on', async function () {
      const { error, result, memoryLimits, noted } = await run(limited, { hold });
      assert.match(String(error), /previously used 500\.0B but now uses 1000\.0B/);
      assert.deepEqual(
        result!.violations.map(({ kind, limitBytes }) => [kind, limitBytes]),
        [['increase', 999]],
      );
      assert.deepEqual(memoryLimits.at(-1), [1024 ** 2, 1000]);
      assert.deepEqual(noted, []);
    });

    it('fails once when its own limit is reached too', async function () {
      const prepare = (test: Mocha.Test) => test.limitMemory(1000);
      const { result } = await run(() => {}, { hold, prepare });
      assert.deepEqual(
        result!.violations.map(({ kind }) => kind),
        ['limitMemory'],
      );
    });

    it('has its peak noted when it passes, and not when its body fails', async function () {
      const [note] = (await run(limited)).noted;
      assert.deepEqual([note?.bytes, note?.limits.memory?.bytes], [1000, 1024 ** 2]);
      const failed = await run(function () {
        this.limitMemory('1 MB');
        throw new Error('mine');
      });
      assert.deepEqual(failed.noted, []);
    });

    it('has a peak confirmed however large it is when nothing is known to compare it with', async function () {
      const { error, memoryLimits } = await run(
        function () {
          this.limitMemory('baseline');
        },
        { hold: (limits) => ({ ...limits, comparedFromBytes: 5000 }) },
      );
      assert.equal(error, undefined);
      assert.deepEqual(memoryLimits, [
        [0, 0],
        [Number.MAX_SAFE_INTEGER, 5000],
      ]);
    });

    it('has the peak confirmed to where objects, known by samples, are certainly more', async function () {
      const { memoryLimits } = await run(
        function () {
          this.limitMemory('baseline');
        },
        { hold },
      );
      assert.deepEqual(memoryLimits.at(-1), [999 + 1024 ** 2 + 1, 1000]);
    });
  });

  const styles: Record<string, TestBody> = {
    sync() {
      this.limitLeaks(1);
    },
    async async() {
      this.limitLeaks(1);
      await wait(1);
    },
    done(done) {
      this.limitLeaks(1);
      setTimeout(done, 1);
    },
  };
  for (const [style, body] of Object.entries(styles)) {
    it(`collects garbage before it judges the leaks of a ${style} body`, async function () {
      const { error, events, result } = await run(body);
      assert.match(String(error), /allowed to leak 1\.0B per location/);
      assert.deepEqual(events, ['start', 'note peak', 'collect', 'collect and stop', 'close']);
      assert.equal(result!.leaks.length, 1);
    });
  }

  it('collects garbage again where as much as the leak limit is live', async function () {
    const { events } = await run(
      function () {
        this.limitLeaks(1000);
      },
      { fake: createFakeTracker(rows, { live: [4000, 2000, 999, 500] }) },
    );
    assert.deepEqual(events.slice(2, -1), ['collect', 'collect', 'collect', 'collect and stop']);
  });

  for (const [style, end] of [
    ['sync', () => undefined],
    ['async', () => Promise.resolve()],
    ['done', undefined],
  ] as const) {
    it(`repeats a ${style} body, measures what comes after the warm-up runs, and marks half of them`, async function () {
      let runs = 0;
      const body = () => {
        runs += 1;
        return end?.();
      };
      const withDone = (done: Mocha.Done) => {
        void body();
        done();
      };
      const { error, events, result } = await run(style === 'done' ? withDone : body, {
        fake: createFakeTracker(rows, { leaks: [[]] }),
        prepare: (test) => test.limitLeaks(1, { repeat: 4, warmup: 2 }),
      });
      assert.equal(runs, 6);
      assert.match(
        String(error),
        /leaked more in 4 runs\n[^]* 1000\.0B allocated here, growing by/,
      );
      assert.deepEqual(events, [
        ...['start', 'note peak', 'note peak', 'collect', 'collect and stop'],
        ...['start', 'note peak', 'note peak', 'collect', 'mark'],
        ...['note peak', 'note peak', 'collect', 'collect and stop', 'close', 'close'],
      ]);
      assert.equal(result!.runs, 4);
      assert.deepEqual([result!.leaks[0]!.bytesPerRun, result!.leaks[0]!.grows], [500, true]);
    });
  }

  it('takes as much as warm-up runs left of a call stack for no leak', async function () {
    const leaks = [
      [row(900, ['keep:/app/a.js:1', 'test:/app/a.test.js:2']), row(70, ['last:/app/a.js:5'])],
      [
        row(1000, ['keep:/app/a.js:1', 'test:/app/a.test.js:2'], { bytesAtMark: 950 }),
        row(60, ['last:/app/a.js:5']),
        row(50, ['other:/app/a.js:9']),
      ],
    ];
    const { error, result } = await run(
      function () {
        this.limitLeaks(100, { repeat: 4, warmup: 1 });
      },
      { fake: createFakeTracker(rows, { leaks }) },
    );
    assert.match(
      String(error),
      /List of leaked allocations:\n {4}- 100\.0B allocated here.*\n.*keep/,
    );
    assert.deepEqual(
      result!.leaks.map(({ bytes, bytesPerRun }) => [bytes, bytesPerRun]),
      [[100, 25], [50, 25]], // prettier-ignore
    );
  });

  it('collects garbage between runs where the peak is limited too', async function () {
    const { events } = await run(function () {
      this.limitLeaks(5000, { repeat: 5, warmup: 1 }).limitMemory(5000);
    });
    assert.deepEqual(events, [
      ...['start', 'note peak', 'collect', 'collect and stop'],
      ...['start', 'note peak', 'collect', 'note peak', 'collect', 'mark'],
      ...['note peak', 'collect', 'note peak', 'collect', 'note peak'],
      ...['collect', 'collect and stop', 'close', 'close'],
    ]);
  });

  it('says in which run a body failed, or was when it timed out', async function () {
    const mine = new Error('mine');
    let runs = 0;
    const failed = await run(function () {
      this.limitLeaks(5000, { repeat: 4, warmup: 1 });
      if (++runs === 4) throw mine;
    });
    assert.equal(failed.error, mine);
    assert.equal(mine.message, 'mine (in run 3 of 4)');
    assert.deepEqual([failed.result!.violations, failed.result!.runs], [[], 3]);
    assert.equal(failed.events.at(-1), 'close');
    const slow = await run(function (done: Mocha.Done) {
      this.limitLeaks(5000, { repeat: 4 }).timeout(100);
      if (++runs < 6) done();
    });
    assert.match((slow.error as Error).message, /^Timeout of 100ms exceeded.* \(in run 2 of 4\)$/);
  });

  it('lets all runs share one timeout', async function () {
    let runs = 0;
    const { error } = await run(async function () {
      this.timeout(30);
      this.limitLeaks(5000, { repeat: 50 });
      runs += 1;
      await wait(10);
    });
    assert.match(String(error), /Timeout of 30ms exceeded/);
    assert.ok(runs < 8, `${runs} runs`);
  });

  it('runs a body no more once its test has ended', async function () {
    let runs = 0;
    const { events, test } = await run(function (done: Mocha.Done) {
      this.limitLeaks(5000, { repeat: 5 });
      runs += 1;
      if (runs < 3) return done();
      this.runnable().callback!(new Error('uncaught'));
      done();
    });
    const seen = events.length;
    await wait(5);
    assert.deepEqual([runs, test.state, events.length], [3, 'failed', seen]);
  });

  it('does not tell Mocha of its end when that has gone on while garbage was collected', async function () {
    const told: unknown[] = [];
    const { error } = await run(
      function () {
        this.limitLeaks(5000);
        setImmediate(() => this.runnable().callback!(new Error('uncaught')));
      },
      { prepare: (test) => test.on('error', (error) => told.push(error)) },
    );
    await wait(5);
    assert.deepEqual([String(error), told], ['Error: uncaught', []]);
  });

  it('tells Mocha of its end when that still waits, though the test has failed', async function () {
    for (const repeat of [1, 3]) {
      const { error } = await run(function () {
        this.limitLeaks(5000, { repeat });
        // As Mocha does when the test emits an error.
        setImmediate(() => (this.test!.state = 'failed'));
      });
      assert.equal(error, undefined);
    }
  });

  it('lets a later run skip the test', async function () {
    let runs = 0;
    const { error, result } = await run(function () {
      this.limitLeaks(1, { repeat: 5 });
      if (++runs === 3) this.skip();
    });
    assert.deepEqual([runs, result!.state, result!.violations], [3, 'pending', []]);
    assert.equal((error as Error | undefined)?.name ?? 'PendingError', 'PendingError');
  });

  it('reports both kinds of limit in one error', async function () {
    const { error, result } = await run(function () {
      this.limitLeaks(1).limitMemory(1);
    });
    assert.match(String(error), /Test was limited to [^]*\n\nTest was allowed to leak/);
    assert.equal(result!.violations.length, 2);
  });

  it('leaves a body its own error, whatever its limits', async function () {
    const mine = new Error('mine');
    const { error, result } = await run(function () {
      this.limitMemory(1);
      throw mine;
    });
    assert.equal(error, mine);
    assert.deepEqual([result!.state, result!.violations], ['failed', []]);
  });

  it('lets a test be skipped', async function () {
    const { error, events, result } = await run(function () {
      this.skip();
    });
    assert.equal(error, undefined);
    assert.equal(result!.state, 'pending');
    assert.deepEqual(events, ['start', 'note peak', 'stop', 'close']);
  });

  it('stops the tracker of a test that timed out, once', async function () {
    let settle: () => void = () => {};
    const { error, events, result } = await run(function () {
      this.timeout(5);
      return new Promise<void>((resolve) => (settle = resolve));
    });
    settle();
    await wait(1);
    assert.match(String(error), /Timeout of 5ms exceeded/);
    assert.equal(result!.state, 'failed');
    assert.deepEqual(events, ['start', 'stop', 'close']);
  });

  it('keeps the timeout of a body that takes done', async function () {
    const { error } = await run((_done: Mocha.Done) => {}, {
      prepare: (test) => void test.timeout(5),
    });
    assert.match(String(error), /Timeout of 5ms exceeded/);
  });

  it('keeps its own work out of the duration, which Mocha holds to the timeout', async function () {
    let ownMs = 0;
    const fake = createFakeTracker(rows, {
      everyCall: () => {
        const start = performance.now();
        while (performance.now() < start + 60);
        ownMs += performance.now() - start;
      },
    });
    const start = performance.now();
    const { error, test } = await run(
      function (done: Mocha.Done) {
        this.limitLeaks(2000);
        setTimeout(done, 1);
      },
      { fake },
    );
    const totalMs = performance.now() - start;
    assert.equal(error, undefined);
    // However slow the machine is; Mocha counts in whole milliseconds.
    assert.ok(
      test.duration! <= totalMs - ownMs + 2,
      `${test.duration} of ${totalMs} - ${ownMs} ms`,
    );
  });

  it('fails with a limit malformed outside of the body, without running it', async function () {
    const { error, events } = await run(() => assert.fail('it ran'), {
      prepare: (test) => test.limitMemory('1 MB extra'),
    });
    assert.match(String(error), /TypeError: .* got '1 MB extra'/);
    assert.deepEqual(events, []);
  });

  it('asks for native frames where the user does, and where leaks are limited', async function () {
    const plain = await run(() => {});
    const asked = await run(() => {}, { options: { native: true } });
    const chained = await run(() => {}, { prepare: (test) => test.limitLeaks(5000) });
    const inBody = await run(function () {
      this.limitLeaks(5000);
    });
    assert.deepEqual(
      [plain, asked, chained, inBody].map(({ options }) => options[0]!.native),
      [false, true, true, true],
    );
  });

  it('asks for native frames as soon as a function that the body calls limits leaks', async function () {
    const { options, events } = await run(function () {
      declare(this);
    });
    assert.equal(options[0]!.native, false);
    assert.deepEqual(events.slice(0, 3), ['start', 'record native frames', 'note peak']);
  });

  it('keeps the capture where it is told to', async function () {
    const { options, result } = await run(() => {}, { options: { binPath: '/app' } });
    assert.equal(options[0]!.path, '/app/a.test.js > suite > test-0.bin');
    assert.equal(result!.capture, 'a.test.js > suite > test-0.bin');
  });

  describe('with `memray: limits`', function () {
    const options = { memray: 'limits' } as const;

    it('does not track a test without a limit', async function () {
      const { events, result } = await run(() => {}, { options });
      assert.deepEqual([events, result], [[], undefined]);
    });

    it('leaves nothing on such a test, and gives Mocha the very promise of its body', async function () {
      const promise = Promise.resolve();
      let returned: unknown;
      const { test } = await run(() => promise, {
        options,
        prepare: (each) => {
          let { fn } = each as { fn: unknown };
          Object.defineProperty(each, 'fn', {
            get: () => fn,
            // What Mocha calls is what the test has when it runs.
            set: (wrapped: () => unknown) => {
              fn = () => (returned = wrapped());
            },
          });
        },
      });
      assert.equal(returned, promise);
      assert.equal(Object.getOwnPropertyDescriptor(test, 'duration')!.get, undefined);
      assert.ok(!('memray' in test));
    });

    it('tracks a test whose body declares a limit, from its start', async function () {
      const { error } = await run(
        function () {
          this.limitMemory(1);
        },
        { options },
      );
      assert.match(String(error), /Test was limited to/);
    });

    it('fails a test that declares a limit where nobody could see it coming', async function () {
      const declare = (context: Mocha.Context) => context.limitMemory(1);
      const { error } = await run(
        function () {
          declare(this);
        },
        { options },
      );
      assert.match(String(error), /is not tracked\. Declare the limit in the suite/);
    });
  });

  describe('when what was recorded cannot be read', function () {
    const fault = new TypeError('not iterable');
    const failingToRead = () =>
      createFakeTracker(rows, {
        read() {
          throw fault;
        },
      });

    it('passes a test without limits, and says so', async function () {
      const { error, unmeasured } = await run(() => {}, { fake: failingToRead() });
      assert.deepEqual([error, unmeasured], [undefined, [fault]]);
    });

    it('fails a test with a limit, as one of its own failures', async function () {
      const prepare = (test: Mocha.Test) => test.limitMemory('1 MB');
      const { error, unmeasured } = await run(() => {}, { fake: failingToRead(), prepare });
      assert.match(String(error), /^MemrayMochaError: .*could not measure this test: TypeError: /);
      assert.deepEqual(unmeasured, []);
    });
  });

  describe('when the tracker cannot start', function () {
    const failToStart = new Error('no space left');

    it('runs a test without limits, and says so', async function () {
      const { error, result, unmeasured } = await run(() => {}, { failToStart });
      assert.deepEqual([error, result], [undefined, undefined]);
      assert.deepEqual(unmeasured, [failToStart]);
    });

    it('fails a test with a limit, which would go unchecked', async function () {
      const prepare = (test: Mocha.Test) => test.limitMemory(1);
      assert.equal((await run(() => {}, { failToStart, prepare })).error, failToStart);
    });
  });
});
