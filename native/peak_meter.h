#ifndef NATIVE_PEAK_METER_H_
#define NATIVE_PEAK_METER_H_

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>

#include "recording.h"

namespace memray_mocha {

/// Finds the peak of what is really live: the raw total, which garbage swells
/// until V8 happens to collect it, is confirmed where it matters by collecting
/// there and counting what survives.
///
/// Allocations tick; after some, the tracker has V8 interrupt the program, and
/// Measure looks: is the raw total above the confirmed peak by more than a
/// step? With a limit, which decides: has the raw total reached it? Then it
/// collects, the young generation first.
class PeakMeter {
 public:
  /// @param lock guards the recording.
  PeakMeter(Recording* recording, std::mutex* lock, bool is_gc_exposed);

  /// Takes note of memory allocated; for hooks, on any thread, with the lock
  /// held.
  /// @return whether Measure should run soon.
  bool Tick(size_t size_bytes);

  /// Confirms only where the raw total reaches this; 0 lifts it. Where
  /// JavaScript could run.
  void SetLimit(uint64_t limit_bytes);

  /// Where JavaScript could run, on the thread that started the tracker.
  void Measure();
  /// The same, when tracking ends.
  void MeasureAtEnd();

 private:
  using Clock = std::chrono::steady_clock;

  uint64_t Threshold() const;
  uint64_t JsBytes() const;
  uint64_t NativeBytes();
  uint64_t TotalBytes();
  Recording::SampledHeap SumLiveSamples();
  void Collect(bool full);
  void FindBase();
  void Confirm(uint64_t raw_bytes);
  void TakeConfirmed(uint64_t raw_bytes);
  void TakeLikelyPeak();
  void NoteOtherThreads();
  bool IsWorthConfirming(uint64_t raw_bytes) const;

  Recording* const recording_;
  std::mutex* const lock_;
  const bool is_gc_exposed_;
  size_t unmeasured_bytes_ = 0;
  bool is_due_ = false;
  uint64_t limit_bytes_ = 0;
  /// What the JS heap used before tracking began; until it is found, an upper
  /// bound.
  uint64_t base_bytes_;
  bool has_base_ = false;
  const uint64_t allocated_at_start_;
  uint64_t peak_bytes_ = 0;  // confirmed, or raw where that had to do
  // What the last collection left.
  uint64_t confirmed_bytes_ = 0;
  uint64_t confirmed_js_bytes_ = 0;
  uint64_t confirmed_other_threads_bytes_ = 0;
  Recording::SampledHeap confirmed_samples_;
  /// The part that survived the last collection of what the JS heap had grown
  /// by.
  double js_survival_ = 1;
  /// Whether what is added now is likely to be live: then, below the next
  /// threshold, the raw peak is nearer to the truth than the last confirmed
  /// one.
  bool grows_by_live_memory_ = false;
  bool has_told_peak_ = false;
  uint64_t raw_peak_bytes_ = 0;
  /// The largest raw total that was confirmed, or found to be mostly garbage.
  uint64_t largest_examined_bytes_ = 0;
  uint64_t threshold_bytes_;
  const Clock::time_point started_at_ = Clock::now();
  Clock::duration collecting_{};
};

}  // namespace memray_mocha

#endif  // NATIVE_PEAK_METER_H_
