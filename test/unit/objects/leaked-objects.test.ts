import assert from 'node:assert/strict';
import { findLeakedObjects } from '../../../dist/objects/leaked-objects';
import { writeSnapshot as write, type NodeText } from '../../helpers/snapshot-writer';

const owners = {
  isHarness: (file: string) => file === '/mocha.js',
  displayPath: (file: string) => file.slice(1),
};

/** Old: a global `cache`, and a test's function in `file` with the variable `kept`. */
const old = (file: string): NodeText[] => [
  { is: 'synthetic:', edges: [['property', 'global', 1], ['element', 1, 3]] }, // prettier-ignore
  { is: 'object:global', edges: [['property', 'cache', 2]] },
  { is: 'object:Map', edges: [['internal', 'table', 9]] },
  { is: 'closure:test', edges: [['internal', 'shared', 4], ['internal', 'context', 6]], script: 1 }, // prettier-ignore
  { is: 'code:test', edges: [['internal', 'script', 5]] },
  { is: `code:${file}` },
  { is: 'object:system / Context', edges: [['context', 'kept', 7]] },
  { is: 'object:Array', edges: [['element', 0, 11], ['weak', 1, 13], ['element', 2, 14]] }, // prettier-ignore
  { is: 'object:Object' },
];
const LAST_OLD_ID = 18;
const made: NodeText[] = [
  { is: 'array:', edges: [['internal', '3', 10]] },
  { is: 'object:Object', edges: [['property', 'text', 12]] },
  { is: 'closure:onTick', edges: [['property', 'prototype', 13]], script: 1 },
  { is: 'string:a' },
  { is: 'object:Prototype' },
  { is: 'object:system / Context' },
];

const find = (file: string) =>
  findLeakedObjects(write([...old(file), ...made]), LAST_OLD_ID, owners);

