import assert from 'node:assert/strict';
import kleur from 'kleur';
import { reportSummary, type ReportOptions } from '../../../dist/reporters/summary-report';
import type { TestResult } from '../../../dist/test-result';
import { createResult } from '../../helpers/results';

const options: ReportOptions = {
  mostAllocations: 5,
  width: 80,
  binPath: null,
  binPrefix: 'p',
  unmeasured: [],
};

describe('reportSummary', function () {
  before(() => void (kleur.enabled = false));

  const report = (results: TestResult[], more: Partial<ReportOptions> = {}) =>
    reportSummary(results, { ...options, ...more });
  const idsIn = (text: string) => [...text.matchAll(/results for (.*) at/g)].map(([, id]) => id);

  it("has the original's layout", function () {
    const result = createResult('test/a.test.js > importer > parses', 9_961_472, {
      allocations: { count: 10_422, bytes: 2e7, sizeHistogram: [1, 0, 8, 4] },
      topLocations: [
        {
          functionName: 'parseRow',
          filename: 'src/catalogue.ts',
          lineNumber: 41,
          bytes: 6_396_314,
          count: 5,
        },
        { functionName: 'read', filename: 'src/file.ts', lineNumber: 2, bytes: 864, count: 1 },
      ],
    });
    assert.equal(
      report([result]),
      [
        '================================ MEMRAY REPORT ================================',
        'Allocation results for test/a.test.js > importer > parses at the high-water mark',
        '',
        '\t 📦 Peak memory: 9.5MiB (native; raw, not confirmed)',
        '\t 📏 Total native allocations: 10422',
        '\t 📊 Histogram of native allocation sizes: |▁ █▄|',
        '\t 🥇 Biggest allocating functions:',
        '\t\t- parseRow:src/catalogue.ts:41 -> 6.1MiB',
        '\t\t- read:src/file.ts:2 -> 864.0B',
        '',
        '',
        '',
      ].join('\n'),
    );
  });

  it('shows each title in one line', function () {
    assert.match(
      report([createResult('a.js > valid\n  const b;\u001b[2J', 1)]),
      /^Allocation results for a\.js > valid const b;\ufffd\[2J at the high-water mark$/m,
    );
  });

  it('tells JS heap and native memory apart when both were measured', function () {
    const peak = { bytes: 3 << 20, jsHeapBytes: 1 << 20, nativeBytes: 2 << 20, rawBytes: 3 << 20 };
    assert.match(
      report([createResult('a', 1, { peak: { ...peak, confirmed: true } })]),
      /Peak memory: 3\.0MiB \(JS heap 1\.0MiB, native 2\.0MiB\)\n/,
    );
    assert.match(
      report([createResult('a', 1, { peak })]),
      /\(JS heap 1\.0MiB, native 2\.0MiB; raw, not confirmed\)\n/,
    );
  });

  it('says of native memory alone, too, that it was not confirmed', function () {
    const peak = { bytes: 1 << 20, jsHeapBytes: 0, nativeBytes: 1 << 20, rawBytes: 1 << 20 };
    assert.match(
      report([createResult('a', 1, { peak })]),
      /: 1\.0MiB \(native; raw, not confirmed\)\n/,
    );
    assert.match(
      report([createResult('a', 1, { peak: { ...peak, confirmed: true } })]),
      /: 1\.0MiB \(native\)\n/,
    );
  });

  it('shows the raw total when it is much larger', function () {
    const peak = { bytes: 1 << 20, jsHeapBytes: 0, nativeBytes: 1 << 20, rawBytes: 64 << 20 };
    assert.match(
      report([createResult('a', 1, { peak: { ...peak, confirmed: true } })]),
      /Peak memory: 1\.0MiB \(native; 64\.0MiB with garbage\)\n/,
    );
  });

  it('shows the highest peaks, all with 0', function () {
    const results = [1, 5, 3].map((bytes) => createResult(`test ${bytes}`, bytes));
    assert.deepEqual(idsIn(report(results, { mostAllocations: 2 })), ['test 5', 'test 3']);
    assert.deepEqual(idsIn(report(results, { mostAllocations: 0 })), [
      'test 5',
      'test 3',
      'test 1',
    ]);
  });

  it('is empty without anything to show', function () {
    assert.equal(report([]), '');
  });

  it('leaves out what failed by itself, was skipped or allocated nothing', function () {
    const violation = {
      kind: 'limitMemory' as const,
      limitBytes: 1,
      actualBytes: 2,
      message: '',
      stack: [],
    };
    const results = [
      createResult('failed', 1, { state: 'failed' }),
      createResult('skipped', 1, { state: 'pending' }),
      createResult('empty', 0, { topLocations: [] }),
      createResult('over its limit', 1, { state: 'failed', violations: [violation] }),
    ];
    assert.deepEqual(idsIn(report(results)), ['over its limit']);
  });

  it('shows the last attempt of a retried test, and both of two tests of one name', function () {
    const retried = [1, 2, 3].map((bytes, retry) => createResult('retried', bytes, { retry }));
    const text = report([...retried, createResult('twin', 5), createResult('twin', 4)]);
    assert.deepEqual(idsIn(text), ['twin', 'twin', 'retried']);
    assert.match(text, /Peak memory: 3\.0B/);
  });

  it('says where captures were kept', function () {
    const results = [createResult('a', 1, { capture: 'b/x.bin' }), createResult('b', 1)];
    assert.match(report(results, { binPath: '/b' }), /\nCreated 1 capture at \/b with prefix p\n$/);
  });

  it('says what could not be measured', function () {
    const unmeasured = [
      { id: 'a', reason: 'Error: no space' },
      { id: 'b', reason: 'x' },
    ];
    assert.match(
      report([], { unmeasured }),
      /\nCould not measure a and 1 more: Error: no space\n$/,
    );
  });

  it('fits into a narrow terminal', function () {
    const ruleAt = (width: number) => report([createResult('a', 1)], { width }).split('\n')[0];
    assert.deepEqual([ruleAt(20), ruleAt(5)], ['== MEMRAY REPORT ==', '= MEMRAY REPORT =']);
  });

  it('is coloured when it may', function () {
    kleur.enabled = true;
    try {
      assert.match(report([createResult('a', 1)]), /\x1b\[36ma\x1b\[39m/); // eslint-disable-line no-control-regex
    } finally {
      kleur.enabled = false;
    }
  });
});
