'use strict';

// Run by accuracy.test.ts with the real Mocha: each body under a limit above its truth, and one below.
const { bodies, release } = require('./bodies');

const repeats = Number(process.env.ACCURACY_REPEATS ?? 1);
const only = process.env.ACCURACY_BODY ?? '';

for (const body of bodies) {
  const truth = findTruth(body);
  if (!truth || !body.name.includes(only)) continue;
  const { limit, above, below } = truth;

  describe(body.name, function () {
    this.timeout(60_000);
    afterEach(release);

    for (let i = 0; i < repeats; i++) {
      it('above', function () {
        this[limit](Math.ceil(above * 1.05));
        return body.run();
      });

      if (below === undefined) continue;
      it('below', function () {
        this[limit](Math.floor(below * 0.95));
        return body.run();
      });
    }
  });
}

/** What a limit has to be above, and below. */
function findTruth({ peak, atLeastBytes, atMostBytes, leaks, isOfSeveralStacks }) {
  if (leaks) {
    const ofLines = Object.values(leaks).map(({ bytes }) => bytes);
    const below = isOfSeveralStacks ? undefined : Math.min(...ofLines);
    return { limit: 'limitLeaks', above: Math.max(...ofLines), below };
  }
  const above = peak?.bytes ?? atMostBytes;
  return above && { limit: 'limitMemory', above, below: peak?.bytes ?? atLeastBytes };
}
