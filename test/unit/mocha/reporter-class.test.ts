import assert from 'node:assert/strict';
import { resolve } from 'node:path';
import Mocha from 'mocha';
import { findReporter, findWriter, isKindOf } from '../../../dist/mocha/reporter-class';

const cwd = resolve(__dirname, '../../..');
const { Base, Dot, Spec } = Mocha.reporters;

describe('findReporter', function () {
  it("finds Mocha's own, and a file", function () {
    assert.equal(findReporter('dot', Mocha, cwd), Dot);
    const counting = findReporter('./scripts/counting-reporter.cjs', Mocha, cwd);
    assert.ok(isKindOf(counting, Base));
  });

  it('names the nearest when there is none', function () {
    assert.throws(() => findReporter('xnuit', Mocha, cwd), {
      code: 'ERR_MEMRAY_REPORTER_NOT_FOUND',
      message: /reporter `xnuit`.*Did you mean xunit\?$/,
    });
  });
});

describe('findWriter', function () {
  it('is the reporter, or what it wraps', function () {
    class Wrapping extends Base {
      static chooseWrapped = () => Dot;
    }
    assert.equal(findWriter(new Mocha({ reporter: Dot })), Dot);
    assert.equal(findWriter(new Mocha({ reporter: Wrapping })), Dot);
  });
});

describe('isKindOf', function () {
  it('is true of a class and those derived from it', function () {
    assert.deepEqual(
      [Spec, class extends Spec {}, Dot].map((each) => isKindOf(each, Spec)),
      [true, true, false],
    );
  });
});
