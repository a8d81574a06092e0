/**
 * A growing array of records of one size, a multiple of four bytes, in raw memory. Records are
 * numbered from 1, as the format numbers its definitions: record 0 is there, all zero, and means
 * "none". Addresses of records are valid until the next `add`.
 */
const FIRST_CAPACITY: u32 = 64;

export class Table {
  /** The number of the last record. */
  last: u32 = 0;
  base: usize;
  private capacity: u32 = FIRST_CAPACITY;

  constructor(private recordBytes: u32) {
    this.base = heap.alloc(<usize>FIRST_CAPACITY * recordBytes);
    memory.fill(this.base, 0, recordBytes);
  }

  /** Adds a record of zeros and gives its number. */
  add(): u32 {
    const number = ++this.last;
    if (number == this.capacity) {
      this.capacity *= 2;
      this.base = heap.realloc(this.base, <usize>this.capacity * this.recordBytes);
    }
    this.clear(number);
    return number;
  }

  at(number: u32): usize {
    return this.base + <usize>number * this.recordBytes;
  }

  /** For so few bytes, to call `memory.fill` takes longer. */
  private clear(number: u32): void {
    const begin = this.at(number);
    const end = begin + this.recordBytes;
    for (let at = begin; at < end; at += sizeof<u32>()) store<u32>(at, 0);
  }
}
