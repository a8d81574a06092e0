// Node's own zlib: a stream's output goes to a Buffer that the stream owns, outside the JS heap.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const zlib = require('node:zlib');

const message = Buffer.from('{"name":"memray"}'.repeat(1000));
const history = [];

async function compress() {
  const stream = zlib.createGzip();
  stream.end(message);
  stream.resume();
  await once(stream, 'end');
  return stream;
}

describe('zlib', function () {
  it('keeps what each stream has written', async function () {
    this.limitLeaks('256 KB');
    for (let i = 0; i < 20; i++) history.push((await compress()).bytesWritten);
    assert.equal(history.length, 20);
  });

  // Notice: the streams have ended and nothing but memory is wrong; each still owns its Buffer. The
  // call stack begins at the line that made the streams, in compress, not where they are kept.
  it('keeps each stream, over its limit on purpose', async function () {
    this.limitLeaks('256 KB');
    for (let i = 0; i < 20; i++) history.push(await compress());
    assert.equal(history.length, 40);
  });
});
