#include "held_events.h"

#include <algorithm>
#include <map>

namespace memray_mocha {

void HeldEvents::Begin(uint64_t native_bytes) {
  begin_bytes_ = bytes_ = raw_peak_bytes_ = native_bytes;
  count_ = 0;
  has_garbage_ = false;
  peak_.reset();
}

void HeldEvents::ForgetGarbage() {
  if (!has_garbage_) return;
  for (Event& event : events()) {
    // What a dead object's Sample says is no longer about it.
    if (!IsOfObject(event)) event.is_garbage = false;
  }
  peak_.reset();
}

HeldEvents::Peak HeldEvents::FindPeak(uint64_t js_bytes) {
  if (peak_ && peak_for_js_bytes_ == js_bytes) return *peak_;
  peak_for_js_bytes_ = js_bytes;
  uint64_t live = begin_bytes_ - FindGarbage();
  // What was there of the JS heap before all that is held.
  uint64_t js = js_bytes;
  if (js_bytes > 0) {
    ForEachObjectAfter(0, [&js](const Sample& sample) {
      js -= std::min(js, sample.live.bytes);
    });
  }
  Peak peak{0, live, js};
  for (size_t i = 0; i < count_; ++i) {
    const Event& event = memory_[i];
    const uint64_t now = live + event.added_bytes;
    if (!event.is_garbage) live = now;
    if (event.kind == Kind::kObject && !event.is_garbage && js_bytes > 0)
      js = std::min(js + SampleOf(event).live.bytes, js_bytes);
    const bool is_begin =
        event.kind == Kind::kAllocation || event.kind == Kind::kObject;
    if (is_begin && now + js > peak.bytes()) peak = {i + 1, now, js};
  }
  peak_ = peak;
  return peak;
}

/// Marks the allocations and the objects that the collector ended.
/// @return the bytes of those from before that it ended.
uint64_t HeldEvents::FindGarbage() {
  if (!has_garbage_) return 0;
  uint64_t garbage_bytes = 0;
  std::map<uint64_t, Event*> held;  // by address
  for (Event& event : events()) {
    if (event.kind == Kind::kAllocation || event.kind == Kind::kObject) {
      held[event.address] = &event;
      continue;
    }
    uint64_t held_bytes = 0;
    const uint64_t end =
        event.address + std::max<uint64_t>(event.size_bytes, 1);
    auto next = held.lower_bound(event.address);
    while (next != held.end() && next->first < end) {
      next->second->is_garbage = event.is_garbage;
      held_bytes += next->second->size_bytes;
      next = held.erase(next);
    }
    if (!event.is_garbage) continue;
    const uint64_t ended_bytes = -event.added_bytes;
    garbage_bytes += ended_bytes - std::min(ended_bytes, held_bytes);
    event.ends_held = event.kind == Kind::kDeallocation && held_bytes > 0;
  }
  return garbage_bytes;
}

HeldEvents::Event HeldEvents::EndOf(const Event& allocation) {
  Event end = allocation;
  end.kind =
      IsMapping(allocation.allocator) ? Kind::kUnmapping : Kind::kDeallocation;
  return end;
}

}  // namespace memray_mocha
