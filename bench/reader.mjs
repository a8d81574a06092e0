// How fast the WebAssembly core reads, and what it needs: node bench/reader.mjs [million events]
import { tsImport } from 'tsx/esm/api';
import { CaptureReader } from '../dist/capture/capture-reader.js';

const { CaptureWriter } = await tsImport('../test/helpers/capture-writer.ts', import.meta.url);

const MILLION = 1e6;
const RUNS = 5;
const HEAP_START = 0x7f0000000000;
const BLOCK_SPACING = 48;
const STACKS = 2000;
const events = Number(process.argv[2] ?? 10) * MILLION;

measure(1000);
measure(2 * MILLION);

/** Blocks die in random order; each address is soon used again, as malloc does. */
function createCapture(liveBlocks) {
  const writer = new CaptureWriter();
  const random = createRandom(1);
  writer.thread(1);
  const code = writer.code('JS:*work /app/work.js:1:1');
  const stacks = Array.from({ length: STACKS }, (_, index) =>
    writer.stack(0, writer.jsFrame(code, index)),
  );
  const addresses = Array.from({ length: liveBlocks }, (_, i) => HEAP_START + i * BLOCK_SPACING);
  const allocate = (address) =>
    writer.allocation(
      address,
      16 + random(500),
      1 + random(2),
      stacks[random(8) ? 7 : random(STACKS)],
    );
  addresses.forEach(allocate);
  for (let done = liveBlocks; done < events; done += 2) {
    const address = addresses[random(liveBlocks)];
    writer.deallocation(address);
    allocate(address);
  }
  return writer.end().toBytes();
}

function measure(liveBlocks) {
  const bytes = createCapture(liveBlocks);
  const source = createSource(bytes);
  const millionsPerSecond = Array.from({ length: RUNS }, () => {
    const reader = new CaptureReader(source);
    const start = process.hrtime.bigint();
    const { allocationCount, deallocationCount } = reader.statistics();
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    reader.close();
    return (allocationCount + deallocationCount) / MILLION / seconds;
  });
  console.log(
    `churn, ${liveBlocks} live: ${Math.max(...millionsPerSecond).toFixed(1)} million events/s, ` +
      `${(bytes.length / events).toFixed(2)} bytes of capture per event, ` +
      `${(source.memoryBytes / MILLION).toFixed(1)} MB of memory, ` +
      `${(source.memoryBytes / liveBlocks).toFixed(0)} bytes per live block`,
  );
}

/** The memory is what the core offers to write the capture to. */
function createSource(bytes) {
  return {
    sizeBytes: bytes.length,
    memoryBytes: 0,
    read(offset, target) {
      this.memoryBytes = target.buffer.byteLength;
      const length = Math.min(target.length, bytes.length - offset);
      target.set(bytes.subarray(offset, offset + length));
      return length;
    },
  };
}

/** A generator of integers below a limit (xorshift), the same in each run. */
function createRandom(seed) {
  let state = seed;
  return (limit) => {
    state ^= state << 13;
    state ^= state >>> 17;
    state ^= state << 5;
    return (state >>> 0) % limit;
  };
}
