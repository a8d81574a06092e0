import assert from 'node:assert/strict';
import { collectGarbage } from '../../../dist/mocha/collect-garbage';

/** Tells how often garbage is collected, when this much is live after each time. */
async function countCollections(live: number[], runs = Infinity): Promise<number> {
  let count = 0;
  const tracker = {
    get liveBytes() {
      return live[count - 1] ?? 0;
    },
  };
  const collector = { collectGarbage: () => void (count += 1) };
  await collectGarbage(collector, () => (count < runs ? tracker : undefined), 1000);
  return count;
}

describe('collectGarbage', function () {
  const cases: [string, number[], number][] = [
    ['once where less than the limit is live', [999], 1],
    ['as long as that lets much go', [4000, 3000, 2000, 1000, 999, 500], 5],
    ['until it lets go little', [4000, 3751, 1000], 2],
    ['ten times at most', Array.from({ length: 20 }, (_, i) => 2 ** (40 - i)), 10],
  ];
  for (const [title, live, expected] of cases) {
    it(`collects ${title}`, async function () {
      assert.equal(await countCollections(live), expected);
    });
  }

  it('collects no more once the tracker has been stopped', async function () {
    assert.equal(await countCollections([4000, 3000, 2000], 2), 2);
    assert.equal(await countCollections([4000], 0), 0);
  });

  it('waits for what is queued after each collection', async function () {
    const order: string[] = [];
    const collector = {
      collectGarbage() {
        order.push('collect');
        setImmediate(() => order.push('finalizer'));
      },
    };
    const live = [2000, 0];
    const tracker = {
      get liveBytes() {
        return live.shift()!;
      },
    };
    await collectGarbage(collector, () => tracker, 1000);
    assert.deepEqual(order, ['collect', 'finalizer', 'collect', 'finalizer']);
  });

  it('has V8 let go of the text that a regular expression was last found in', async function () {
    assert.ok(/x/.test('yxz'));
    assert.equal(RegExp.rightContext, 'z');
    await countCollections([]);
    assert.equal(RegExp.rightContext, '');
  });
});
