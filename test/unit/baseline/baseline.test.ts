import assert from 'node:assert/strict';
import { mkdtempSync, rmSync, statSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { noiseOf, saveBaseline, type Peak } from '../../../dist/baseline/baseline';
import { readBaseline, writeBaseline } from '../../../dist/baseline/baseline-file';

const megabyte = 1024 ** 2;

describe('noiseOf', function () {
  it('is 4 KiB, or 1% of a large peak', function () {
    assert.deepEqual([noiseOf(0), noiseOf(100_000), noiseOf(1e9)], [4096, 4096, 1e7]);
  });
});

describe('saveBaseline', function () {
  let folder: string;
  let file: string;
  beforeEach(function () {
    folder = mkdtempSync(join(tmpdir(), 'memray-mocha-unit-'));
    file = join(folder, 'baseline.json');
    writeFileSync(join(folder, 'a.js'), '');
    writeBaseline(file, new Map([['a.js > known', megabyte]]));
  });
  afterEach(() => rmSync(folder, { recursive: true }));

  const peak = (key: string, bytes: number, more: Partial<Peak> = {}): Peak => ({
    key,
    bytes,
    isFollowed: true,
    ...more,
  });

  /** Saves peaks of a.js, whose tests have these keys. */
  function save(
    peaks: Peak[],
    more: { isUpdate?: boolean; isReadOnly?: boolean; keys?: string[] },
  ) {
    const { keys = peaks.map(({ key }) => key), isUpdate = false, isReadOnly = false } = more;
    const lines = saveBaseline(
      { peaks, tests: [{ files: ['a.js'], keys: ['a.js > known', ...keys] }] },
      { file, shownFile: 'baseline.json', cwd: folder, isUpdate, isReadOnly },
    );
    return { lines, peaks: Object.fromEntries(readBaseline(file)) };
  }

  it('adds what is missing', function () {
    const { lines, peaks } = save([peak('a.js > new', 5), peak('a.js > newer', 6)], {});
    assert.deepEqual(peaks, { 'a.js > known': megabyte, 'a.js > new': 5, 'a.js > newer': 6 });
    assert.deepEqual(lines, ['Wrote 2 peaks to baseline.json.']);
  });

  it('follows to a lower peak where it is to, never to a higher one', function () {
    const lower = peak('a.js > known', megabyte / 2);
    assert.equal(save([{ ...lower, isFollowed: false }], {}).peaks['a.js > known'], megabyte);
    assert.equal(save([lower], {}).peaks['a.js > known'], megabyte / 2);
    const higher = peak('a.js > known', 2 * megabyte);
    assert.equal(save([higher], {}).peaks['a.js > known'], megabyte / 2);
  });

  it('accepts every peak with an update', function () {
    const accepted = [peak('a.js > known', 2 * megabyte, { isFollowed: false })];
    const { peaks } = save(accepted, { isUpdate: true, isReadOnly: true });
    assert.equal(peaks['a.js > known'], 2 * megabyte);
  });

  it('leaves the file alone when a peak differs by noise', function () {
    const before = statSync(file).ino;
    for (const bytes of [megabyte - 4000, megabyte + 4000]) {
      assert.deepEqual(save([peak('a.js > known', bytes)], { isUpdate: true }).lines, []);
    }
    assert.equal(statSync(file).ino, before);
  });

  it('writes nothing in continuous integration, and says what is missing', function () {
    const { lines, peaks } = save(
      [peak('a.js > new', 5), peak('a.js > newer', 6), peak('a.js > known', 1)],
      { isReadOnly: true },
    );
    assert.deepEqual(peaks, { 'a.js > known': megabyte });
    assert.deepEqual(lines, [
      'baseline.json has no peak of a.js > new and 1 more, and in continuous integration none is written: ' +
        'run Mocha elsewhere or with --memray-update-baseline, and commit the file.',
    ]);
  });

  it('tells of tests that are gone, and removes them with an update', function () {
    const others = new Map([
      ['a.js > gone', 1],
      ['removed.js > test', 1],
    ]);
    writeBaseline(file, new Map([...readBaseline(file), ...others]));
    const told = save([], {});
    assert.deepEqual(told.lines, [
      'baseline.json has peaks of tests that are gone: a.js > gone and 1 more. --memray-update-baseline removes them.',
    ]);
    assert.equal(Object.keys(told.peaks).length, 3);
    const { lines, peaks } = save([], { isUpdate: true });
    assert.deepEqual(peaks, { 'a.js > known': megabyte });
    assert.deepEqual(lines, ['Removed 2 peaks of tests that are gone from baseline.json.']);
  });

  it('takes a test of a file that was not loaded for there', function () {
    writeFileSync(join(folder, 'b.js'), '');
    writeBaseline(file, new Map([['b.js > elsewhere', 1]]));
    assert.deepEqual(save([], { isUpdate: true }), { lines: [], peaks: { 'b.js > elsewhere': 1 } });
  });
});
