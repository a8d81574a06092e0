/**
 * Numbers distinct pairs of u32 in order of their first appearance, from 1. Open addressing over
 * the pairs, which lie in one array in that order.
 */
import { hash } from './hash';
import { allocateZeros } from './zeros';

const FIRST_SLOTS: u32 = 64;
const PAIR_BYTES: u32 = sizeof<u64>();

export class PairIndex {
  /** The number of the last pair. */
  last: u32 = 0;
  /** Pair n at n * PAIR_BYTES: the first half, then the second. */
  private pairs: usize = heap.alloc(pairBytes(FIRST_SLOTS));
  private slots: usize = 0;
  private slotCount: u32 = 0;
  /** How far a hash is shifted to leave the number of a slot. */
  private shift: u32 = 0;

  constructor() {
    store<u64>(this.pairs, 0);
    this.setSlots(FIRST_SLOTS);
  }

  first(number: u32): u32 {
    return load<u32>(this.pairs + <usize>number * PAIR_BYTES);
  }

  /** The number of a pair, 0 when it was never added. */
  find(first: u32, second: u32): u32 {
    return load<u32>(this.findSlot(join(first, second)));
  }

  /** The number of a pair, which is added when it is new: then the number is the new `last`. */
  add(first: u32, second: u32): u32 {
    const pair = join(first, second);
    const slot = this.findSlot(pair);
    const known = load<u32>(slot);
    if (known != 0) return known;
    const number = ++this.last;
    store<u64>(this.pairs + <usize>number * PAIR_BYTES, pair);
    store<u32>(slot, number);
    if (number * 2 >= this.slotCount) this.grow();
    return number;
  }

  private findSlot(pair: u64): usize {
    const mask = this.slotCount - 1;
    let index = <u32>(hash(pair) >> this.shift);
    while (true) {
      const slot = this.slots + <usize>index * sizeof<u32>();
      const number = load<u32>(slot);
      if (number == 0 || load<u64>(this.pairs + <usize>number * PAIR_BYTES) == pair) return slot;
      index = (index + 1) & mask;
    }
  }

  private grow(): void {
    heap.free(this.slots);
    this.setSlots(this.slotCount * 2);
    this.pairs = heap.realloc(this.pairs, pairBytes(this.slotCount));
    for (let number: u32 = 1; number <= this.last; number++) {
      store<u32>(this.findSlot(load<u64>(this.pairs + <usize>number * PAIR_BYTES)), number);
    }
  }

  private setSlots(count: u32): void {
    this.slotCount = count;
    this.shift = 64 - ctz(count);
    this.slots = allocateZeros(<usize>count * sizeof<u32>());
  }
}

/** Half of the slots stay empty; there is a pair 0, which is no pair. */
function pairBytes(slotCount: u32): usize {
  return (<usize>slotCount / 2 + 1) * PAIR_BYTES;
}

function join(first: u32, second: u32): u64 {
  return ((<u64>second) << 32) | first;
}
