// The lines of what cold code allocates: V8's interpreter does not say where it is, and Sparkplug tells nobody.
import assert from 'node:assert/strict';
import { execFileSync } from 'node:child_process';
import { join } from 'node:path';
import { node } from './run-body';

interface ColdFunction {
  name: string;
  line: number;
  objectsByLine: Record<string, number>;
}

const compilers = {
  "V8's interpreter": '--no-sparkplug',
  Sparkplug: '--always-sparkplug',
};

for (const [compiler, flag] of Object.entries(compilers)) {
  describe(`in ${compiler}, cold code has the line of`, function () {
    this.timeout(180_000);
    const args = [flag, '--no-opt', join(__dirname, 'cold-lines.js')];
    const output = execFileSync(node, args, { encoding: 'utf8' });

    for (const { name, line, objectsByLine } of JSON.parse(output) as ColdFunction[]) {
      it(name, () => {
        assert.deepEqual(Object.keys(objectsByLine), [`${line}`], JSON.stringify(objectsByLine));
        assert.ok(objectsByLine[line]! >= 100, JSON.stringify(objectsByLine));
      });
    }
  });
}
