#include "held_events.h"

#include <algorithm>
#include <bit>
#include <iterator>
#include <map>

#include "fibonacci_hash.h"

namespace memray_mocha {

void HeldEvents::Begin(uint64_t native_bytes) {
  begin_bytes_ = bytes_ = raw_peak_bytes_ = native_bytes;
  count_ = doubted_count_ = confirmed_count_ = 0;
  has_garbage_ = false;
  garbage_count_ = 0;
  peak_.reset();
}

/// Once for each event: FindGarbage finds some of it to have been live.
void HeldEvents::DoubtWorkers() {
  for (Event& event : events().subspan(doubted_count_)) {
    if (!event.is_of_worker) continue;
    event.is_garbage = has_garbage_ = true;
    garbage_count_ = 0;
    peak_.reset();
  }
  doubted_count_ = count_;
}

void HeldEvents::ConfirmWorkers() {
  // What ended up to here goes by what was confirmed before.
  DoubtWorkers();
  FindGarbage();
  confirmed_count_ = count_;
}

void HeldEvents::ForgetGarbage() {
  if (!has_garbage_) return;
  for (Event& event : events()) {
    // What a dead object's Sample says is no longer about it.
    if (!IsOfObject(event)) event.is_garbage = false;
  }
  garbage_count_ = 0;
  peak_.reset();
}

HeldEvents::Peak HeldEvents::FindPeak(uint64_t js_bytes, uint64_t limit_bytes) {
  if (raw_peak_bytes_ + js_bytes >= limit_bytes) DoubtWorkers();
  if (peak_ && peak_for_js_bytes_ == js_bytes) return *peak_;
  peak_for_js_bytes_ = js_bytes;
  uint64_t live = begin_bytes_ - FindGarbage();
  // What was there of the JS heap before all that is held.
  uint64_t js = js_bytes;
  if (js_bytes > 0) {
    ForEachObjectAfter(0, [&js](const Sample& sample) {
      js -= std::min(js, sample.live_bytes);
    });
  }
  Peak peak{0, live, js};
  for (size_t i = 0; i < count_; ++i) {
    const Event& event = memory_[i];
    const uint64_t now = live + event.added_bytes;
    if (!event.is_garbage) live = now;
    if (event.kind == EventKind::kObject && !event.is_garbage && js_bytes > 0)
      js = std::min(js + SampleOf(event).live_bytes, js_bytes);
    if (!IsEnd(event.kind) && now + js > peak.bytes()) peak = {i + 1, now, js};
  }
  peak_ = peak;
  return peak;
}

void HeldEvents::Grow() {
  memory_.resize(std::max(2 * count_, kInitialEvents));
  capacity_ = memory_.size();
}

/// Marks the allocations and the objects that the collector ended.
/// @return the bytes of those from before that it ended.
uint64_t HeldEvents::FindGarbage() {
  if (!has_garbage_) return 0;
  if (garbage_count_ == count_) return garbage_bytes_;
  garbage_bytes_ = FindGarbageMappings();
  // From the last one back: what is at its address before it is what it ended.
  // Open addressing with linear probing (Knuth, The Art of Computer
  // Programming, vol. 3, 6.4), of ends by address; none is taken out.
  const auto is_of_block = [](const Event& event) {
    return event.is_garbage && (event.kind == EventKind::kDeallocation ||
                                event.kind == EventKind::kObjectEnd);
  };
  const auto events = this->events();
  const size_t end_count =
      std::count_if(events.begin(), events.end(), is_of_block);
  const size_t slot_count = std::bit_ceil(2 * end_count + 1);
  std::vector<Event*> ends(slot_count);
  const auto find = [&](uint64_t address) -> Event*& {
    size_t i = FibonacciHash(address, 32) & (slot_count - 1);
    while (ends[i] && ends[i]->address != address)
      i = (i + 1) & (slot_count - 1);
    return ends[i];
  };
  const auto confirmed = events.rend() - confirmed_count_;
  for (auto event = events.rbegin(); event != events.rend(); ++event) {
    if (event == confirmed) {
      for (Event* end : ends) {
        if (!end || end->ends_held || !end->is_of_worker) continue;
        end->is_garbage = false;
        garbage_bytes_ += end->added_bytes;
      }
    }
    if (is_of_block(*event)) {
      find(event->address) = &*event;
      event->ends_held = false;
      if (event->kind == EventKind::kDeallocation)
        garbage_bytes_ += -event->added_bytes;
    } else if (event->kind == EventKind::kObject ||
               event->kind == EventKind::kAllocation) {
      Event* end = find(event->address);
      if (!end || !end->is_garbage || end->ends_held) continue;
      event->is_garbage = end->ends_held = true;
      if (end->kind == EventKind::kDeallocation)
        garbage_bytes_ += end->added_bytes;
    }
  }
  garbage_count_ = count_;
  return garbage_bytes_;
}

/// The same, of mappings.
uint64_t HeldEvents::FindGarbageMappings() {
  const auto is_garbage = [](const Event& event) {
    return event.is_garbage && event.kind == EventKind::kUnmapping;
  };
  const auto events = this->events();
  if (std::none_of(events.begin(), events.end(), is_garbage)) return 0;
  uint64_t garbage_bytes = 0;
  std::map<uint64_t, Event*> held;  // by address
  const auto end_of = [](const Event& range) {
    return range.address + range.size_bytes;
  };
  const Event* const confirmed = memory_.data() + confirmed_count_;
  for (Event& event : events) {
    if (event.kind == EventKind::kMapping) held[event.address] = &event;
    if (event.kind != EventKind::kUnmapping) continue;
    const auto first = held.lower_bound(event.address);
    const auto last = held.lower_bound(end_of(event));
    const uint64_t ended_bytes = -event.added_bytes;
    uint64_t earlier_bytes = ended_bytes;
    bool is_of_confirmed = false;
    for (auto next = first; next != last; ++next) {
      earlier_bytes -= std::min(earlier_bytes, next->second->size_bytes);
      is_of_confirmed |= next->second < confirmed;
    }
    is_of_confirmed |= earlier_bytes > 0 && confirmed_count_ > 0;
    // What is left of a mapping is live, and it was one.
    const auto is_cut_at = [&](auto next, uint64_t address) {
      return next != held.begin() && end_of(*std::prev(next)->second) > address;
    };
    event.is_garbage &=
        !is_cut_at(first, event.address) && !is_cut_at(last, end_of(event)) &&
        !(is_of_confirmed && event.is_of_worker && &event >= confirmed);
    for (auto next = first; next != last; ++next)
      next->second->is_garbage = event.is_garbage;
    held.erase(first, last);
    event.ends_held = earlier_bytes == 0;
    if (event.is_garbage) garbage_bytes += earlier_bytes;
  }
  return garbage_bytes;
}

HeldEvents::Event HeldEvents::EndOf(const Event& allocation) {
  Event end = allocation;
  end.kind = allocation.kind == EventKind::kMapping ? EventKind::kUnmapping
                                                    : EventKind::kDeallocation;
  return end;
}

}  // namespace memray_mocha
