// What the package keeps of tests that have ended, beside what Mocha does.
import assert from 'node:assert/strict';
import { withProject } from '../helpers/mocha-project';

const FIRST = 1000;
const LAST = 4000;

const tests = (body: string) => `
  let ended = 0;
  afterEach(() => {
    ended++;
    if (ended !== ${FIRST} && ended !== ${LAST}) return;
    gc();
    gc();
    console.error(process.memoryUsage().heapUsed);
  });
  for (let number = 1; number <= ${LAST}; number++) it('test ' + number, ${body});
`;

/** Keeps ten call stacks of some forty frames. */
const deepBody = `() => {
  const kept = [];
  const descend = (depth, end) => (depth > 0 ? descend(depth - 1, end) : end());
  for (let depth = 35; depth < 45; depth++) descend(depth, () => kept.push(Buffer.alloc(10000)));
}`;

describe('the memory of a run of many tests', () => {
  /** Half as much again as it is: the result, which `test.memray` holds and the report is made of. */
  const cases = [
    ['that are empty', '() => {}', 800],
    ['with deep call stacks', deepBody, 8_400],
  ] as const;
  for (const [which, body, bytesPerTest] of cases) {
    it(`${which} grows by at most ${bytesPerTest} bytes a test more than without tracking`, () => {
      const added = growth(body, 'all') - growth(body, 'off');
      assert.ok(added > 0, `${added} bytes: nothing was tracked`);
      assert.ok(added <= bytesPerTest, `${Math.round(added)} bytes`);
    });
  }

  function growth(body: string, mode: string): number {
    return withProject(tests(body), (project) => {
      const { code, stderr } = project.run(['--expose-gc', '--reporter', 'dot'], { MEMRAY: mode });
      assert.equal(code, 0, stderr);
      const [first, last] = stderr.trim().split('\n').map(Number);
      return (last! - first!) / (LAST - FIRST);
    });
  }
});