describe('leaked objects', () => {
  it('are new, of the user, and have what leads to them', () => {
    assert.deepEqual(find('/a.test.js'), [
      { constructorName: 'Function', functionName: 'onTick', filename: 'a.test.js', sizeBytes: 21 + 23, retainers: ['kept (a.test.js)', 'Array[0]'] }, // prettier-ignore
      { constructorName: 'Object', sizeBytes: 20 + 22, retainers: ['(global).cache', 'Map[]'] },
    ]);
  });

  it('are not what only Mocha or Node holds', () => {
    for (const file of ['/mocha.js', 'node:fs']) {
      assert.deepEqual(
        find(file).map(({ constructorName }) => constructorName),
        ['Object'],
      );
    }
  });

  it('are held by prototypes, but for those of classes from before', () => {
    const nodes = old('/a.js');
    nodes[2] = { is: 'object:Map' };
    nodes[8] = { is: 'object:Object', edges: [['property', '__proto__', 9]] };
    nodes[7] = { is: 'object:Array', edges: [['element', 0, 8]] };
    const hold = (prototype: NodeText) =>
      findLeakedObjects(
        write([...nodes, prototype, { is: 'object:Made' }]),
        LAST_OLD_ID,
        owners,
      ).map(({ constructorName }) => constructorName);
    const made: NodeText['edges'] = [['property', 'made', 10]];
    assert.deepEqual(hold({ is: 'object:Object', edges: made }), ['Object', 'Made']);
    const ofClass: NodeText['edges'] = [['property', 'constructor', 3], ...made];
    assert.deepEqual(hold({ is: 'object:Object', edges: ofClass }), []);
  });

  it('are not what only the stack or a compiler at work holds', () => {
    for (const roots of ['(Stack roots)', '(Handle scope)', '(Strong roots)', '(Identity map)']) {
      const nodes = old('/a.js');
      nodes[2] = { is: 'object:Map' };
      nodes[7] = { is: 'object:Array' };
      nodes[0]!.edges!.push(['element', 2, 9]);
      const byRoots: NodeText = { is: `synthetic:${roots}`, edges: [['element', 1, 10]] };
      const snapshot = write([...nodes, byRoots, { is: 'closure:f', script: 1 }]);
      assert.deepEqual(findLeakedObjects(snapshot, LAST_OLD_ID, owners), []);
    }
  });

  it('have the file of a variable that an inner scope leads to', () => {
    const nodes = old('/a.js');
    nodes[2] = { is: 'object:Map' };
    nodes[7] = { is: 'object:Array', edges: [['element', 0, 9]] };
    nodes[6] = { is: 'object:system / Context', edges: [['internal', 'previous', 8]] };
    nodes[8] = { is: 'object:system / Context', edges: [['context', 'kept', 7]] };
    const [leaked] = findLeakedObjects(
      write([...nodes, { is: 'object:Made' }]),
      LAST_OLD_ID,
      owners,
    );
    assert.deepEqual(leaked!.retainers, ['kept (a.js)', 'Array[0]']);
  });

  it("are not what a variable of Node's module holds, in sight of a user's object with private methods", () => {
    for (const [file, count] of [
      ['/a.js', 1],
      ['node:internal/encoding', 0],
    ] as const) {
      // prettier-ignore
      const nodes = old(file);
      nodes[2] = { is: 'object:TextDecoder', edges: [['property', 'TextDecoder', 6]], script: 1 };
      nodes[7] = { is: 'object:Array', edges: [['element', 0, 9]] };
      const snapshot = write([...nodes, { is: 'object:Made' }]);
      assert.equal(findLeakedObjects(snapshot, LAST_OLD_ID, owners).length, count, file);
    }
  });

  it('are held by what a module exports, and not by whoever has the cache of all modules', () => {
    const ofModule = (nodes: NodeText[]) => {
      const [leaked] = findLeakedObjects(write([...nodes, { is: 'object:Made' }]), LAST_OLD_ID, {
        ...owners,
        displayPath: (file) => file,
      });
      return leaked!.retainers;
    };
    const nodes = old('node:internal/modules/helpers');
    nodes[2] = { is: 'object:Map' };
    nodes[7] = { is: 'object:Module', edges: [['property', 'exports', 9], ['property', 'filename', 8]], script: 1 }; // prettier-ignore
    nodes[8] = { is: 'string:/lib/a.js' };
    assert.deepEqual(ofModule(nodes), ['exports (/lib/a.js)']);
    nodes[7].edges!.pop();
    assert.deepEqual(ofModule(nodes), ['kept (node:internal/modules/helpers)']);
  });

  it('have the file of a variable in sight of a function whose blocks Node 20 counts', () => {
    const nodes = old('/a.js');
    nodes[2] = { is: 'object:Map' };
    nodes[4] = { is: 'code:test', edges: [['internal', 'script_or_debug_info', 8]] };
    nodes[7] = { is: 'object:Array', edges: [['element', 0, 9]] };
    nodes[8] = { is: 'hidden:system / DebugInfo', edges: [['hidden', 0, 4], ['hidden', 1, 5]] }; // prettier-ignore
    const snapshot = write([...nodes, { is: 'object:Made' }]);
    const [leaked] = findLeakedObjects(snapshot, LAST_OLD_ID, owners);
    assert.deepEqual(leaked!.retainers, ['kept (a.js)', 'Array[0]']);
  });

  it('have the way by which Node holds them, which they may lead back to, and count once', () => {
    const nodes = old('/a.js');
    nodes[2] = { is: 'object:Map' };
    nodes[7] = { is: 'object:Array' };
    nodes[0]!.edges!.push(['element', 2, 9]);
    const ticking: NodeText[] = [
      { is: 'object:Timeout', edges: [['property', '_onTimeout', 10]] },
      { is: 'closure:tick', edges: [['internal', 'context', 11]], script: 1 },
      { is: 'object:system / Context', edges: [['context', 'timer', 9]] },
    ];
    assert.deepEqual(findLeakedObjects(write([...nodes, ...ticking]), LAST_OLD_ID, owners), [
      { constructorName: 'Function', functionName: 'tick', filename: 'a.js', sizeBytes: 20 + 21, retainers: ['Timeout._onTimeout'] }, // prettier-ignore
      { constructorName: 'Timeout', sizeBytes: 19, retainers: ['Timeout._onTimeout', 'tick()', 'timer (a.js)'] }, // prettier-ignore
    ]);
  });

  it('have the way on to what holds a variable of a call that the test made', () => {
    const nodes = old('/a.js');
    nodes[2] = { is: 'object:Map' };
    nodes[7] = { is: 'object:Array', edges: [['element', 0, 9]] };
    const subscribed: NodeText[] = [
      { is: 'closure:onChange', edges: [['internal', 'context', 10]], script: 1 },
      { is: 'object:system / Context', edges: [['context', 'this', 11]] },
      { is: 'object:Widget' },
    ];
    const leaked = findLeakedObjects(write([...nodes, ...subscribed]), LAST_OLD_ID, owners);
    assert.deepEqual(leaked.at(-1)!.retainers, ['kept (a.js)', 'Array[0]', 'onChange()', 'this (a.js)']); // prettier-ignore
  });

  it('may be of a class named as what import() gives, which has no prototype', () => {
    const nodes = old('/a.js');
    nodes[2] = { is: 'object:Map' };
    nodes[7] = { is: 'object:Array', edges: [['element', 0, 9], ['element', 1, 10]] }; // prettier-ignore
    const modules: NodeText[] = [
      { is: 'object:Module', edges: [['property', '__proto__', 8], ['property', 'made', 11]] }, // prettier-ignore
      { is: 'object:Module', edges: [['property', '__proto__', 12]] },
      { is: 'object:Made' },
      { is: 'hidden:null' },
    ];
    const leaked = findLeakedObjects(write([...nodes, ...modules]), LAST_OLD_ID, owners);
    assert.deepEqual(leaked, [
      { constructorName: 'Module', sizeBytes: 19, retainers: ['kept (a.js)', 'Array[0]'] },
      { constructorName: 'Made', sizeBytes: 21, retainers: ['kept (a.js)', 'Array[0]', 'Module.made'] }, // prettier-ignore
    ]);
  });

  it('are found where a test has replaced findIndex', () => {
    const { findIndex } = Array.prototype;
    try {
      Array.prototype.findIndex = () => 0;
      assert.equal(find('/a.js').length, 2);
    } finally {
      Array.prototype.findIndex = findIndex;
    }
  });

  it('are none where nothing is new', () => {
    assert.deepEqual(findLeakedObjects(write([...old('/a.js'), ...made]), 100, owners), []);
  });
});
