#ifndef NATIVE_COLLECTION_SCHEDULE_H_
#define NATIVE_COLLECTION_SCHEDULE_H_

#include <chrono>
#include <cstdint>

namespace memray_mocha {

/// When to collect garbage, to find out how much of the raw total is live,
/// where no verdict hangs on that: it should neither take much of the time nor
/// come too late.
class CollectionSchedule {
 public:
  /// The processor's, that the program's thread takes.
  using Time = std::chrono::nanoseconds;

  struct Total {
    uint64_t native_bytes;
    uint64_t js_bytes;

    uint64_t bytes() const { return native_bytes + js_bytes; }
  };

  explicit CollectionSchedule(Time now) : begin_(now) {}

  /// Takes note of a collection, and of what it left.
  /// @param raw_bytes the largest raw total before it.
  void OnCollected(uint64_t raw_bytes, const Total& left);
  /// V8 has collected by itself: as if we had, but it frees native memory some
  /// time later.
  /// @param js_bytes before it.
  void OnV8Collected(uint64_t js_bytes, uint64_t left_js_bytes);
  void AddCost(Time time) { cost_ += time; }

  /// @return whether garbage should be collected at this raw total.
  bool IsDue(uint64_t raw_bytes, Time now) const;

  /// Whether of what had been added before the latest collection, more survived
  /// than died.
  bool grows_by_live_memory() const { return grows_by_live_memory_; }

  // What has come since the latest collection:

  /// Whether little of it may be native garbage.
  bool HasFewNewBlocks(const Total& now) const;
  /// Whether V8 would soon collect all garbage for native memory alone.
  bool HasManyNewBlocks(uint64_t native_bytes) const;

 private:
  bool IsUrgent(uint64_t raw_bytes) const;

  const Time begin_;
  Time cost_{};
  /// The largest raw total at which garbage was collected.
  uint64_t largest_examined_bytes_ = 0;
  uint64_t left_bytes_ = 0;
  uint64_t left_native_bytes_ = 0;
  /// What was there after the latest collection, also if V8 made it.
  uint64_t known_bytes_ = 0;
  /// What was found to be garbage so far.
  uint64_t dropped_bytes_ = 0;
  bool grows_by_live_memory_ = true;
};

}  // namespace memray_mocha

#endif  // NATIVE_COLLECTION_SCHEDULE_H_
