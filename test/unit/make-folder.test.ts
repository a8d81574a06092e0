import assert from 'node:assert/strict';
import fs from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { makeFolder } from '../../dist/make-folder';
import { loadAnew } from '../helpers/load-anew';

describe('makeFolder', function () {
  const { mkdirSync } = fs;
  let folder: string;

  beforeEach(function () {
    folder = fs.mkdtempSync(join(tmpdir(), 'memray-mocha-test-'));
  });
  afterEach(function () {
    fs.mkdirSync = mkdirSync;
    fs.rmSync(folder, { recursive: true });
  });

  /** Another process comes first with each folder that is made. */
  function comeFirst(make: (path: string) => void) {
    const made: string[] = [];
    fs.mkdirSync = ((path: string) => {
      made.push(path);
      make(path);
      mkdirSync(path);
    }) as typeof mkdirSync;
    return { made, ...loadAnew<{ makeFolder: typeof makeFolder }>('../../dist/make-folder') };
  }

  it('makes a folder, and those it is in', function () {
    for (let time = 1; time <= 2; time++) makeFolder(join(folder, 'a/b'));
    assert.ok(fs.statSync(join(folder, 'a/b')).isDirectory());
  });

  it('goes on where another process has just made one', function () {
    const { made, makeFolder: make } = comeFirst((path) => mkdirSync(path));
    make(join(folder, 'a/b'));
    assert.deepEqual(made, [join(folder, 'a'), join(folder, 'a/b')]);
    assert.ok(fs.statSync(join(folder, 'a/b')).isDirectory());
  });

  it('fails where another process has just made a file', function () {
    const { makeFolder: make } = comeFirst((path) => fs.writeFileSync(path, ''));
    assert.throws(() => make(join(folder, 'a')), { code: 'EEXIST' });
  });

  it('fails at a link to nowhere', function () {
    fs.symlinkSync(join(folder, 'nowhere'), join(folder, 'link'));
    assert.throws(() => makeFolder(join(folder, 'link')), { code: 'EEXIST' });
    assert.throws(() => makeFolder(join(folder, 'link/a')), { code: 'EEXIST' });
  });
});
