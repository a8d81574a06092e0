#ifndef NATIVE_EVENT_QUEUE_H_
#define NATIVE_EVENT_QUEUE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

#include "memory_event.h"

namespace memray_mocha {

/// The events of one thread that are not in the capture yet, in a ring that
/// only this thread writes and only EventQueues reads: so neither waits for the
/// other until it is full.
///
/// Threads push in turns, which are numbered: who pushed last goes on in the
/// same turn, at no cost, and who did not takes the next one. An event that
/// happens before another thread's, as a block's end does before the block is
/// given out again, so has the smaller turn: the other thread cannot be in a
/// turn that was over before the first one's had begun and not notice.
class EventQueue {
 public:
  static constexpr size_t kCapacity = 256;  // a power of two

  // For the thread that this is of:

  /// When it is not full.
  /// @return whether it should be emptied soon: little room is left, or its
  /// events have added `max_bytes` since it was told to be empty.
  bool Push(const MemoryEvent& event, size_t max_bytes) {
    const uint64_t end = end_.load(std::memory_order_relaxed);
    MemoryEvent& slot = ring_[end % kCapacity];
    slot = event;
    if (IsNativeBegin(event.kind)) added_bytes_ += event.size_bytes;
    if (turns_->load(std::memory_order_relaxed) != turn_)
      turn_ = turns_->fetch_add(1, std::memory_order_relaxed) + 1;
    slot.turn = turn_;
    end_.store(end + 1, std::memory_order_release);
    return added_bytes_ >= max_bytes || count() >= kEnough;
  }
  bool is_full() const { return count() == kCapacity; }
  /// Whether that may be put off once more.
  bool CanWait(size_t max_bytes) const {
    return !is_full() && added_bytes_ / 2 < max_bytes;
  }
  void OnEmptied() { added_bytes_ = 0; }

  /// Whether it was added to an EventQueues, as it has to be before the first
  /// event.
  bool is_known() const { return turns_ != nullptr; }

  // Guarded by the tracker's lock:

  /// The thread's number in the capture; 0 while the capture does not know it.
  uint32_t thread = 0;

 private:
  friend class EventQueues;

  /// From here on it should be emptied: while another thread does so, this one
  /// can go on.
  static constexpr size_t kEnough = kCapacity / 4 * 3;

  size_t count() const {
    return end_.load(std::memory_order_relaxed) -
           begin_.load(std::memory_order_acquire);
  }

  const MemoryEvent& At(uint64_t position) const {
    return ring_[position % kCapacity];
  }

  std::atomic<uint64_t>* turns_ = nullptr;  // the last one that was taken
  uint64_t turn_ = 0;                       // this queue's last one
  std::array<MemoryEvent, kCapacity> ring_;
  size_t added_bytes_ = 0;
  // Of the ring, counted on and on.
  std::atomic<uint64_t> end_{0};
  alignas(64) std::atomic<uint64_t> begin_{0};
};

}  // namespace memray_mocha

#endif  // NATIVE_EVENT_QUEUE_H_
