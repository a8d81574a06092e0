#ifndef NATIVE_CAPTURE_STACK_TABLE_H_
#define NATIVE_CAPTURE_STACK_TABLE_H_

#include <cstddef>
#include <cstdint>
#include <vector>

#include "fibonacci_hash.h"

namespace memray_mocha {

/// The call stacks of a capture as a tree: a node is a frame and the node of
/// its caller, so that call stacks share what they have in common. Nodes and
/// frames count from 1; node 0 is the root.
///
/// A node knows one of its callees itself: nodes that are made one after the
/// other, as those of a new call stack are, stand side by side. Those of nodes
/// with several callees are all in a table besides, found by open addressing
/// with linear probing. Most nodes have one at most: the table stays small, as
/// most of the time it takes is to wait for memory.
class StackTable {
 public:
  /// @return the node of a frame that `parent` called, or 0 when there is none
  /// yet: then Insert it.
  uint32_t Find(uint32_t parent, uint32_t frame) {
    Callee& last = last_callees_[parent];
    if (last.frame == frame) return last.node;
    if (last.frame == 0) return 0;
    const uint32_t node = entries_[IndexOf(parent, frame)].node;
    if (node != 0) last = {frame, node};
    return node;
  }

  /// @return the node, one more than the last.
  uint32_t Insert(uint32_t parent, uint32_t frame) {
    const auto node = static_cast<uint32_t>(last_callees_.size());
    Callee& last = last_callees_[parent];
    if (last.frame != 0) {
      InsertEntry({parent, last.frame, last.node});
      InsertEntry({parent, frame, node});
    }
    last = {frame, node};
    last_callees_.emplace_back();
    return node;
  }

 private:
  static constexpr size_t kInitialCapacity = 1024;  // a power of two

  struct Callee {
    uint32_t frame = 0;
    uint32_t node = 0;
  };
  struct Entry {
    uint32_t parent;
    uint32_t frame;
    uint32_t node;  // 0: free
  };

  size_t IndexOf(uint32_t parent, uint32_t frame) const {
    const uint64_t key = (uint64_t{parent} << 32) | frame;
    size_t i = FibonacciHash(key, 32);
    for (;; ++i) {
      const Entry& entry = entries_[i &= entries_.size() - 1];
      if (entry.node == 0 || (entry.parent == parent && entry.frame == frame))
        return i;
    }
  }

  /// Unless it is there.
  void InsertEntry(const Entry& entry) {
    Entry& place = entries_[IndexOf(entry.parent, entry.frame)];
    if (place.node != 0) return;
    place = entry;
    if (++size_ * 2 > entries_.size()) Grow();
  }

  void Grow() {
    std::vector<Entry> old(entries_.size() * 2);
    old.swap(entries_);
    for (const Entry& entry : old) {
      if (entry.node) entries_[IndexOf(entry.parent, entry.frame)] = entry;
    }
  }

  /// By node: the callee that was last asked for, or the only one.
  std::vector<Callee> last_callees_ = std::vector<Callee>(1);
  std::vector<Entry> entries_ = std::vector<Entry>(kInitialCapacity);
  size_t size_ = 0;  // of entries that are not free
};

}  // namespace memray_mocha

#endif  // NATIVE_CAPTURE_STACK_TABLE_H_
