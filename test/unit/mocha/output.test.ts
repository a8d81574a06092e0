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

  it('is as wide as COLUMNS says, if that can be a width', function () {
    const { COLUMNS } = process.env;
    // Where tests run in a terminal it is that wide.
    const { columns } = process.stderr;
    delete (process.stderr as { columns?: number }).columns;
    try {
      const widths = ['60', '', 'wide', '-5', '0', 'Infinity', '1e9'].map((text) => {
        process.env.COLUMNS = text;
        return chooseOutput(JSON, Mocha).width;
      });
      assert.deepEqual(widths, [60, 80, 80, 80, 80, 80, 80]);
    } finally {
      process.stderr.columns = columns;
      delete process.env.COLUMNS;
      if (COLUMNS !== undefined) process.env.COLUMNS = COLUMNS;
    }
  });

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
