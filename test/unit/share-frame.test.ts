import assert from 'node:assert/strict';
import { shareFrame } from '../../dist/share-frame';
import { frame } from '../helpers/rows';

describe('shareFrame', function () {
  it('gives one frame for all that are equal', function () {
    const first = shareFrame(frame('f:/a.js:1'));
    assert.deepEqual(first, frame('f:/a.js:1'));
    assert.equal(shareFrame(frame('f:/a.js:1')), first);
  });

  it('keeps apart what differs anywhere', function () {
    const first = frame('f:/a.js:1');
    const others = [
      { functionName: 'g' },
      { filename: '/b.js' },
      { lineNumber: 2 },
      { columnNumber: 8 },
      { kind: 'wasm' as const },
    ].map((change) => ({ ...first, ...change }));
    for (const each of [first, ...others]) assert.deepEqual(shareFrame({ ...each }), each);
  });
});
