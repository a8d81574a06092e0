import assert from 'node:assert/strict';
import { inspect } from 'node:util';
import { formatMemorySize, parseMemorySize } from '../../dist/memory-size';

describe('parseMemorySize', function () {
  const sizes: [string | number, number][] = [
    ['24 MB', 24 * 1024 ** 2],
    ['24MB', 24 * 1024 ** 2],
    ['24mb', 24 * 1024 ** 2],
    ['  24   Mb  ', 24 * 1024 ** 2],
    ['1.5KiB', 1536],
    ['.5 kb', 512],
    ['+2 B', 2],
    ['0B', 0],
    ['3 GB', 3 * 1024 ** 3],
    ['4 TiB', 4 * 1024 ** 4],
    ['5 PB', 5 * 1024 ** 5],
    ['100.0   B', 100],
    ['+100.0   b', 100],
    ['+100 Kb', 100 * 1024],
    ['60.0 TB', 60 * 1024 ** 4],
    ['3.14 PB', 3.14 * 1024 ** 5],
    [4096, 4096],
    [0, 0],
  ];
  for (const [text, bytes] of sizes) {
    it(`reads ${JSON.stringify(text)} as ${bytes} bytes`, function () {
      assert.equal(parseMemorySize(text), bytes);
    });
  }

  const malformed: [unknown, RegExp][] = [
    ['24 XB', /got '24 XB' \(string\)/],
    ['', /got '' \(string\)/],
    ['1 MB extra', /got '1 MB extra' \(string\)/],
    ['1024', /got '1024' \(string\)/],
    ['Some bad string', /got 'Some bad string'/],
    ['100.0', /got '100\.0'/],
    ['100 NB', /got '100 NB'/],
    ['100 K', /got '100 K'/],
    ['100.0 PK', /got '100\.0 PK'/],
    ['-100.0 B', /got '-100\.0 B'/],
    ['+100.0 K', /got '\+100\.0 K'/],
    ['-1 MB', /got '-1 MB' \(string\)/],
    ['1 iB', /got '1 iB' \(string\)/],
    ['MB', /got 'MB' \(string\)/],
    ['1e3 MB', /got '1e3 MB' \(string\)/],
    [`${'9'.repeat(400)} B`, /got '9{80}'\.\.\. 322 more characters \(string\)/],
    [10n, /got 10n \(bigint\)/],
    [-1, /got -1 \(number\)/],
    [NaN, /got NaN \(number\)/],
    [Infinity, /got Infinity \(number\)/],
    [undefined, /got nothing/],
    [null, /got null/],
    [['1 MB'], /got \[ '1 MB' \] \(array\)/],
  ];
  for (const [value, message] of malformed) {
    it(`refuses ${inspect(value, { maxStringLength: 20 })}, naming it`, function () {
      assert.throws(() => parseMemorySize(value as string), {
        name: 'TypeError',
        code: 'ERR_MEMRAY_INVALID_SIZE',
        message,
      });
    });
  }
});

describe('formatMemorySize', function () {
  const sizes: [number, string][] = [
    [0, '0.0B'],
    [864, '864.0B'],
    [1023, '1023.0B'],
    [1024, '1.0KiB'],
    [120_000, '117.2KiB'],
    [1.9 * 1024 ** 2, '1.9MiB'],
    [1024 ** 4, '1.0TiB'],
    [1024 ** 7, '1024.0EiB'],
  ];
  for (const [bytes, text] of sizes) {
    it(`prints ${bytes} as ${text}`, function () {
      assert.equal(formatMemorySize(bytes), text);
    });
  }
});
