#ifndef NATIVE_HELD_EVENTS_H_
#define NATIVE_HELD_EVENTS_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "allocator.h"
#include "live_samples.h"
#include "memory_event.h"

namespace memray_mocha {

/// What happened to native memory since the total may have reached a new peak,
/// in its order and not written yet: how much of it was live is known only when
/// garbage has been collected. Sampled objects stand among it, so that what the
/// JS heap came to hold later is not added to what native memory held before.
///
/// What the program frees was live until then. What the collector frees was
/// garbage, nobody knows since when: it counts only at the very moment it was
/// allocated, and its end is written ahead.
class HeldEvents {
 public:
  struct Event {
    EventKind kind;
    Allocator allocator{};
    /// Of an end: that the collector made it.
    bool is_garbage = false;
    /// Of an end: that what it ends is held, too.
    bool ends_held = false;
    /// Of an end that a collector made: that another thread had made what it
    /// ends than the program's. Then it is garbage only where that is doubted.
    bool is_of_worker = false;
    uint32_t thread = 0;
    uint32_t stack = 0;
    /// Of an object, that of its Sample.
    uint64_t address;
    uint64_t size_bytes = 0;
    /// By how much the native memory became more.
    int64_t added_bytes = 0;
  };
  struct Peak {
    size_t position;  // so many events came before it
    uint64_t native_bytes;
    uint64_t js_bytes;

    uint64_t bytes() const { return native_bytes + js_bytes; }
  };

  /// Begins anew, in the memory that it has.
  void Begin(uint64_t native_bytes);
  [[gnu::always_inline]] void Add(const Event& event) {
    bytes_ += event.added_bytes;
    raw_peak_bytes_ = std::max(raw_peak_bytes_, bytes_);
    if (count_ == capacity_) [[unlikely]]
      Grow();
    // By members: else GCC puts it together in memory, and reads it from there
    // as a whole, for which the processor has to wait until it is written.
    auto& [kind, allocator, is_garbage, ends_held, is_of_worker, thread, stack,
           address, size_bytes, added_bytes] = memory_[count_++];
    kind = event.kind;
    allocator = event.allocator;
    is_garbage = event.is_garbage;
    ends_held = event.ends_held;
    is_of_worker = event.is_of_worker;
    thread = event.thread;
    stack = event.stack;
    address = event.address;
    size_bytes = event.size_bytes;
    added_bytes = event.added_bytes;
    has_garbage_ |= event.is_garbage;
    peak_.reset();
  }
  size_t count() const { return count_; }
  /// The largest total so far, garbage included.
  uint64_t raw_peak_bytes() const { return raw_peak_bytes_; }

  /// What workers have now is live, and no garbage before it is freed.
  void ConfirmWorkers();
  /// From here on no native memory is garbage.
  void ForgetGarbage();
  /// What a worker's collector frees was live until then, so far as anybody can
  /// tell: there is nothing that collects in all workers at each peak. But
  /// where that would reach the limit, only what was confirmed is live.
  /// @param js_bytes what the JS heap holds now. When it is 0, objects are not
  /// looked at; else it is for the thread that samples them.
  /// @return the largest total of what was certainly live.
  Peak FindPeak(uint64_t js_bytes, uint64_t limit_bytes);

  /// Calls `visit(const Sample&)` for what came to the JS heap after that
  /// position and is live.
  template <typename Visit>
  void ForEachObjectAfter(size_t position, Visit visit) const {
    for (const Event& event : events().subspan(position)) {
      if (event.kind == EventKind::kObject && !event.is_garbage)
        visit(SampleOf(event));
    }
  }

  /// Calls `write(const Event&)` for each event, and `write_peak()` at that
  /// position.
  template <typename Write, typename WritePeak>
  void WriteAll(size_t position, Write write, WritePeak write_peak) const {
    for (const Event& event : events()) {
      const bool is_end = IsEnd(event.kind) && !IsOfObject(event);
      if (is_end && event.is_garbage && !event.ends_held) write(event);
    }
    if (position == 0) write_peak();
    for (size_t i = 0; i < count_; ++i) {
      const Event& event = memory_[i];
      const bool is_begin = IsNativeBegin(event.kind);
      if (!IsOfObject(event) && (is_begin || !event.is_garbage)) write(event);
      if (position == i + 1) write_peak();
      if (is_begin && event.is_garbage) write(EndOf(event));
    }
  }

 private:
  static constexpr size_t kInitialEvents = 64;

  std::span<Event> events() { return {memory_.data(), count_}; }
  std::span<const Event> events() const { return {memory_.data(), count_}; }
  static Event EndOf(const Event& allocation);
  static bool IsOfObject(const Event& event) {
    return event.kind == EventKind::kObject ||
           event.kind == EventKind::kObjectEnd;
  }
  static const Sample& SampleOf(const Event& object) {
    return *reinterpret_cast<const Sample*>(object.address);
  }
  void Grow();
  void DoubtWorkers();
  uint64_t FindGarbage();
  uint64_t FindGarbageMappings();

  uint64_t begin_bytes_ = 0;
  uint64_t bytes_ = 0;
  uint64_t raw_peak_bytes_ = 0;
  /// What is held is at its beginning. Only memory behind that: a vector that
  /// is appended to takes twice as many instructions for an event.
  std::vector<Event> memory_;
  size_t capacity_ = 0;  // its size, which takes a division to tell
  size_t count_ = 0;
  bool has_garbage_ = false;
  /// How many events there were when workers were doubted last, and when
  /// ConfirmWorkers was called.
  size_t doubted_count_ = 0;
  size_t confirmed_count_ = 0;
  /// What FindGarbage found, when there were so many events.
  uint64_t garbage_bytes_ = 0;
  size_t garbage_count_ = 0;
  /// While nothing was added since it was found.
  std::optional<Peak> peak_;
  uint64_t peak_for_js_bytes_ = 0;
};

}  // namespace memray_mocha

#endif  // NATIVE_HELD_EVENTS_H_
