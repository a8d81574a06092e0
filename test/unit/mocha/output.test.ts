import assert from 'node:assert/strict';
import type Mocha from 'mocha';
import { chooseOutput } from '../../../dist/mocha/output';

const mocha = { reporters: { Base: { useColors: true } } } as unknown as typeof Mocha;

describe('chooseOutput', function () {
  for (const reporter of ['spec', 'dot', 'Spec', 'memray-mocha/reporter']) {
    it(`writes to stdout beside the reporter ${reporter}`, function () {
      assert.equal(chooseOutput(reporter, mocha).stream, process.stdout);
    });
  }

  for (const reporter of ['json', 'xunit', 'tap', 'json-stream', 'doc', 'markdown', './mine.js']) {
    it(`leaves stdout to the reporter ${reporter}`, function () {
      assert.equal(chooseOutput(reporter, mocha).stream, process.stderr);
    });
  }

  it('has no colours with NO_COLOR', function () {
    const { NO_COLOR } = process.env;
    try {
      process.env.NO_COLOR = '1';
      assert.equal(chooseOutput('spec', mocha).colors, false);
      delete process.env.NO_COLOR;
      assert.equal(chooseOutput('spec', mocha).colors, true);
    } finally {
      if (NO_COLOR !== undefined) process.env.NO_COLOR = NO_COLOR;
    }
  });
});
