import { CaptureReader, type CaptureSource } from '../../dist/capture/capture-reader';
import type { CaptureWriter } from './capture-writer';

/** A source over bytes in memory, which gives at most `chunkBytes` at a time. */
export function createSource(bytes: Uint8Array, chunkBytes = Infinity): CaptureSource {
  return {
    sizeBytes: bytes.length,
    read(offset, target) {
      const length = Math.min(target.length, bytes.length - offset, chunkBytes);
      target.set(bytes.subarray(offset, offset + length));
      return length;
    },
  };
}

/** A reader of what was written so far. */
export function read(written: CaptureWriter | Uint8Array): CaptureReader {
  return new CaptureReader(createSource('toBytes' in written ? written.toBytes() : written));
}
