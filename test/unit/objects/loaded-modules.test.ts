import assert from 'node:assert/strict';
import { findHeldByLoadedModules } from '../../../dist/objects/loaded-modules';
import { SnapshotNodes } from '../../../dist/objects/snapshot-nodes';
import { writeSnapshot, type NodeText } from '../../helpers/snapshot-writer';

/** Old: Node's function `Module` with its cache, and a place for an old module or one of Node's. */
const old = (third: NodeText = { is: 'object:Object' }): NodeText[] => [
  { is: 'synthetic:' },
  { is: 'closure:Module', edges: [['property', '_cache', 2], ['internal', 'shared', 4]], script: 1 }, // prettier-ignore
  { is: 'object:Object', edges: [['property', '/a.js', 6], ['property', '__proto__', 7]] }, // prettier-ignore
  third,
  { is: 'code:Module', edges: [['internal', 'script', 5]] },
  { is: 'code:node:internal/modules/cjs/loader' },
];
const LAST_OLD_ID = 15;

/** What is found in these, by index. */
function find(nodes: NodeText[]): number[] {
  const snapshot = writeSnapshot(nodes);
  const held = findHeldByLoadedModules(snapshot, new SnapshotNodes(snapshot, LAST_OLD_ID));
  return [...held].sort((a, b) => a - b);
}

/** A new module whose exports, the node 8, have these edges. */
const loaded = (edges: NodeText['edges'], ...more: NodeText[]): NodeText[] => [
  ...old(),
  { is: 'object:Module', edges: [['property', 'exports', 8], ['property', 'children', 7]] }, // prettier-ignore
  { is: 'object:Object' },
  { is: 'object:Object', edges },
  ...more,
];

describe('what loaded modules hold', () => {
  it('is what they export, and none of what that refers to', () => {
    const made: NodeText[] = [
      { is: 'object:Array', edges: [['element', 0, 10]] },
      { is: 'object:Object' },
    ];
    assert.deepEqual(find(loaded([['property', 'list', 9], ['property', '__proto__', 7]], ...made)), [8, 9]); // prettier-ignore
    assert.deepEqual(find(loaded([['element', 0, 9]], ...made)), [8, 9]);
    assert.deepEqual(find(loaded([['property', 'old', 3]], ...made)), [8]);
  });

  it('is what the variables of the module are that exported functions see', () => {
    const nodes = loaded(
      [['property', 'get made', 9]],
      { is: 'closure:get', edges: [['internal', 'shared', 10], ['internal', 'context', 12]], script: 2 }, // prettier-ignore
      { is: 'code:get', edges: [['internal', 'script', 11]] },
      { is: 'code:/a.js' },
      { is: 'object:system / Context', edges: [['internal', 'previous', 13], ['context', 'inner', 7]] }, // prettier-ignore
      { is: 'object:system / Context', edges: [['internal', 'previous', 14], ['context', 'made', 15], ['context', 'text', 16]] }, // prettier-ignore
      { is: 'object:system / NativeContext', edges: [['context', 'global', 7]] },
      { is: 'object:Made' },
      { is: 'string:a' },
    );
    assert.deepEqual(find(nodes), [8, 9, 15]);
  });

  it('is nothing of a module that is old, or that its cache has lost', () => {
    const nodes = loaded([['property', 'list', 9]], { is: 'object:Array' });
    nodes[2] = { is: 'object:Object', edges: [['weak', '/a.js', 6]] };
    assert.deepEqual(find(nodes), []);
    nodes[2] = { is: 'object:Object', edges: [['property', '/a.js', 3]] };
    nodes[3] = { is: 'object:Module', edges: [['property', 'exports', 8]] };
    assert.deepEqual(find(nodes), []);
  });

  it('is nothing that the test adds to what a module has from before', () => {
    const nodes = loaded([]);
    nodes[3] = { is: 'object:Object', edges: [['property', 'added', 8]] };
    nodes[6] = { is: 'object:Module', edges: [['property', 'exports', 3]] };
    assert.deepEqual(find(nodes), []);
  });

  it('is what an ES module exports', () => {
    const nodes: NodeText[] = [
      ...old(),
      { is: 'hidden:system / SourceTextModule', edges: [['hidden', 0, 7], ['hidden', 5, 10]] }, // prettier-ignore
      {
        is: 'array:',
        edges: [
          ['internal', '3', 8],
          ['internal', '4', 9],
        ],
      },
      { is: 'string:made' },
      { is: 'hidden:system / Cell', edges: [['internal', 'value', 11]] },
      { is: 'array:', edges: [['internal', '0', 12]] },
      { is: 'object:Made' },
      { is: 'hidden:system / Cell', edges: [['internal', 'value', 13]] },
      { is: 'object:Imported' },
    ];
    assert.deepEqual(find(nodes), [11]);
  });

  it("is what one of Node's exports that was not used before", () => {
    const builtin: NodeText = { is: 'object:BuiltinModule', edges: [['property', 'exports', 8]] };
    const nodes = loaded([['property', 'list', 9]], { is: 'object:Array' });
    nodes[2] = { is: 'object:Object' };
    nodes[3] = { ...builtin, script: 1 };
    assert.deepEqual(find(nodes), [8, 9]);
    nodes[3] = builtin;
    assert.deepEqual(find(nodes), []);
  });
});
