'use strict';

// Run by accuracy.test.ts with the real Mocha: each body under a limit above its truth, and one below.
const { bodies, release } = require('./bodies');

const repeats = Number(process.env.ACCURACY_REPEATS ?? 1);
const only = process.env.ACCURACY_BODY ?? '';

for (const { name, run, peak, atLeastBytes, atMostBytes } of bodies) {
  const above = peak?.bytes ?? atMostBytes;
  if (above === undefined || !name.includes(only)) continue;
  const below = peak?.bytes ?? atLeastBytes;

  describe(name, function () {
    this.timeout(60_000);
    afterEach(release);

    for (let i = 0; i < repeats; i++) {
      it('above', function () {
        this.limitMemory(Math.ceil(above * 1.05));
        return run();
      });

      if (below === undefined) continue;
      it('below', function () {
        this.limitMemory(Math.floor(below * 0.95));
        return run();
      });
    }
  });
}
