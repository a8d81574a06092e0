import assert from 'node:assert/strict';
import {
  createLeakedObjectsLimit,
  judgeLeakedObjects,
} from '../../../dist/limits/leaked-objects-limit';
import type { LeakedObject } from '../../../dist/objects/leaked-objects';

const listener = (index: number): LeakedObject => ({
  constructorName: 'Listener',
  sizeBytes: 104,
  retainers: ['(global).bus', `Array[${index}]`],
});
const tick: LeakedObject = {
  constructorName: 'Function',
  functionName: 'tick',
  filename: 'src/tick.js',
  sizeBytes: 8,
  retainers: ['Timeout._onTimeout'],
};

describe('a limit of leaked objects', () => {
  it('refuses what is no filter', () => {
    for (const wrong of ['x', null, { filter: () => true }, { filterFn: 1 }, 1] as never[]) {
      assert.throws(() => createLeakedObjectsLimit(wrong), {
        name: 'TypeError',
        message: /limitLeakedObjects/,
        code: 'ERR_MEMRAY_INVALID_ARGUMENT',
      });
    }
  });

  it('lists objects by name and way', () => {
    const leaked = [listener(0), listener(1), tick];
    const verdict = judgeLeakedObjects(createLeakedObjectsLimit(), leaked, { verbosity: 0 });
    assert.deepEqual(verdict?.violation, {
      kind: 'limitLeakedObjects',
      limitBytes: 0,
      actualBytes: 216,
      message: [
        'Test leaked 3 objects (216.0B)',
        'List of leaked objects:',
        '    - 2 Listener (208.0B in all) held by:',
        '        (global).bus -> Array[0]',
        '    - 1 Function tick of src/tick.js (8.0B) held by:',
        '        Timeout._onTimeout',
        '',
        'Drop what holds them, or ignore a known cache with `filterFn`.',
      ].join('\n'),
      stack: [],
    });
  });

  it('shows nothing that terminals or GitHub act upon', () => {
    const evil: LeakedObject = {
      constructorName: '\x1b[31mEvil',
      sizeBytes: 8,
      retainers: ['(global)["a\n::error::injected"]'],
    };
    const verdict = judgeLeakedObjects(createLeakedObjectsLimit(), [evil], { verbosity: 0 });
    const { message } = verdict!.violation;
    assert.match(
      message,
      /- 1 �\[31mEvil \(8\.0B\) held by:\n +\(global\)\["a�::error::injected"\]/,
    );
  });

  it('asks the filter of each object, and is kept when all are ignored', () => {
    const asked: string[] = [];
    const limit = createLeakedObjectsLimit({
      filterFn: ({ constructorName }) => asked.push(constructorName) < 0,
    });
    assert.equal(judgeLeakedObjects(limit, [listener(0), tick], { verbosity: 0 }), undefined);
    assert.deepEqual(asked, ['Listener', 'Function']);
  });

  it('shows ten groups, and all with verbosity 2', () => {
    const leaked = Array.from({ length: 12 }, (_, index) => ({
      ...tick,
      functionName: `f${index}`,
    }));
    const limit = createLeakedObjectsLimit();
    const messageOf = (verbosity: number) =>
      judgeLeakedObjects(limit, leaked, { verbosity })!.violation.message;
    assert.match(messageOf(0), /\.\.\.and 2 more/);
    assert.match(messageOf(2), /Function f11/);
    assert.equal(messageOf(-1), 'Test leaked 12 objects (96.0B)');
  });
});
