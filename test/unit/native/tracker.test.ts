import assert from 'node:assert/strict';
import { Tracker, type TrackerOptions } from '../../../dist/native/tracker';

function assertInvalid(call: () => void, start: string) {
  assert.throws(call, (error: TypeError & { code: string }) => {
    assert.ok(error instanceof TypeError);
    assert.equal(error.code, 'ERR_MEMRAY_INVALID_ARGUMENT');
    assert.ok(error.message.startsWith(start), error.message);
    return true;
  });
}

describe('the options of Tracker', function () {
  const kinds = {
    path: 'string',
    native: 'boolean',
    jsHeap: 'boolean',
    traceJs: 'boolean',
    sampleIntervalBytes: 'number',
  };
  const malformed: [string, unknown, string][] = [
    [
      'sampleInterval',
      { sampleInterval: 1 },
      'Expected the options of Tracker to be any of `path`',
    ],
    ['null', null, 'Expected the options of Tracker to be an object, got null'],
    ...Object.entries(kinds).map(([name, kind]): [string, unknown, string] => [
      `an array as ${name}`,
      { [name]: [1] },
      `Expected the \`${name}\` option of Tracker to be a ${kind}, got [ 1 ] (array)`,
    ]),
    ...[NaN, 0, 0.5, -1, Infinity].map((value): [string, unknown, string] => [
      `${value} as sampleIntervalBytes`,
      { sampleIntervalBytes: value },
      `Expected the \`sampleIntervalBytes\` option of Tracker to be a whole number of bytes, at least 1, got ${value} (number)`,
    ]),
    [
      'a path with a null character',
      { path: 'a\0b' },
      "Expected the `path` option of Tracker to be a path, which has no null characters, got 'a\\x00b' (string)",
    ],
  ];
  for (const [what, options, start] of malformed) {
    it(`may not be ${what}`, function () {
      assertInvalid(() => new Tracker(options as TrackerOptions), start);
    });
  }

  it('may be any of those that there are, or none', function () {
    new Tracker();
    new Tracker({ path: 'a.bin', native: true, jsHeap: true, traceJs: false });
    new Tracker({ jsHeap: false, sampleIntervalBytes: 1 });
    const all = Object.keys(kinds).map((name) => [name, undefined]);
    new Tracker(Object.fromEntries(all) as TrackerOptions);
  });
});

describe('a Tracker that does not run', function () {
  const tracker = new Tracker();

  for (const value of [-1, NaN, Infinity, '1 MB', 1n, undefined] as number[]) {
    it(`takes no memory limit or sample interval of ${String(value)}`, function () {
      assertInvalid(
        () => tracker.setMemoryLimit(value),
        'Expected the limit of `setMemoryLimit` to be a number of bytes, at least 0, got ',
      );
      assertInvalid(
        () => tracker.setSampleInterval(value),
        'Expected the interval of `setSampleInterval` to be a whole number of bytes, at least 1, got ',
      );
    });
  }

  for (const value of [0, 0.5, 1e30]) {
    it(`takes no sample interval of ${value}`, function () {
      assertInvalid(() => tracker.setSampleInterval(value), 'Expected the interval of ');
    });
  }

  it('refuses options that there are none of', function () {
    for (const [options, message] of [
      [{ collectGarbage: true }, 'Expected the options of stop to be any of `collectsGarbage`'],
      [{ collectsGarbage: 'no' }, 'Expected the `collectsGarbage` option of stop to be a boolean'],
      [null, 'Expected the options of stop to be an object, got null'],
    ] as const) {
      assertInvalid(() => tracker.stop(options as object), message);
    }
  });

  for (const [method, call] of [
    ['setMemoryLimit', () => tracker.setMemoryLimit(1)],
    ['setSampleInterval', () => tracker.setSampleInterval(1)],
    ['recordNativeFrames', () => tracker.recordNativeFrames()],
    ['notePeak', () => tracker.notePeak()],
    ['mark', () => tracker.mark()],
    ['liveBytes', () => tracker.liveBytes],
    ['stop', () => tracker.stop()],
  ] as const) {
    it(`refuses ${method}, which would be about another`, function () {
      assert.throws(call, { code: 'ERR_MEMRAY_TRACKER_NOT_ACTIVE' });
    });
  }

  it('cannot begin where its capture cannot be written, and says what to do', function () {
    assert.throws(() => new Tracker({ path: '/nowhere/a.bin' }).start(), {
      name: 'MemrayMochaError',
      code: 'ERR_MEMRAY_NOT_RECORDED',
      message:
        /^Could not create the capture file \/nowhere\/a\.bin: No such .*\. Have it recorded elsewhere: /,
    });
  });
});
