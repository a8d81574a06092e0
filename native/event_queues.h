#ifndef NATIVE_EVENT_QUEUES_H_
#define NATIVE_EVENT_QUEUES_H_

#include <algorithm>
#include <atomic>
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

  /// Empties all queues of what happened before, and maybe some more.
  /// @param apply called with each event and the number of its thread, none
  /// before one that happened before it. When it throws, that event is lost.
  /// @param prepare called with each event before that.
  template <typename Apply, typename Prepare>
  void TakeAll(Apply apply, Prepare prepare) {
    FindEnds();
    for (const Known* known : taken_) {
      for (uint64_t i = known->begin; i != known->end; ++i)
        prepare(known->queue->At(i));
    }
    while (!taken_.empty()) {
      const auto first =
          std::min_element(taken_.begin(), taken_.end(),
                           [](const Known* one, const Known* other) {
                             return one->NextTurn() < other->NextTurn();
                           });
      Known& known = **first;
      EventQueue& queue = *known.queue;
      const uint64_t turn = known.NextTurn();
      do {
        apply(queue.At(known.begin++), queue.thread);
      } while (known.begin != known.end && known.NextTurn() == turn);
      if (known.begin != known.end) continue;
      queue.begin_.store(known.begin, std::memory_order_release);
      taken_.erase(first);
    }
  }

 private:
  struct Known {
    EventQueue* queue;
    // Of what is taken from it.
    uint64_t begin = 0;
    uint64_t end = 0;

    uint64_t NextTurn() const { return queue->At(begin).turn; }
    bool FindEnd(uint64_t last_turn);
  };

  void FindEnds();

  std::vector<Known> queues_;
  /// Those with something to take. Not empty only if an event could not be
  /// applied.
  std::vector<Known*> taken_;
  /// The last turn that was taken; the first one is nobody's. Alone in its
  /// cache line, since all threads look at it all the time.
  alignas(64) std::atomic<uint64_t> turns_{1};
};

}  // namespace memray_mocha

#endif  // NATIVE_EVENT_QUEUES_H_
