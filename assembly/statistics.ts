/** Counts of everything, for the chosen threads. */
import { ALLOCATORS } from './records';
import { allocateZeros } from './zeros';

@unmanaged
export class AllocatorTotals {
  count: u64;
  bytes: u64;
}

/** Bucket i counts sizes from 2^i to 2^(i+1) - 1; the first also 0, the last all above. */
export const SIZE_BUCKETS: u32 = 48;

export let allocationCount: u64 = 0;
export let allocationBytes: u64 = 0;
/** Deallocations that ended a counted allocation. */
export let deallocationCount: u64 = 0;
export let minSize: u64 = u64.MAX_VALUE;
export let maxSize: u64 = 0;

const histogram: usize = allocateZeros(SIZE_BUCKETS * sizeof<u64>());
const allocators: usize = allocateZeros(ALLOCATORS * offsetof<AllocatorTotals>());

export function countAllocation(size: u64, allocator: u32): void {
  allocationCount++;
  allocationBytes += size;
  minSize = min(minSize, size);
  maxSize = max(maxSize, size);
  const bucket = bucketAt(min(63 - <u32>clz(size | 1), SIZE_BUCKETS - 1));
  store<u64>(bucket, load<u64>(bucket) + 1);
  const totals = getAllocatorTotals(allocator);
  totals.count++;
  totals.bytes += size;
}

export function countDeallocation(): void {
  deallocationCount++;
}

export function getAllocatorTotals(allocator: u32): AllocatorTotals {
  return changetype<AllocatorTotals>(allocators + <usize>allocator * offsetof<AllocatorTotals>());
}

/** The first allocator above this one that was used; 0 when there is none. */
export function nextAllocator(after: u32): u32 {
  for (let allocator = after + 1; allocator < ALLOCATORS; allocator++) {
    if (getAllocatorTotals(allocator).count > 0) return allocator;
  }
  return 0;
}

export function getBucket(index: u32): u64 {
  return load<u64>(bucketAt(index));
}

function bucketAt(index: u32): usize {
  return histogram + <usize>index * sizeof<u64>();
}
