// What the package keeps of tests that have ended, beside what Mocha does.
import assert from 'node:assert/strict';
import { MochaProject } from '../helpers/mocha-project';

const FIRST = 1000;
const LAST = 4000;

/** Half as much again as it is: the result, which `test.memray` holds and the report is made of. */
const BYTES_PER_TEST = 800;

const emptyTests = `
  let ended = 0;
  afterEach(() => {
    ended++;
    if (ended !== ${FIRST} && ended !== ${LAST}) return;
    gc();
    gc();
    console.error(process.memoryUsage().heapUsed);
  });
  for (let number = 1; number <= ${LAST}; number++) it('test ' + number, () => {});
`;

describe('the memory of a run of many tests', () => {
  let project: MochaProject;
  before(() => (project = new MochaProject({ 'a.test.js': emptyTests })));
  after(() => project.remove());

  it(`grows by at most ${BYTES_PER_TEST} bytes a test more than it does without tracking`, () => {
    const added = growth('all') - growth('off');
    assert.ok(added > 0, `${added} bytes: nothing was tracked`);
    assert.ok(added <= BYTES_PER_TEST, `${Math.round(added)} bytes`);
  });

  function growth(mode: string): number {
    const { code, stderr } = project.run(['--expose-gc', '--reporter', 'dot'], { MEMRAY: mode });
    assert.equal(code, 0, stderr);
    const [first, last] = stderr.trim().split('\n').map(Number);
    return (last! - first!) / (LAST - FIRST);
  }
});
