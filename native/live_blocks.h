#ifndef NATIVE_LIVE_BLOCKS_H_
#define NATIVE_LIVE_BLOCKS_H_

#include <cstddef>
#include <cstdint>

#include "zeroed_array.h"

namespace memray_mocha {

/// The blocks allocated since tracking began and not freed yet, by address:
/// open addressing with linear probing and backward-shift deletion (Knuth, The
/// Art of Computer Programming, vol. 3, 6.4, algorithm R). 16 bytes a slot.
class LiveBlocks {
 public:
  struct Block {
    uint64_t address;  // 0: a free slot
    uint64_t bytes : 63;
    uint64_t is_of_other_thread : 1;
  };

  LiveBlocks() : slots_(kInitialCapacity) {}

  void Insert(uint64_t address, uint64_t bytes, bool is_of_other_thread) {
    if ((count_ + 1) * 4 > slots_.size() * 3) Grow();
    Block& slot = slots_[Find(address)];
    if (slot.address == 0) {
      ++count_;
    } else {
      bytes_ -= slot.bytes;
    }
    slot = {address, bytes, is_of_other_thread};
    bytes_ += bytes;
  }

  /// @return the block that was at `address`; its own is 0 when there was none.
  Block Erase(uint64_t address) {
    size_t hole = Find(address);
    const Block erased = slots_[hole];
    if (erased.address == 0) return erased;
    bytes_ -= erased.bytes;
    --count_;
    const size_t mask = slots_.size() - 1;
    for (size_t i = (hole + 1) & mask; slots_[i].address != 0;
         i = (i + 1) & mask) {
      // A block may fill the hole unless it is nearer to its home than that.
      const size_t home = Home(slots_[i].address);
      if (((i - home) & mask) < ((i - hole) & mask)) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole].address = 0;
    return erased;
  }

  /// To be called some time before one of those above: most of these take is to
  /// wait for memory.
  void Prefetch(uint64_t address) const {
    __builtin_prefetch(&slots_[Home(address)], 1);
  }

  /// The sum of the blocks' sizes.
  uint64_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kInitialCapacity = 4096;  // a power of two

  size_t Home(uint64_t address) const {
    return ((address >> 4) * 0x9E3779B97F4A7C15 >> 20) & (slots_.size() - 1);
  }

  size_t Find(uint64_t address) const {
    size_t i = Home(address);
    while (slots_[i].address != 0 && slots_[i].address != address)
      i = (i + 1) & (slots_.size() - 1);
    return i;
  }

  void Grow() {
    ZeroedArray<Block> old(slots_.size() * 2);
    old.swap(slots_);
    for (const Block& block : old) {
      if (block.address != 0) slots_[Find(block.address)] = block;
    }
  }

  ZeroedArray<Block> slots_;
  size_t count_ = 0;
  uint64_t bytes_ = 0;
};

}  // namespace memray_mocha

#endif  // NATIVE_LIVE_BLOCKS_H_
