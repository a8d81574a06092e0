import assert from 'node:assert/strict';
import { isOfPlatform } from '../../../dist/limits/platform-memory';
import { row } from '../../helpers/rows';

const test = 'test:/app/a.test.js:2';

describe('isOfPlatform', function () {
  const kept: [string, number, string[]][] = [
    ['the table of all names', 65536, ['native v8::internal::StringTable::Grow(int):node:0', test]],
    ['what ICU makes once', 1000, ['native uprv_malloc:node:0', 'native initCache(UErrorCode&):node:0', test]],
    ['the modules of Node', 5000, ['compileForInternalLoader:node:internal/bootstrap/realm:9', test]],
    ["TypeScript's compiler", 9e6, ['wasm_func:node:internal/deps/amaro/dist/index:1', test]],
    [
      'a certificate that Node trusts',
      2000,
      [
        'native PEM_ASN1_read_bio:node:0',
        'native node::crypto::NewRootCertStore():node:0',
        test,
      ],
    ],
    ['one buffer to read into', 65536, ['native node::StreamReadSlab::Allocate():node:0', test]],
    ["one slab of Node's pool", 8192, ['createPool:node:buffer:9', test]],
  ]; // prettier-ignore
  for (const [title, bytes, frames] of kept) {
    it(`is true of ${title}`, function () {
      assert.equal(isOfPlatform(row(bytes, frames)), true);
    });
  }

  const leaked: [string, number, string[]][] = [
    ['what an addon keeps', 1000, ['native keep(int):addon.node:0', test]],
    ['a second slab, which something holds', 2 * Buffer.poolSize, ['createPool:node:buffer:9', test]],
    ['two buffers to read into', 131072, ['native node::StreamReadSlab::Allocate():node:0', test]],
    [
      "a store of certificates of the test's",
      2000,
      ['native X509_STORE_new:node:0', 'native node::crypto::NewRootCertStore():node:0', test],
    ],
    ["a certificate of the test's", 2000, ['native PEM_ASN1_read_bio:node:0', test]],
  ]; // prettier-ignore
  for (const [title, bytes, frames] of leaked) {
    it(`is false of ${title}`, function () {
      assert.equal(isOfPlatform(row(bytes, frames)), false);
    });
  }

  it('is true of objects that V8 makes for itself, and of none that come while no JavaScript runs', function () {
    const js = { heap: 'js' } as const;
    assert.equal(isOfPlatform(row(100, ['native V8 compiler::0'], js)), true);
    assert.equal(isOfPlatform(row(100, ['native <unknown>::0'], js)), false);
    assert.equal(isOfPlatform(row(100, ['native JSON.parse::0', test], js)), false);
  });
});
