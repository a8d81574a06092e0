#ifndef NATIVE_INTERPOSITION_BLOCK_PROVIDER_H_
#define NATIVE_INTERPOSITION_BLOCK_PROVIDER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <span>

#include "interposition/hook_switches.h"

namespace memray_mocha {

/// Gives blocks in place of the allocator's to some callers of operator new.
/// Asked by hooks, on whichever thread allocates.
class BlockProvider {
 public:
  /// @param range where all blocks are that are provided, and nothing else: so
  /// a look at an address tells whether it is one. As soon as it is set, what
  /// is freed there comes back to this provider, for good.
  static void SetOwner(BlockProvider* owner, std::span<const std::byte> range) {
    owner_ = owner;
    range_begin_ = reinterpret_cast<uintptr_t>(range.data());
    range_bytes_ = range.size();
  }
  static BlockProvider* Owner() { return owner_; }
  static bool IsProvided(const void* address) {
    return reinterpret_cast<uintptr_t>(address) -
               range_begin_.load(std::memory_order_relaxed) <
           range_bytes_.load(std::memory_order_relaxed);
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
  static inline std::atomic<size_t> range_bytes_{0};
};

/// The provider in force, or nullptr: then operator new does not ask.
inline constexpr std::atomic<BlockProvider*>& block_provider =
    hook_switches.provider;

}  // namespace memray_mocha

#endif  // NATIVE_INTERPOSITION_BLOCK_PROVIDER_H_
