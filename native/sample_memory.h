#ifndef NATIVE_SAMPLE_MEMORY_H_
#define NATIVE_SAMPLE_MEMORY_H_

#include <cstddef>
#include <memory>
#include <span>

#include "block_pool.h"
#include "live_samples.h"

namespace memray_mocha {

/// The memory in which V8's object sampler notes its samples: for each a block,
/// which is a Sample here, and an entry of its hash table. V8 makes and drops
/// hundreds of thousands at each collection: the allocator takes longer for
/// them than all else that a sample costs, and to find what we know of one by
/// its address would take as long again.
class SampleMemory {
 public:
  static constexpr size_t kEntryBytes = 32;
  static constexpr size_t kRangeUnitBytes = 2 * BlockPool::kCommittedBytes;

  /// Reserves addresses, no memory. This thread's.
  /// @param range_bytes a multiple of kRangeUnitBytes.
  /// @return nullptr when there are none.
  static std::unique_ptr<SampleMemory> Reserve(size_t range_bytes);

  Sample* AllocateSample() { return static_cast<Sample*>(samples_.Allocate()); }
  void* AllocateEntry() { return entries_.Allocate(); }

  /// @return nullptr for an entry.
  Sample* FindSample(void* block) const {
    return samples_.Contains(block) ? static_cast<Sample*>(block) : nullptr;
  }
  void Deallocate(void* block) {
    if (Sample* sample = FindSample(block)) {
      sample->live_bytes = 0;
      samples_.Deallocate(sample);
    } else {
      entries_.Deallocate(block);
    }
  }

  /// Calls `visit(sample)` for each that is counted as live.
  template <typename Visit>
  void ForEachLive(Visit visit) const {
    samples_.ForEach([&visit](void* block) {
      auto* sample = static_cast<Sample*>(block);
      if (sample->live_bytes > 0) visit(sample);
    });
  }

  /// Gives back what is not needed when all blocks are free.
  void Trim();

  /// Where its blocks are.
  std::span<const std::byte> range() const { return range_; }

 private:
  explicit SampleMemory(std::span<std::byte> range);

  const std::span<std::byte> range_;
  BlockPool samples_;
  BlockPool entries_;
};

}  // namespace memray_mocha

#endif  // NATIVE_SAMPLE_MEMORY_H_
