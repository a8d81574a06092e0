// Node's own zlib keeps each stream's window and tables in native memory, which process.memoryUsage()
// shows only as a larger rss.
const assert = require('node:assert/strict');
const { once } = require('node:events');
const zlib = require('node:zlib');

const body = Buffer.from('{"name":"memray"}'.repeat(1000));
const openStreams = new Set();

async function compress(chunk) {
  const stream = zlib.createGzip();
  openStreams.add(stream);
  stream.end(chunk);
  stream.resume();
  await once(stream, 'end');
  return stream;
}

describe('zlib', function () {
  it('closes the stream of each response', async function () {
    this.limitLeaks('256 KB');
    for (let i = 0; i < 20; i++) {
      const stream = await compress(body);
      openStreams.delete(stream);
      stream.close();
    }
    assert.equal(openStreams.size, 0);
  });

  // Notice: nothing here fails but the memory. The call stack starts at createGzip, in compress.
  it('forgets the streams of its responses, over its limit on purpose', async function () {
    this.limitLeaks('256 KB');
    for (let i = 0; i < 20; i++) await compress(body);
    assert.equal(openStreams.size, 20);
  });
});
