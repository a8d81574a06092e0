// Image processing in C++, which allocates in worker threads.
const assert = require('node:assert/strict');
const sharp = require('sharp');

const width = 2000;
const height = 1500;
const pixels = Buffer.alloc(width * height * 3, 0x7f);

function thumbnail() {
  const image = sharp(pixels, { raw: { width, height, channels: 3 } });
  return image.resize(200).png().toBuffer();
}

describe('sharp', function () {
  // Notice: most of it was allocated in threads of libvips, where there is no JavaScript to blame.
  it('makes a thumbnail', async function () {
    this.limitMemory('16 MB');
    assert.ok((await thumbnail()).length > 0);
  });

  it('allocates little in the thread of the test', async function () {
    this.limitMemory('1 MB', { currentThreadOnly: true });
    assert.ok((await thumbnail()).length > 0);
  });
});
