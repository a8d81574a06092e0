#include "event_queues.h"

#include <sched.h>

namespace memray_mocha {

void EventQueues::Add(EventQueue* queue) {
  queues_.push_back({queue, 0});
  queue->numbers_ = &numbers_;
}

void EventQueues::Remove(const EventQueue* queue) {
  std::erase_if(queues_,
                [queue](const Known& known) { return known.queue == queue; });
}

void EventQueues::ForgetThreads() {
  for (const Known& known : queues_) known.queue->thread = 0;
}

/// @return the queue that has all events from the first one on, if one has, as
/// is most often so: they are in their order there.
EventQueues::Known* EventQueues::FindOnly(uint64_t first) {
  const uint64_t count = taken_ - first;
  for (Known& known : queues_) {
    const EventQueue& queue = *known.queue;
    const uint64_t begin = known.sorted_end;
    const uint64_t end = queue.end_.load(std::memory_order_acquire);
    // Numbers in a queue only grow.
    if (count > 0 && end - begin >= count && queue.At(begin).number == first &&
        queue.At(begin + count - 1).number == taken_ - 1) {
      return &known;
    }
  }
  return nullptr;
}

/// Numbers have no gaps, so that an event's is its place. One that is not there
/// yet is about to be: its thread is between two instructions.
void EventQueues::Sort(uint64_t first) {
  sorted_.resize(taken_ - first);
  size_t missing = sorted_.size();
  constexpr int kSpins = 100;
  for (int spins = 0; missing > 0; ++spins) {
    // Or the thread has to wait for this very processor.
    if (spins > kSpins) ::sched_yield();
    for (Known& known : queues_) missing -= SortNew(&known, first);
  }
}

/// @return how many of a queue's events were put to their places.
size_t EventQueues::SortNew(Known* known, uint64_t first) {
  const EventQueue& queue = *known->queue;
  const uint64_t begin = known->sorted_end;
  const uint64_t end = queue.end_.load(std::memory_order_acquire);
  uint64_t& i = known->sorted_end;
  for (; i != end; ++i) {
    const MemoryEvent& event = queue.At(i);
    if (event.number >= taken_) break;
    sorted_[event.number - first] = {&event, queue.thread};
  }
  return i - begin;
}

void EventQueues::Release() {
  for (const Known& known : queues_)
    known.queue->begin_.store(known.sorted_end, std::memory_order_release);
}

}  // namespace memray_mocha
