import assert from 'node:assert/strict';
import { Tracker, type TrackerOptions } from '../../../dist/native/tracker';

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
  ];
  for (const [what, options, start] of malformed) {
    it(`may not be ${what}`, function () {
      assert.throws(
        () => new Tracker(options as TrackerOptions),
        (error: TypeError & { code: string }) => {
          assert.ok(error instanceof TypeError);
          assert.equal(error.code, 'ERR_MEMRAY_INVALID_ARGUMENT');
          assert.ok(error.message.startsWith(start), error.message);
          return true;
        },
      );
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
