#include "event_queues.h"

namespace memray_mocha {

void EventQueues::Add(EventQueue* queue) {
  // First, and for all: to take events then needs no memory.
  taken_.reserve(queues_.size() + 1);
  queues_.push_back({queue});
  queue->turns_ = &turns_;
}

void EventQueues::Remove(const EventQueue* queue) {
  std::erase_if(queues_,
                [queue](const Known& known) { return known.queue == queue; });
}

void EventQueues::ForgetThreads() {
  for (const Known& known : queues_) known.queue->thread = 0;
}

/// Finds which events to take: those of the turns so far.
void EventQueues::FindEnds() {
  taken_.clear();
  // Who goes on pushing has to take a turn after that.
  const uint64_t last_turn = turns_.fetch_add(1, std::memory_order_relaxed);
  // A thread may be about to push one in an earlier turn still. That can wait
  // for the next time, but not if one is taken that it happened before: and
  // then it is found by who looks again.
  for (bool has_found = true; has_found;) {
    has_found = false;
    for (Known& known : queues_) has_found |= known.FindEnd(last_turn);
  }
  for (Known& known : queues_) {
    if (known.begin != known.end) taken_.push_back(&known);
  }
}

/// @return whether there were more.
bool EventQueues::Known::FindEnd(uint64_t last_turn) {
  const uint64_t old_end = end;
  const uint64_t queue_end = queue->end_.load(std::memory_order_acquire);
  if (end == queue_end) return false;
  // Turns of a queue never fall.
  if (queue->At(queue_end - 1).turn <= last_turn) end = queue_end;
  while (end != queue_end && queue->At(end).turn <= last_turn) ++end;
  return end != old_end;
}

}  // namespace memray_mocha
