import assert from 'node:assert/strict';
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { dirname, join } from 'node:path';
import { readBaseline, writeBaseline } from '../../../dist/baseline/baseline-file';

describe('a baseline file', function () {
  let folder: string;
  let file: string;
  beforeEach(function () {
    folder = mkdtempSync(join(tmpdir(), 'memray-mocha-unit-'));
    file = join(folder, 'in/here/baseline.json');
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  it('is empty when it is not there', function () {
    assert.deepEqual(readBaseline(file), new Map());
  });

  it('has one line for each test, in order, and nothing else beside it', function () {
    const peaks = new Map([
      ['b.js > x', 2],
      ['a.js > "y"', 1],
      ['__proto__', 3],
    ]);
    writeBaseline(file, peaks);
    assert.equal(
      readFileSync(file, 'utf8'),
      '{\n  "version": 1,\n  "peakBytes": {\n    "__proto__": 3,\n    "a.js > \\"y\\"": 1,\n    "b.js > x": 2\n  }\n}\n',
    );
    assert.deepEqual(readBaseline(file), new Map([...peaks].sort()));
    assert.deepEqual(readdirSync(dirname(file)), ['baseline.json']);
  });

  const unreadable: Record<string, string> = {
    'conflicts of a merge': '{\n<<<<<<< ours\n}',
    'another version': '{ "version": 2, "peakBytes": {} }',
    'a peak that is none': '{ "version": 1, "peakBytes": { "a.js > x": "1 MB" } }',
    'a peak too large for a number': '{ "version": 1, "peakBytes": { "a.js > x": 1e400 } }',
    'a peak below nothing': '{ "version": 1, "peakBytes": { "a.js > x": -1 } }',
    'no object': 'null',
    'a misspelt key': '{ "version": 1, "peakbytes": { "a.js > x": 1 } }',
  };
  for (const [what, text] of Object.entries(unreadable)) {
    it(`with ${what} cannot be read, and the error says what to do`, function () {
      const wrong = join(folder, 'wrong.json');
      writeFileSync(wrong, text);
      assert.throws(() => readBaseline(wrong), {
        code: 'ERR_MEMRAY_BASELINE_UNREADABLE',
        message:
          /^Cannot read the baseline .*wrong\.json: .* run Mocha with --memray-update-baseline\.$/s,
      });
    });
  }

  it('that is null has no version', function () {
    const wrong = join(folder, 'null.json');
    writeFileSync(wrong, 'null');
    assert.throws(() => readBaseline(wrong), { message: /: its version is undefined, not 1\./ });
  });

  it('that cannot be written is named, with its option', function () {
    writeFileSync(join(folder, 'in'), '');
    assert.throws(() => writeBaseline(file, new Map()), {
      code: 'ERR_MEMRAY_PATH_NOT_WRITABLE',
      message:
        /^Cannot write to .*baseline\.json, which the option `baseline` names: .* Name a file that/,
    });
  });
});
