#ifndef NATIVE_EVENT_QUEUES_H_
#define NATIVE_EVENT_QUEUES_H_

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <vector>

#include "event_queue.h"

namespace memray_mocha {

/// The queues of all threads of the process that have allocated or freed while
/// a tracker ran. Not thread-safe: the tracker's lock guards it.
class EventQueues {
 public:
  void Add(EventQueue* queue);
  /// Of a thread that ends, once it is empty.
  void Remove(const EventQueue* queue);

  /// For a new capture.
  void ForgetThreads();

  /// Empties all queues.
  /// @param apply called with each event and the number of its thread, in the
  /// order of the events' numbers.
  /// @param prepare called with each event before that.
  template <typename Apply, typename Prepare>
  void TakeAll(Apply apply, Prepare prepare) {
    const uint64_t first = taken_;
    taken_ = numbers_.load(std::memory_order_acquire);
    if (Known* only = FindOnly(first)) {
      const EventQueue& queue = *only->queue;
      uint64_t& i = only->sorted_end;
      const uint64_t end = i + (taken_ - first);
      for (uint64_t ahead = i; ahead != end; ++ahead) prepare(queue.At(ahead));
      while (i != end) apply(queue.At(i++), queue.thread);
    } else {
      Sort(first);
      for (const auto& [event, thread] : sorted_) prepare(*event);
      for (const auto& [event, thread] : sorted_) apply(*event, thread);
    }
    Release();
  }

 private:
  struct Known {
    EventQueue* queue;
    uint64_t sorted_end;  // up to here its events are in sorted_
  };

  Known* FindOnly(uint64_t first);
  void Sort(uint64_t first);
  size_t SortNew(Known* known, uint64_t first);
  void Release();

  std::vector<Known> queues_;
  std::atomic<uint64_t> numbers_{0};
  uint64_t taken_ = 0;  // all with smaller numbers are
  struct Sorted {
    const MemoryEvent* event;
    uint32_t thread;
  };
  std::vector<Sorted> sorted_;
};

}  // namespace memray_mocha

#endif  // NATIVE_EVENT_QUEUES_H_
