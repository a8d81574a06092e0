import assert from 'node:assert/strict';
import { constants } from 'node:buffer';
import { createRequire } from 'node:module';
import type { Addon } from '../../../dist/native/addon';
import { ObjectTracker } from '../../../dist/native/object-tracker';

const require = createRequire(__filename);
const addonModule = require('../../../dist/native/addon') as { loadAddon: () => Partial<Addon> };

describe('ObjectTracker', function () {
  const { loadAddon } = addonModule;
  afterEach(() => {
    addonModule.loadAddon = loadAddon;
  });

  function takeSnapshot(snapshot: Buffer) {
    addonModule.loadAddon = () => ({
      assignObjectIds: () => 7,
      takeHeapSnapshot: () => snapshot,
    });
    return new ObjectTracker().takeSnapshot();
  }

  it('gives a snapshot, and the largest identity before', function () {
    assert.deepEqual(takeSnapshot(Buffer.from('{}')), { json: '{}', lastOldId: 7 });
  });

  it('says what to do about a heap that is too large', function () {
    // Of which no page is ever touched.
    const snapshot = Buffer.alloc(constants.MAX_STRING_LENGTH + 1);
    assert.throws(() => takeSnapshot(snapshot), {
      name: 'MemrayMochaError',
      code: 'ERR_MEMRAY_HEAP_TOO_LARGE',
      message: /too large for `limitLeakedObjects`: its snapshot has 537 MB.* use `limitLeaks`/,
    });
  });
});
