/** What a capture's hot records do to memory, said as simply as it can be: for comparison. */

interface Block {
  size: number;
  key: string;
}

interface Mapping extends Block {
  start: number;
}

type Sums = Map<string, { bytes: number; count: number }>;

/** Keys stand for what allocations are summed by: call stack, thread, heap. */
export class MemoryModel {
  peakBytes = 0;
  /** What was live at the peak. */
  peak: Sums = new Map();
  total: Sums = new Map();
  private readonly blocks = new Map<number, Block>();
  private mappings: Mapping[] = [];

  /** @param key undefined for an allocation that does not count */
  allocateBlock(address: number, size: number, key: string | undefined): void {
    this.blocks.delete(address);
    if (key === undefined) return;
    this.blocks.set(address, { size, key });
    this.noteAllocation(size, key);
  }

  deallocate(address: number): void {
    this.blocks.delete(address);
  }

  allocateMapping(start: number, size: number, key: string | undefined): void {
    this.unmap(start, size);
    if (key === undefined) return;
    if (size > 0) this.mappings.push({ start, size, key });
    this.noteAllocation(size, key);
  }

  unmap(start: number, size: number): void {
    const end = start + size;
    this.mappings = this.mappings.flatMap((mapping) => {
      const mappingEnd = mapping.start + mapping.size;
      if (mappingEnd <= start || mapping.start >= end || size === 0) return [mapping];
      return [
        { ...mapping, size: start - mapping.start },
        { ...mapping, start: end, size: mappingEnd - end },
      ].filter((part) => part.size > 0);
    });
  }

  /** What is live now. */
  live(): Sums {
    const sums: Sums = new Map();
    for (const { size, key } of [...this.blocks.values(), ...this.mappings]) add(sums, key, size);
    return sums;
  }

  private noteAllocation(size: number, key: string): void {
    add(this.total, key, size);
    const live = this.live();
    const bytes = [...live.values()].reduce((sum, item) => sum + item.bytes, 0);
    if (bytes <= this.peakBytes) return;
    this.peakBytes = bytes;
    this.peak = live;
  }
}

function add(sums: Sums, key: string, bytes: number): void {
  const sum = sums.get(key) ?? { bytes: 0, count: 0 };
  sums.set(key, { bytes: sum.bytes + bytes, count: sum.count + 1 });
}
