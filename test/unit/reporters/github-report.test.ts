import assert from 'node:assert/strict';
import { formatAnnotations, formatJobSummary } from '../../../dist/reporters/github-report';
import type { TestResult, Violation } from '../../../dist/test-result';
import { createResult } from '../../helpers/results';

const frame = (functionName: string, filename: string, lineNumber: number) =>
  ({ functionName, filename, lineNumber, columnNumber: 7, kind: 'js' }) as const;
const violation = (stack: Violation['stack'], message = 'Too much'): Violation => ({
  kind: 'limitMemory',
  limitBytes: 1024,
  actualBytes: 2048,
  message,
  stack,
});
const failing = (id: string, violations: Violation[], more: Partial<TestResult> = {}) =>
  createResult(id, 2048, { state: 'failed', violations, ...more });

describe('formatAnnotations', function () {
  const annotate = (results: TestResult[], source = '') => {
    const sources = new Map([['/app/a.test.js', source]]);
    for (const file of ['src/load.js', 'a,b:c.js']) sources.set(`/app/${file}`, 'load()');
    return formatAnnotations(results, {
      cwd: '/app',
      readSource: (file) => sources.get(file) ?? '',
    });
  };

  it('names the line of the project that allocated most', function () {
    const stack = [
      frame('parse', 'node_modules/parser/index.js', 1),
      frame('parse', '/usr/lib/node_modules/parser/index.js', 1),
      frame('read', 'webpack://app/./src/read.js', 4),
      frame('<anonymous>', 'evalmachine.<anonymous>', 1),
      frame('load', 'src/load.js', 12),
      frame('test', 'a.test.js', 3),
    ];
    assert.equal(
      annotate([createResult('fine', 1), failing('a > b', [violation(stack)])]),
      '::error file=/app/src/load.js,line=12,col=7,title=a > b::Too much\n',
    );
  });

  it("escapes as GitHub's toolkit does", function () {
    const result = failing('a: 100%, b\r\n', [
      violation([frame('f', 'a,b:c.js', 1)], '100%: a,\r\nb'),
    ]);
    assert.equal(
      annotate([result]),
      '::error file=/app/a%2Cb%3Ac.js,line=1,col=7,title=a%3A 100%25%2C b%0D%0A::100%25: a,%0D%0Ab\n',
    );
  });

  it('falls back to the line of the title, if it is there once, and to the file', function () {
    for (const stack of [[], [frame('read', 'webpack://app/./src/read.js', 4)]]) {
      const result = failing('id', [violation(stack)], { titlePath: ['suite', 'reads'] });
      const annotated = (source: string) => annotate([result], source);
      assert.equal(
        annotated("\n\nit('reads', f)"),
        '::error file=/app/a.test.js,line=3,title=id::Too much\n',
      );
      const ofFile = '::error file=/app/a.test.js,title=id::Too much\n';
      assert.deepEqual([annotated('reads\nreads'), annotated('')], [ofFile, ofFile]);
    }
  });

  it('counts the last attempt only, and each of its limits', function () {
    const attempts = [0, 1].map((retry) =>
      failing('id', [violation([], `first, ${retry}`), violation([], `second, ${retry}`)], {
        retry,
      }),
    );
    assert.deepEqual(annotate(attempts).match(/::(first|second), \d/g), [
      '::first, 1',
      '::second, 1',
    ]);
  });
});

describe('formatJobSummary', function () {
  const results = [
    createResult('a.js > low', 1024),
    createResult('a.js > high | <b> `c`\n*d*', 4096, {
      topLocations: [
        { functionName: 'f_g', filename: 'a.js', lineNumber: 3, bytes: 3072, count: 1 },
      ],
    }),
    failing('a.js > fails', [violation([frame('f', 'a.js', 3)], 'Too ``` much')]),
  ];

  it('is a table of tests by peak, and the failures with their stacks', function () {
    assert.equal(
      formatJobSummary(results, { mostAllocations: 0 }),
      [
        '### Memory of tests',
        '',
        '| Test | Peak memory | Native allocations | Allocated most |',
        '| --- | ---: | ---: | --- |',
        '| a.js \\> high \\| \\<b\\> \\`c\\` \\*d\\* | 4.0KiB (native; raw, not confirmed) | 1 | f\\_g:a.js:3 (3.0KiB) |',
        '| a.js \\> fails | 2.0KiB (native; raw, not confirmed) | 1 | f:a.js:1 (2.0KiB) |',
        '| a.js \\> low | 1.0KiB (native; raw, not confirmed) | 1 | f:a.js:1 (1.0KiB) |',
        '',
        '❌ **a.js \\> fails**',
        '',
        '````text',
        'Too ``` much',
        '    at f (a.js:3:7)',
        '````',
        '',
        '',
      ].join('\n'),
    );
  });

  it('has as many tests as it is told to, and nothing without any', function () {
    const rows = formatJobSummary(results, { mostAllocations: 1 }).match(/^\| a\.js.*$/gm);
    assert.equal(rows!.length, 1);
    assert.equal(formatJobSummary([], { mostAllocations: 5 }), '');
  });

  it('has failures of tests whose peak says nothing', function () {
    const only = failing('a.js > leaks an object', [violation([])], { topLocations: [] });
    assert.equal(
      formatJobSummary([only], { mostAllocations: 5 }),
      '### Memory of tests\n\n❌ **a.js \\> leaks an object**\n\n```text\nToo much\n```\n\n',
    );
  });

  it('is no longer than GitHub takes', function () {
    const many = Array.from({ length: 5000 }, (_, index) =>
      failing(`a.js > ${index} ${'é'.repeat(100)}`, [violation([frame('f', 'a.js', 3)])]),
    );
    const summary = formatJobSummary(many, { mostAllocations: 0 });
    assert.ok(Buffer.byteLength(summary) < 1024 ** 2, `${Buffer.byteLength(summary)}`);
    assert.equal(summary.match(/^\.\.\.and \d+ more$/gm)?.length, 2);
  });
});
