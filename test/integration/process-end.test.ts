// The end of a process whose tests were measured.
import assert from 'node:assert/strict';
import { withProject } from '../helpers/mocha-project';

describe('the end of a process', function () {
  it('is as without the plugin where V8 is collecting garbage', function () {
    const source = `
      const kept = [];
      it('allocates', () => { kept.push(Buffer.alloc(10)); });
      process.on('exit', () => {
        for (let i = 0; i < Number(process.env.COUNT); i++) kept.push({ i, s: 'x' + i, a: [i, i + 1] });
      });`;
    withProject(source, (project) => {
      // What is collected just then hangs on how much there is.
      for (let count = 10_000; count <= 60_000; count += 5000) {
        const { code, stdout, stderr } = project.run([], { COUNT: `${count}` });
        assert.equal(code, 0, `${count}: ${stdout}\n${stderr}`);
      }
    });
  });
});
