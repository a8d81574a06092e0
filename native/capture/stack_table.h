#ifndef NATIVE_CAPTURE_STACK_TABLE_H_
#define NATIVE_CAPTURE_STACK_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

namespace memray_mocha {

/// The call stacks of a capture as a tree: a node is a frame and the node of
/// its caller, so that call stacks share what they have in common. Maps
/// (parent, frame) to the node's id by open addressing with linear probing.
class StackTable {
 public:
  StackTable() : entries_(kInitialCapacity) {}

  /// @return the id of the node, or 0 when there is none yet: then Insert it.
  uint32_t Find(uint32_t parent, uint32_t frame) const {
    return entries_[IndexOf(parent, frame)].node;
  }

  void Insert(uint32_t parent, uint32_t frame, uint32_t node) {
    if (++size_ * 2 > entries_.size()) Grow();
    entries_[IndexOf(parent, frame)] = {parent, frame, node};
  }

 private:
  static constexpr size_t kInitialCapacity = 1024;  // a power of two

  struct Entry {
    uint32_t parent;
    uint32_t frame;
    uint32_t node;  // 0: free
  };

  size_t IndexOf(uint32_t parent, uint32_t frame) const {
    const uint64_t key = (uint64_t{parent} << 32) | frame;
    // Fibonacci hashing: Knuth, The Art of Computer Programming, vol. 3, 6.4.
    size_t i = (key * 0x9E3779B97F4A7C15) >> 32;
    for (;; ++i) {
      const Entry& entry = entries_[i &= entries_.size() - 1];
      if (entry.node == 0 || (entry.parent == parent && entry.frame == frame))
        return i;
    }
  }

  void Grow() {
    std::vector<Entry> old(entries_.size() * 2);
    old.swap(entries_);
    for (const Entry& entry : old) {
      if (entry.node) entries_[IndexOf(entry.parent, entry.frame)] = entry;
    }
  }

  std::vector<Entry> entries_;
  size_t size_ = 0;
};

}  // namespace memray_mocha

#endif  // NATIVE_CAPTURE_STACK_TABLE_H_
