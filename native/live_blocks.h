#ifndef NATIVE_LIVE_BLOCKS_H_
#define NATIVE_LIVE_BLOCKS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <unordered_map>

#include "fibonacci_hash.h"
#include "zeroed_array.h"

namespace memray_mocha {

/// The blocks allocated since tracking began and not freed yet, by address:
/// open addressing with linear probing and backward-shift deletion (Knuth, The
/// Art of Computer Programming, vol. 3, 6.4, algorithm R). Eight bytes a slot,
/// since most of the time it takes is to wait for memory: an address on Linux
/// has 47 bits, of a block the lowest three are zero, and few blocks have more
/// than half a MiB.
class LiveBlocks {
 public:
  struct Block {
    uint64_t address;
    uint64_t bytes;
    bool is_of_other_thread;
  };

  LiveBlocks() : slots_(kInitialCapacity) {}

  void Insert(const Block& block) {
    bytes_ += block.bytes;
    if (!HasSlot(block.address)) [[unlikely]] {
      EraseOther(block.address);
      others_[block.address] = block;
      return;
    }
    if ((count_ + 1) * 4 > slots_.size() * 3) Grow();
    uint64_t& slot = slots_[Find(block.address)];
    if (slot == 0)
      ++count_;
    else
      bytes_ -= TakeBytes(slot);
    slot = block.address << kAddressShift | std::min(block.bytes, kLarge) |
           (block.is_of_other_thread ? kOther : 0);
    if (block.bytes >= kLarge) others_[block.address] = block;
  }

  /// @return the block that was at `address`; its own is 0 when there was none.
  Block Erase(uint64_t address) {
    if (!HasSlot(address)) [[unlikely]]
      return EraseOther(address);
    const size_t i = Find(address);
    const uint64_t slot = slots_[i];
    if (slot == 0) return {};
    const uint64_t bytes = TakeBytes(slot);
    bytes_ -= bytes;
    EraseSlot(i);
    return {address, bytes, (slot & kOther) != 0};
  }

  /// To be called some time before one of those above. Inlined everywhere: else
  /// GCC finds that nothing is changed, and leaves out the call.
  [[gnu::always_inline]] void Prefetch(uint64_t address) const {
    __builtin_prefetch(&slots_[Home(address)], 1);
  }

  /// The sum of the blocks' sizes.
  uint64_t bytes() const { return bytes_; }

 private:
  static constexpr size_t kInitialCapacity = 4096;  // a power of two

  // A slot, from its lowest bit: how many bytes, or kLarge when others_ knows;
  // kOther; the address without its lowest three bits. 0: it is free.
  static constexpr uint64_t kLarge = (uint64_t{1} << 19) - 1;
  static constexpr uint64_t kOther = uint64_t{1} << 19;
  static constexpr int kAddressShift = 17;

  static bool HasSlot(uint64_t address) {
    return address >> 47 == 0 && (address & 7) == 0;
  }
  static uint64_t AddressOf(uint64_t slot) {
    return slot >> kAddressShift & ~uint64_t{7};
  }

  size_t Home(uint64_t address) const {
    return FibonacciHash(address >> 4, 44) & (slots_.size() - 1);
  }

  size_t Find(uint64_t address) const {
    size_t i = Home(address);
    while (slots_[i] != 0 && AddressOf(slots_[i]) != address)
      i = (i + 1) & (slots_.size() - 1);
    return i;
  }

  uint64_t TakeBytes(uint64_t slot) {
    const uint64_t bytes = slot & kLarge;
    if (bytes < kLarge) [[likely]]
      return bytes;
    const auto large = others_.extract(AddressOf(slot));
    return large.mapped().bytes;
  }

  Block EraseOther(uint64_t address) {
    const auto other = others_.extract(address);
    if (!other) return {};
    bytes_ -= other.mapped().bytes;
    return other.mapped();
  }

  void EraseSlot(size_t hole) {
    --count_;
    const size_t mask = slots_.size() - 1;
    for (size_t i = (hole + 1) & mask; slots_[i] != 0; i = (i + 1) & mask) {
      // A block may fill the hole unless it is nearer to its home than that.
      const size_t home = Home(AddressOf(slots_[i]));
      if (((i - home) & mask) < ((i - hole) & mask)) continue;
      slots_[hole] = slots_[i];
      hole = i;
    }
    slots_[hole] = 0;
  }

  void Grow() {
    ZeroedArray<uint64_t> old(slots_.size() * 2);
    old.swap(slots_);
    for (const uint64_t slot : old) {
      if (slot != 0) slots_[Find(AddressOf(slot))] = slot;
    }
  }

  ZeroedArray<uint64_t> slots_;
  size_t count_ = 0;  // of slots that are not free
  /// By address: large ones, and those at addresses that no slot can tell.
  std::unordered_map<uint64_t, Block> others_;
  uint64_t bytes_ = 0;
};

}  // namespace memray_mocha

#endif  // NATIVE_LIVE_BLOCKS_H_
