import { bodies } from '../bodies';
import { checkLeaks, checkPeakLine } from '../checks';
import { measureBody } from '../run-body';

/** Each has V8 move or throw away objects or code at times when it usually does not. */
const movingFlags = [
  ['--stress-compaction', '--gc-interval=2000'],
  ['--compact-on-every-full-gc', '--stress-flush-code'],
  ['--stress-scavenge=50', '--max-semi-space-size=1'],
];

describe('lines stay the same while V8 moves objects and code, for', function () {
  this.timeout(240_000);
  for (const body of bodies.filter(({ leaks, line }) => leaks ?? line)) {
    it(body.name, () => {
      for (const flags of movingFlags) {
        const measured = measureBody(body, flags);
        if (body.line) checkPeakLine(body, measured.peakByLine, flags.join(' '));
        checkLeaks(measured, flags.join(' '));
      }
    });
  }
});
