// Distributions strip Node's file of the symbols that only debuggers need.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { MochaProject } from '../helpers/mocha-project';

const index = JSON.stringify(join(__dirname, '../../dist/index.js'));

/** Has V8 compile hot functions in its helper threads, one after the other, and says what was in use at most. */
const compiles = `
  const { Tracker } = require(${index});
  const hot = (i) => \`
    let sum = \${i};
    for (const x of numbers) {
      sum += x * \${i} + Math.sqrt(sum);
      if (sum > 1e9) sum = numbers.map((y) => y + sum).reduce((y, z) => y + z) % 7;
    }
    return sum;\`;
  const tracker = new Tracker({ jsHeap: false });
  tracker.start();
  for (let i = 0; i < 100; i++) {
    const run = new Function('numbers', hot(i));
    for (let j = 0; j < 20; j++) run(Array.from({ length: 5000 }, (_, index) => index));
  }
  const allocations = tracker.stop().highWaterMark();
  console.log(allocations.reduce((sum, { bytes }) => sum + bytes, 0));`;

describe('a Node that was stripped of its symbols', function () {
  let project: MochaProject;
  let node: string;

  before(() => {
    project = new MochaProject({ 'compiles.js': compiles });
    node = join(project.folder, 'node');
    execFileSync('strip', ['-o', node, process.execPath]);
  });
  after(() => project.remove());

  const measure = (...args: string[]): number =>
    Number(
      execFileSync(node, [...args, join(project.folder, 'compiles.js')], { encoding: 'utf8' }),
    );

  it("has V8's helper threads not count, either", () => {
    assert.ok(measure() < 300e3);
  });

  it('nor where there are few of them, or without work', () => {
    for (const arg of ['--v8-pool-size=0', '--v8-pool-size=1', '--single-threaded'])
      assert.ok(measure(arg) < 300e3, arg);
  });
});
