import { bodies } from '../bodies';
import { assertNear } from '../checks';
import { measureSnapshot } from '../run-body';

// By V8's own account, with nothing of this package loaded.
describe('the truth about', function () {
  this.timeout(60_000);
  for (const body of bodies.filter(({ leaks }) => leaks)) {
    it(body.name, () => {
      const { truthBytes, keptBytes } = measureSnapshot(body);
      assertNear(keptBytes, { bytes: truthBytes, tolerance: 0.01 }, 'what heap snapshots have');
    });
  }
});
