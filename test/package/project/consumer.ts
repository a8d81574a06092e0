// Compiled, never run: what a TypeScript user writes, and mistakes the types must catch.
import { CaptureReader, Tracker } from 'memray-mocha';
import type { AllocationRecord, CallStack } from 'memray-mocha';
import 'memray-mocha/register';

const isOurs = (stack: CallStack): boolean => stack.frames[0]?.functionName === 'keepBuffers';

describe('types', function () {
  this.limitMemory('24 MB');

  beforeEach(function () {
    this.limitLeaks('64 KB', isOurs);
  });

  it('of a test', function () {
    this.limitMemory(1024, { currentThreadOnly: true });
    this.limitLeaks('1 MB', { filterFn: isOurs });
    this.limitLeaks('1 MB', { repeat: 50, warmup: 2 });
    // @ts-expect-error a number of runs is a number
    this.limitLeaks('1 MB', { repeat: '50' });
    // @ts-expect-error a limit is text or a number
    this.limitMemory(true);
    // @ts-expect-error a filter answers with true or false
    this.limitLeaks('1 MB', () => 'yes');
  });

  afterEach(function () {
    const peakBytes: number | undefined = this.currentTest!.memray?.peak.bytes;
    console.log(peakBytes);
  });

  it('of a chain', () => {}).limitMemory('24 MB');
});

const tracker = new Tracker({ native: true });
tracker.start();
const rows: AllocationRecord[] = tracker.stop().highWaterMark();
const kept: CaptureReader = new CaptureReader('kept.bin');
export const bytes: number = rows.reduce((sum, row) => sum + row.bytes, kept.metadata.pid);
