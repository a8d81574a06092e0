#ifndef NATIVE_PEAK_METER_H_
#define NATIVE_PEAK_METER_H_

#include <algorithm>
#include <chrono>
#include <cstddef>
#include <cstdint>
#include <mutex>
#include <optional>

#include "collection_schedule.h"
#include "js_heap/heap.h"
#include "js_heap/worker_isolates.h"
#include "recording.h"
#include "recording_mutex.h"

namespace memray_mocha {

/// Finds the peak of what is really live: the raw total, which garbage swells
/// until V8 happens to collect it, is confirmed where it matters by collecting
/// there and counting what survives.
///
/// Allocations tick; after some, the tracker has V8 interrupt the program, and
/// Look looks: has the raw total reached the limit? Then it collects, the young
/// generation first. Without a limit, or below it, no verdict hangs on the
/// peak: there only the young generation is collected, and little of the time
/// is spent on that.
///
/// How much of the JS heap is the program's and live: V8 tells to the byte how
/// much was allocated since tracking began, and the samples of that tell which
/// part of it is live. So what was there before does not count, and whether it
/// dies or not does not matter.
class PeakMeter final : public heap::CollectionListener {
 public:
  /// @param lock guards the recording.
  PeakMeter(Recording* recording, RecordingMutex* lock,
            const heap::ProgramFlags& program_flags);
  ~PeakMeter();
  PeakMeter(const PeakMeter&) = delete;
  PeakMeter& operator=(const PeakMeter&) = delete;

  /// Takes note of memory that is about to be recorded; for hooks, on any
  /// thread, with the lock held.
  void TickNative(size_t size_bytes) { Tick(size_bytes, 0); }
  void TickJs(size_t size_bytes) { Tick(0, size_bytes); }
  /// Tells the peak among what is held, where that has become more than may
  /// wait until Look runs; for hooks as well.
  void TellHeld();
  /// Whether Look should run soon.
  bool is_due() const { return is_due_; }

  /// Where JavaScript could run, on the thread that started the tracker, as
  /// what follows.
  /// @param first_bytes when so much is live, that is confirmed, and from there
  /// on each step more; 0 for no limit.
  /// @param last_bytes so much is confirmed as exactly, and nothing beyond.
  void SetLimit(uint64_t first_bytes, uint64_t last_bytes);
  /// The sampler has forgotten what was allocated so far.
  void Restart();
  uint64_t JsBytes();

  void Look();
  /// How long the program has waited for that, while it ran.
  std::chrono::nanoseconds looking_time() const { return looking_time_; }
  /// The same, where there is nothing more to wait for: the program lets go
  /// what it has, or all that is held is written right after.
  void LookForTheLastTime();

  /// Takes note of which call stacks allocated what is live of the program's
  /// objects, where only V8 can tell.
  void UpdateLive();

  void BeforeCollection() override;
  void AfterCollection() override;

  /// The largest total so far, garbage included: what was found to be garbage
  /// is written as if it had been freed at once.
  uint64_t raw_peak_bytes() const { return raw_peak_bytes_; }

  /// Whether garbage is being collected for a guess, and not for a verdict.
  bool is_guessing() const { return is_guessing_; }
  bool has_limit() const { return limit_bytes_ != 0; }
  const heap::ProgramFlags& program_flags() const { return program_flags_; }

  // Of a worker's thread, with the lock held:

  /// @return whether it is to collect garbage now, so that the limit is reached
  /// by nothing else; then its turn must be ended, or given up.
  bool TakeWorkersTurn() {
    const bool is_due =
        limit_bytes_ != 0 &&
        TotalNow().bytes() >= std::max(limit_bytes_, workers_bytes_);
    return is_due && !std::exchange(is_workers_turn_, true);
  }
  /// To be called when all of them have.
  void EndWorkersTurn();
  void GiveUpWorkersTurn() { is_workers_turn_ = false; }

 private:
  enum class Moment { kNow, kLast };

  /// In sight of who calls it for each event, as what it needs.
  void Tick(size_t native_bytes, size_t js_bytes) {
    js_bytes_ += js_bytes;
    unseen_bytes_ += native_bytes + js_bytes;
    const uint64_t raw = recording_->native_bytes() + native_bytes + js_bytes_;
    if (raw >= Threshold()) recording_->HoldEvents();
    is_due_ |= unseen_bytes_ >= kTickBytes;
    is_due_ |= IsLimitOpen() && raw >= limit_bytes_;
  }
  bool IsLimitOpen() const {
    return limit_bytes_ != 0 && confirmed_bytes_ < limit_bytes_;
  }
  /// The raw total from which on there is something to find out.
  uint64_t Threshold() const {
    return IsLimitOpen() ? std::min(threshold_bytes_, limit_bytes_)
                         : threshold_bytes_;
  }
  /// Garbage included. With the lock held.
  CollectionSchedule::Total TotalNow() const {
    return {recording_->native_bytes(), js_bytes_};
  }
  void RaiseLimit();
  void LookAt(Moment moment, uint64_t js_bytes);
  uint64_t UsedMore() const;
  bool IsCertain(uint64_t bytes, uint64_t sampled_bytes) const;
  bool IsForNextLook(uint64_t bytes) const;
  uint64_t LivePeakBytes();
  uint64_t LikelyJsBytes(uint64_t js_bytes) const;
  void CollectYoung();
  void CollectAll(worker_isolates::Standstill* workers);
  void NoteRawPeak(uint64_t raw_bytes, uint64_t js_bytes);
  void CollectSome(uint64_t raw_bytes);
  void TellCollected(uint64_t raw_bytes, records::HeapKind kind);
  bool CanWait() const;
  bool HasWaited() const;
  bool HasFewNewBlocks() const;
  void TellLikely(uint64_t js_bytes);
  void Tell(records::HeapKind kind, uint64_t js_bytes);
  bool IsWorthCollecting(Moment moment, uint64_t raw_bytes) const;

  static constexpr size_t kTickBytes = size_t{256} << 10;

  Recording* const recording_;
  RecordingMutex* const lock_;
  const heap::ProgramFlags program_flags_;
  uint64_t limit_bytes_ = 0;  // the next total to be confirmed
  uint64_t last_limit_bytes_ = 0;
  uint64_t allocated_at_start_;
  uint64_t used_at_start_;

  // Of hooks, under the lock.
  uint64_t js_bytes_ = 0;  // when last looked at, and what ticked since then
  size_t unseen_bytes_ = 0;
  bool is_due_ = false;
  bool is_workers_turn_ = false;
  uint64_t workers_bytes_ = 0;  // the total that is due for the next one

  bool is_looking_ = false;
  bool is_guessing_ = false;
  std::chrono::nanoseconds looking_time_{};
  /// Whether the latest look left to the next one what was held.
  bool is_left_ = false;
  /// What was allocated since then, and waits.
  uint64_t waiting_bytes_ = 0;
  uint64_t peak_bytes_ = 0;  // as told
  uint64_t confirmed_bytes_ = 0;
  bool has_told_peak_ = false;
  /// From the beginning on all is held: a peak may be small, and soon over.
  uint64_t threshold_bytes_ = 0;
  uint64_t raw_peak_bytes_ = 0;
  /// Whether V8 has collected by itself since the latest look.
  bool was_collected_ = false;
  // Of the JS heap, before and after the latest collection.
  uint64_t js_bytes_before_ = 0;
  uint64_t js_bytes_left_ = 0;
  /// The part of what it had grown by that survived.
  std::optional<double> js_survival_;
  CollectionSchedule schedule_;
};

}  // namespace memray_mocha

#endif  // NATIVE_PEAK_METER_H_
