#ifndef NATIVE_BLOCK_POOL_H_
#define NATIVE_BLOCK_POOL_H_

#include <sys/mman.h>

#include <algorithm>
#include <cstddef>
#include <span>

namespace memray_mocha {

/// Blocks of one size, side by side, in a range of reserved addresses. Much
/// faster than an allocator, and nearer to each other. Not thread-safe.
class BlockPool {
 public:
  /// As much is made accessible at once.
  static constexpr size_t kCommittedBytes = size_t{1} << 20;

  /// @param range pages that are mapped, and not accessible; nobody else's.
  /// @param block_bytes of which kCommittedBytes is a multiple.
  BlockPool(std::span<std::byte> range, size_t block_bytes)
      : begin_(range.data()),
        end_(begin_ + range.size()),
        block_bytes_(block_bytes),
        next_(begin_),
        committed_(begin_) {}

  bool Contains(const void* address) const {
    return begin_ <= address && address < end_;
  }

  /// @return nullptr when there is no memory.
  void* Allocate() {
    if (free_) {
      Free* block = free_;
      free_ = block->next;
      // It was freed long ago: by the next time it is in the cache again.
      __builtin_prefetch(free_, 1);
      ++used_;
      return block;
    }
    if (next_ == committed_ && !Commit()) return nullptr;
    void* block = next_;
    next_ += block_bytes_;
    ++used_;
    return block;
  }

  void Deallocate(void* block) {
    auto* free = static_cast<Free*>(block);
    free->next = free_;
    free_ = free;
    --used_;
  }

  size_t used() const { return used_; }

  /// Calls `visit(block)` for each that was ever in use since Trim, free ones
  /// too: a free one keeps all but its first word.
  template <typename Visit>
  void ForEach(Visit visit) const {
    for (std::byte* block = begin_; block < next_; block += block_bytes_)
      visit(static_cast<void*>(block));
  }

  /// Gives its memory back, all but a little, if no block is in use.
  void Trim() {
    if (used_ > 0) return;
    std::byte* const kept = begin_ + kKeptBytes;
    if (next_ > kept) madvise(kept, next_ - kept, MADV_DONTNEED);
    next_ = begin_;
    free_ = nullptr;
  }

 private:
  // What a short test needs: each would map the pages anew.
  static constexpr size_t kKeptBytes = 64 << 10;
  struct Free {
    Free* next;
  };

  /// Makes more of the range accessible, or uses what is again.
  bool Commit() {
    const size_t bytes = std::min<size_t>(kCommittedBytes, end_ - committed_);
    if (bytes == 0 ||
        mprotect(committed_, bytes, PROT_READ | PROT_WRITE) != 0) {
      return false;
    }
    committed_ += bytes;
    return true;
  }

  std::byte* const begin_;
  std::byte* const end_;
  const size_t block_bytes_;
  std::byte* next_;       // what has not been used yet
  std::byte* committed_;  // up to which the range is accessible
  Free* free_ = nullptr;
  size_t used_ = 0;
};

}  // namespace memray_mocha

#endif  // NATIVE_BLOCK_POOL_H_
