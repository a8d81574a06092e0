// The call stacks of what optimized code allocates, into which the functions that it calls are inlined.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { node } from './run-body';

interface InliningFunction {
  name: string;
  lines: number[];
  countsByLines: Record<string, number>;
}

const inlinedFunctions = [
  'makeObject',
  'passOn',
  'Point',
  'get copy',
  'makeArrayBuffer',
  'callOutOfLine',
  'callMany',
];

describe('where functions are inlined, the call stacks are right of', function () {
  this.timeout(180_000);
  const args = [
    '--trace-turbo-inlining',
    '--no-concurrent-recompilation',
    join(__dirname, 'inlined.js'),
  ];
  const output = execFileSync(node, args, { encoding: 'utf8', maxBuffer: 64 << 20 });

  it('what V8 says that it inlines', () => {
    const inlined = [...output.matchAll(/^Inlining .* <SharedFunctionInfo ([^>]+)>\} into/gm)];
    const names = new Set(inlined.map(([, name]) => name));
    assert.deepEqual(
      inlinedFunctions.filter((name) => !names.has(name)),
      [],
    );
  });

  for (const { name, lines, countsByLines } of JSON.parse(
    output.trim().split('\n').at(-1)!,
  ) as InliningFunction[]) {
    it(name, () => {
      const expected = lines.join(',');
      assert.deepEqual(Object.keys(countsByLines), [expected], JSON.stringify(countsByLines));
      assert.ok(countsByLines[expected]! >= 200, JSON.stringify(countsByLines));
    });
  }
});
