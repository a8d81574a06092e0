#ifndef NATIVE_INTERPOSITION_BLOCK_PROVIDER_H_
#define NATIVE_INTERPOSITION_BLOCK_PROVIDER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "interposition/hook_switches.h"

namespace memray_mocha {

/// Gives blocks in place of the allocator's to some callers of operator new.
/// Asked by hooks, on whichever thread allocates.
class BlockProvider {
 public:
  /// Where all blocks are that are provided, and nothing else: so a look at an
  /// address tells whether it is one.
  static constexpr size_t kRangeBytes = size_t{64} << 30;

  /// @param range_begin as soon as it is set, what is freed in that range comes
  /// back to this provider, for good.
  static void SetOwner(BlockProvider* owner, uintptr_t range_begin) {
    owner_ = owner;
    range_begin_ = range_begin;
  }
  static BlockProvider* Owner() { return owner_; }
  static bool IsProvided(const void* address) {
    return reinterpret_cast<uintptr_t>(address) -
               range_begin_.load(std::memory_order_relaxed) <
           kRangeBytes;
  }

  /// @return nullptr to leave it to the allocator.
  virtual void* Provide(size_t size_bytes, uintptr_t caller) = 0;
  virtual void TakeBack(void* block) = 0;

 protected:
  ~BlockProvider() = default;

 private:
  static inline std::atomic<BlockProvider*> owner_{nullptr};
  // No address of the program's is as far up as this.
  static inline std::atomic<uintptr_t> range_begin_{uintptr_t{1} << 63};
};

/// The provider in force, or nullptr: then operator new does not ask.
inline constexpr std::atomic<BlockProvider*>& block_provider =
    hook_switches.provider;

}  // namespace memray_mocha

#endif  // NATIVE_INTERPOSITION_BLOCK_PROVIDER_H_
