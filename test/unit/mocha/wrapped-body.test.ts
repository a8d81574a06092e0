import assert from 'node:assert/strict';
import Mocha from 'mocha';
import { wrapBody, type Body, type BodyEnd } from '../../../dist/mocha/wrapped-body';
import { stripOwnFrames } from '../../../dist/stack-trace';

const context = {} as Mocha.Context;
const mine = new Error('mine');
const wait = (ms: number) => new Promise<void>((resolve) => setTimeout(resolve, ms));

/** Wraps a body and notes what happens, in order. */
function wrap(body: Body, end: Partial<BodyEnd> = {}) {
  const events: string[] = [];
  const wrapped = wrapBody(body, () => {
    events.push('begin');
    return {
      failed() {
        events.push('failed');
        end.failed?.();
      },
      succeeded(style, runAgain) {
        events.push('succeeded');
        return end.succeeded?.(style, runAgain);
      },
    };
  });
  return { wrapped, events };
}

describe('wrapBody', function () {
  it('tells Mocha the same style', function () {
    assert.equal(
      wrapBody(
        () => {},
        () => undefined,
      ).length,
      0,
    );
    assert.equal(
      wrapBody(
        (_done) => {},
        () => undefined,
      ).length,
      1,
    );
  });

  it('gives the body its `this` and `done`, with and without an end to tell', function () {
    for (const end of [undefined, { failed() {}, succeeded() {} }]) {
      const received: unknown[] = [];
      const done = () => {};
      const sync: Body = function (this: unknown, ...args) {
        received.push(this, args.length);
      };
      wrapBody(sync, () => end).call(context);
      const withDone: Body = function (this: unknown, given) {
        received.push(this, typeof given);
      };
      wrapBody(withDone, () => end).call(context, done);
      assert.deepEqual(received, [context, 0, context, 'function']);
    }
  });

  it('fails with what begin throws, without running the body', function () {
    const wrapped = wrapBody(
      () => assert.fail('it ran'),
      () => {
        throw mine;
      },
    );
    assert.throws(
      () => wrapped.call(context),
      (error) => error === mine,
    );
  });

  describe('a body that returns', function () {
    it('returns the same', function () {
      const { wrapped, events } = wrap(() => 42);
      assert.equal(wrapped.call(context), 42);
      assert.deepEqual(events, ['begin', 'succeeded']);
    });

    it('throws the same', function () {
      const { wrapped, events } = wrap(() => {
        throw mine;
      });
      assert.throws(
        () => wrapped.call(context),
        (error) => error === mine,
      );
      assert.deepEqual(events, ['begin', 'failed']);
    });

    it('fails with a verdict, at once or later', async function () {
      const throwing = wrap(() => 42, {
        succeeded() {
          throw mine;
        },
      });
      assert.throws(
        () => throwing.wrapped.call(context),
        (error) => error === mine,
      );
      const rejecting = wrap(() => 42, { succeeded: () => Promise.reject(mine) });
      await assert.rejects(rejecting.wrapped.call(context) as Promise<void>, (e) => e === mine);
    });

    it('is delayed by a promise', async function () {
      const { wrapped } = wrap(() => 42, { succeeded: () => Promise.resolve() });
      assert.ok(wrapped.call(context) instanceof Promise);
      await wrapped.call(context);
    });
  });

  describe('a body that promises', function () {
    it('resolves, asking a thenable once', async function () {
      let asked = 0;
      const thenable = {
        then(resolve: () => void) {
          asked += 1;
          resolve();
        },
      };
      const { wrapped, events } = wrap(() => thenable);
      await wrapped.call(context);
      assert.equal(asked, 1);
      assert.deepEqual(events, ['begin', 'succeeded']);
    });

    for (const reason of [mine, undefined] as Error[]) {
      it(`rejects with the same ${String(reason)}`, async function () {
        const { wrapped, events } = wrap(() => Promise.reject(reason));
        const outcome = await Promise.resolve(wrapped.call(context)).then(
          () => 'resolved',
          (error: unknown) => [error],
        );
        assert.deepEqual(outcome, [reason]);
        assert.deepEqual(events, ['begin', 'failed']);
      });
    }

    it('lets Mocha hear of each time that a thenable settles, in order', async function () {
      const thenable = {
        then(resolve: () => void, reject: (reason: unknown) => void) {
          resolve();
          reject(mine);
          throw mine;
        },
      };
      for (const succeeded of [() => {}, () => wait(1)]) {
        const calls: unknown[] = [];
        const { wrapped } = wrap(() => thenable, { succeeded });
        const returned = wrapped.call(context) as typeof thenable;
        assert.throws(
          () =>
            returned.then(
              () => calls.push('resolved'),
              (reason) => calls.push(reason),
            ),
          (error) => error === mine,
        );
        await wait(5);
        assert.deepEqual(calls, ['resolved', mine]);
      }
    });

    it('rejects with a verdict, thrown or promised', async function () {
      const ends = [
        () => {
          throw mine;
        },
        () => Promise.reject(mine),
      ];
      for (const succeeded of ends) {
        const { wrapped } = wrap(() => Promise.resolve(), { succeeded });
        await assert.rejects(Promise.resolve(wrapped.call(context)), (error) => error === mine);
      }
    });
  });

  describe('a body that calls done', function () {
    /** Runs a body with `done` and gives what Mocha's `done` was called with. */
    async function run(body: Body, end: Partial<BodyEnd> = {}) {
      const { wrapped, events } = wrap(body, end);
      const calls: unknown[] = [];
      wrapped.call(context, (error) => {
        calls.push(error);
        events.push('done');
      });
      await new Promise((resolve) => setImmediate(resolve));
      return { calls, events };
    }

    describe('of which Mocha makes errors', function () {
      const { stackTraceLimit } = Error;
      afterEach(function () {
        Error.stackTraceLimit = stackTraceLimit;
      });

      /** The calls that V8 keeps of an error that `done` makes, which is called far down. */
      function callsKept(limit: number, reason: unknown): (string | undefined)[] {
        let error: Error | undefined;
        const callFarDown = (done: (error?: unknown) => void, depth: number): void =>
          depth > 0 ? callFarDown(done, depth - 1) : done(reason);
        const { wrapped } = wrap((done) => callFarDown(done!, 20));
        Error.stackTraceLimit = limit;
        wrapped.call(context, function doneOfMocha() {
          error = new Error('made by Mocha');
        });
        assert.equal(Error.stackTraceLimit, limit);
        stripOwnFrames(error);
        return error!.stack!.split('\n').map((line) => /^ +at (\w+)/.exec(line)?.[1]);
      }

      for (const reason of ['text', undefined]) {
        it(`has V8 keep as much of the user's calls of done(${reason}) as without`, function () {
          for (const limit of [1, 3, 10]) {
            const calls = Array<string>(limit - 1).fill('callFarDown');
            assert.deepEqual(callsKept(limit, reason), [undefined, 'doneOfMocha', ...calls]);
          }
          assert.deepEqual(callsKept(0, reason), [undefined]);
        });
      }

      it('leaves another limit that a reporter sets', function () {
        const { wrapped } = wrap((done) => done!('text'));
        wrapped.call(context, () => (Error.stackTraceLimit = 7));
        assert.equal(Error.stackTraceLimit, 7);
      });

      it('still tells Mocha where the limit cannot be set', async function () {
        const before = Object.getOwnPropertyDescriptor(Error, 'stackTraceLimit')!;
        Object.defineProperty(Error, 'stackTraceLimit', { writable: false });
        try {
          assert.deepEqual((await run((done) => done!('text'))).calls, ['text']);
        } finally {
          Object.defineProperty(Error, 'stackTraceLimit', before);
        }
      });
    });

    it('tells Mocha in the same turn', function () {
      let calledBack = false;
      const { wrapped } = wrap((done) => done!());
      wrapped.call(context, () => (calledBack = true));
      assert.ok(calledBack);
    });

    it('passes an error on', async function () {
      const { calls, events } = await run((done) => done!(mine));
      assert.deepEqual(calls, [mine]);
      assert.deepEqual(events, ['begin', 'failed', 'done']);
    });

    it('passes an error on whatever happens at its end', function () {
      const calls: unknown[] = [];
      const { wrapped } = wrap((done) => done!(mine), {
        failed() {
          throw new Error('ours');
        },
      });
      assert.throws(() => wrapped.call(context, (error) => calls.push(error)), /ours/);
      assert.deepEqual(calls, [mine]);
    });

    it('passes a verdict on, at once or later', async function () {
      const throwing = await run((done) => done!(), {
        succeeded() {
          throw mine;
        },
      });
      const rejecting = await run((done) => done!(), { succeeded: () => Promise.reject(mine) });
      assert.deepEqual([throwing.calls, rejecting.calls], [[mine], [mine]]);
    });

    it('lets Mocha see a second call, after the first', async function () {
      const twice: Body = (done) => {
        done!();
        done!(mine);
      };
      const delayed = await run(twice, { succeeded: () => Promise.resolve() });
      assert.deepEqual(delayed.calls, [undefined, mine]);
      assert.deepEqual((await run(twice)).calls, [undefined, mine]);
    });

    describe('and promises', function () {
      /** What Mocha makes of a body, alone and with an end that takes its time. */
      async function outcomes(body: Body): Promise<unknown[]> {
        const end = { failed() {}, succeeded: () => wait(1) };
        const each = [body, wrapBody(body, () => end)].map((fn) => {
          const test = new Mocha.Test('test', fn as Mocha.Func) as Mocha.Test & {
            run(callback: (error?: Error) => void): void;
          };
          return new Promise((resolve) => {
            test.run((error?: Error) => resolve(error?.message ?? 'passed'));
          });
        });
        return Promise.all(each);
      }

      it('passes where done is called first', async function () {
        // eslint-disable-next-line @typescript-eslint/require-await -- what users may do
        const both = await outcomes(async (done) => done!());
        assert.deepEqual(both, ['passed', 'passed']);
      });

      it("fails with Mocha's error where done is called later", async function () {
        const [alone, wrapped] = await outcomes(async (done) => {
          await wait(1);
          done!();
        });
        assert.match(String(alone), /Resolution method is overspecified/);
        assert.equal(wrapped, alone);
      });
    });

    it('throws what the body throws', function () {
      const { wrapped, events } = wrap((_done) => {
        throw mine;
      });
      assert.throws(
        () => wrapped.call(context, () => {}),
        (error) => error === mine,
      );
      assert.deepEqual(events, ['begin', 'failed']);
    });
  });

  describe('run again', function () {
    /** Wraps a body that is run twice, and gives what it comes to. */
    function runTwice(body: Body) {
      const { wrapped } = wrap(body, { succeeded: async (_style, runAgain) => runAgain() });
      if (body.length === 0) return Promise.resolve(wrapped.call(context));
      return new Promise<void>((resolve, reject) => {
        wrapped.call(context, (error) => (error ? reject(error as Error) : resolve()));
      });
    }
    /** A body whose second run ends in this way. */
    function secondly(style: keyof typeof bodies, fail: () => unknown): [Body, () => number] {
      let runs = 0;
      const run = () => (++runs === 2 ? fail() : undefined);
      return [bodies[style](run), () => runs];
    }
    const bodies = {
      return:
        (run: () => unknown): Body =>
        () =>
          void run(),
      promise:
        (run: () => unknown): Body =>
        async () =>
          void (await run()),
      done:
        (run: () => unknown): Body =>
        (done) =>
          void setImmediate(() => done!(run())),
    };
    for (const style of ['return', 'promise', 'done'] as const) {
      it(`runs a body of style ${style} in its style`, async function () {
        const [body, runs] = secondly(style, () => undefined);
        await runTwice(body);
        assert.equal(runs(), 2);
      });
    }

    it('fails with what the second run throws, rejects with or passes to done', async function () {
      const fail = () => {
        throw mine;
      };
      const isMine = (error: unknown) => error === mine;
      await assert.rejects(runTwice(secondly('return', fail)[0]), isMine);
      await assert.rejects(runTwice(secondly('promise', fail)[0]), isMine);
      await assert.rejects(runTwice(secondly('done', () => mine)[0]), isMine);
    });

    it('fails with done too where the second run throws nothing', async function () {
      let runs = 0;
      const body: Body = (done) => {
        // eslint-disable-next-line @typescript-eslint/only-throw-error -- what users may do
        if (++runs === 2) throw undefined;
        done!();
      };
      await assert.rejects(runTwice(body), /no or falsy reason/);
    });

    it('lets Mocha see a second call of done in any run', async function () {
      let runs = 0;
      const { wrapped } = wrap(
        (done) => {
          done!();
          if (++runs === 2) done!(mine);
        },
        { succeeded: async (_style, runAgain) => runAgain() },
      );
      const calls: unknown[] = [];
      wrapped.call(context, (error) => calls.push(error));
      await new Promise((resolve) => setImmediate(resolve));
      assert.deepEqual(calls, [undefined, mine]);
    });
  });
});
