// The limits come from the environment: package.test.ts measures first and limits then.
const kept = [];

function keepBuffers() {
  for (let i = 0; i < 64; i++) kept.push(Buffer.alloc(65536));
}

afterEach(() => {
  kept.length = 0;
});

it('uses memory', function () {
  this.limitMemory(process.env.MEMORY_LIMIT ?? '1 GB');
  keepBuffers();
});

it('leaks memory', function () {
  this.limitLeaks(process.env.LEAK_LIMIT ?? '1 KB');
  keepBuffers();
});
