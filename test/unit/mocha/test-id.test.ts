import assert from 'node:assert/strict';
import Mocha from 'mocha';
import { identifyTest, nameCaptureFile } from '../../../dist/mocha/test-id';

function createTest(title: string, file?: string): Mocha.Test {
  const root = new Mocha.Suite('', new Mocha.Context());
  root.root = true;
  const suite = Mocha.Suite.create(root, 'importer');
  const test = new Mocha.Test(title, () => {});
  suite.addTest(test);
  if (file) test.file = file;
  return test;
}

describe('identifyTest', function () {
  it('names file, suites and title', function () {
    assert.deepEqual(identifyTest(createTest('parses', '/app/test/a.test.js'), '/app'), {
      id: 'test/a.test.js > importer > parses',
      file: 'test/a.test.js',
      titlePath: ['importer', 'parses'],
    });
  });

  it('does without a file', function () {
    assert.equal(identifyTest(createTest('parses'), '/app').id, 'importer > parses');
  });
});

describe('nameCaptureFile', function () {
  it('is readable', function () {
    const id = 'test/magic/a.test.js > importer > parses [1], ünïcode: "all/any"';
    assert.equal(
      nameCaptureFile('H', id, 0),
      'H-test-magic-a.test.js-importer-parses-[1]-ünïcode-all-any-.bin',
    );
  });

  it('differs for each retry', function () {
    assert.equal(nameCaptureFile('H', 'a.js > t', 2), 'H-a.js-t-retry2.bin');
  });

  for (const letter of ['a', 'ü', '漢', '𝒳']) {
    it(`has at most 255 bytes for a long title of ${letter}, and stays distinct`, function () {
      const id = `a.js > ${letter.repeat(300)}`;
      const name = nameCaptureFile('H', id, 0);
      assert.ok(Buffer.byteLength(name) <= 255);
      assert.match(name, /^H-a\.js-.*-[0-9a-f]{16}\.bin$/);
      assert.notEqual(name, nameCaptureFile('H', `${id}x`, 0));
      assert.notEqual(name, nameCaptureFile('H', id, 1));
      assert.ok(!name.includes('�'));
    });
  }

  it('fills the 255 bytes', function () {
    assert.equal(Buffer.byteLength(nameCaptureFile('H'.repeat(96), 'a'.repeat(300), 0)), 255);
  });
});
