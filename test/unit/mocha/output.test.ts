import assert from 'node:assert/strict';
import Mocha from 'mocha';
import { chooseOutput } from '../../../dist/mocha/output';

const { Base, Spec, Dot, XUnit, JSON, JSONStream, TAP, Markdown, Doc } = Mocha.reporters;

describe('chooseOutput', function () {
  for (const reporter of [Spec, Dot, class Mine extends Spec {}]) {
    it(`writes to stdout beside the reporter ${reporter.name}`, function () {
      assert.equal(chooseOutput(reporter, Mocha).stream, process.stdout);
    });
  }

  for (const reporter of [
    JSON,
    XUnit,
    TAP,
    JSONStream,
    Doc,
    Markdown,
    class Mine extends Base {},
  ]) {
    it(`leaves stdout to the reporter ${reporter.name}`, function () {
      assert.equal(chooseOutput(reporter, Mocha).stream, process.stderr);
    });
  }

  it('has no colours with NO_COLOR', function () {
    const { NO_COLOR } = process.env;
    const base = Base as unknown as { useColors: boolean };
    const { useColors } = base;
    base.useColors = true;
    try {
      process.env.NO_COLOR = '1';
      assert.equal(chooseOutput(Spec, Mocha).colors, false);
      delete process.env.NO_COLOR;
      assert.equal(chooseOutput(Spec, Mocha).colors, true);
    } finally {
      base.useColors = useColors;
      if (NO_COLOR !== undefined) process.env.NO_COLOR = NO_COLOR;
    }
  });
});
