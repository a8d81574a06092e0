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

measure('churn, 1 thousand live', createCapture(1000));
measure('churn, 2 million live', createCapture(2 * MILLION));

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

function measure(title, bytes) {
  const millions = Array.from({ length: RUNS }, () => {
    const reader = new CaptureReader(createSource(bytes));
    const start = process.hrtime.bigint();
    const { allocationCount, deallocationCount } = reader.statistics();
    const seconds = Number(process.hrtime.bigint() - start) / 1e9;
    reader.close();
    return (allocationCount + deallocationCount) / seconds / MILLION;
  });
  const best = Math.max(...millions).toFixed(1);
  const bytesPerEvent = (bytes.length / events).toFixed(2);
  console.log(`${title}: ${best} million events/s (${bytesPerEvent} bytes per event)`);
}

function createSource(bytes) {
  const read = (offset, target) => {
    const length = Math.min(target.length, bytes.length - offset);
    target.set(bytes.subarray(offset, offset + length));
    return length;
  };
  return { sizeBytes: bytes.length, read };
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
