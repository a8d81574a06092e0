import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { resolve } from 'node:path';
import * as api from '../../dist/index';

const read = (path: string): string => readFileSync(resolve(__dirname, '../..', path), 'utf8');

describe('docs/api.md', function () {
  const page = read('docs/api.md');

  it('has all functions and classes of the package', function () {
    const missing = Object.keys(api).filter((name) => !new RegExp(`\`${name}\\b`).test(page));
    assert.deepEqual(missing, []);
  });

  it('has all methods of the classes', function () {
    const methodsOf = (object: object) =>
      Object.getOwnPropertyNames(object).filter(
        (name) => !['constructor', 'length', 'name', 'prototype'].includes(name),
      );
    const methods = [api.Tracker, api.Tracker.prototype, api.CaptureReader.prototype].flatMap(
      methodsOf,
    );
    assert.deepEqual(
      methods.filter((name) => !new RegExp(`\\b${name}\\b`).test(page)),
      [],
    );
  });

  it('has the codes of all errors, and no others', function () {
    const [union] = /type ErrorCode =[^;]*;/.exec(read('src/errors.ts'))!;
    const codesOf = (text: string) => [...new Set(text.match(/ERR_MEMRAY_\w+/g))].sort();
    assert.deepEqual(codesOf(page), codesOf(union));
  });
});
