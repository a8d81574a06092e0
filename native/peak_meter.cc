#include "peak_meter.h"

#include <algorithm>
#include <utility>

#include "js_heap/heap.h"
#include "recursion_guard.h"

namespace memray_mocha {
namespace {

constexpr size_t kTickBytes = size_t{256} << 10;
constexpr size_t kFirstTickBytes = size_t{64} << 10;  // until the base is found
constexpr uint64_t kMinStepBytes = uint64_t{1} << 20;
constexpr uint64_t kStepDivisor = 20;  // 5%
constexpr uint64_t kOtherThreadsStepDivisor = 128;

// When the JS heap has grown by this much, what it held before is found.
// Samples tell then what is new of it, but too much: unoptimized code allocates
// 16 bytes behind a literal that soon die.
constexpr uint64_t kBaseStepBytes = uint64_t{256} << 10;
// So far below a limit it is confirmed what part of the memory is live.
constexpr uint64_t kLimitMarginDivisor = 8;
// A limit above this is hardly touched by that error.
constexpr uint64_t kMaxLimitThatNeedsBase = uint64_t{64} << 20;

// What V8 needs to run a little more code (compiled code, feedback, caches) is
// not told from the program's objects in its statistics: less than this is
// taken for none.
constexpr uint64_t kJsNoiseBytes = uint64_t{64} << 10;

// Without a limit no verdict hangs on the peak, so confirming it may not cost
// more than this, but for each time that the raw total doubles. What is not
// paid for waits, or, where nearly all that was added so far has stayed, is
// reported as a raw peak.
constexpr auto kFreeCollecting = std::chrono::milliseconds(50);
constexpr int kCollectingDivisor = 20;  // 5% of the time

uint64_t Step(uint64_t bytes) {
  return std::max(kMinStepBytes, bytes / kStepDivisor);
}

}  // namespace

PeakMeter::PeakMeter(Recording* recording, std::mutex* lock, bool is_gc_exposed)
    : recording_(recording),
      lock_(lock),
      is_gc_exposed_(is_gc_exposed),
      base_bytes_(heap::UsedBytes()),
      allocated_at_start_(heap::AllocatedBytes()),
      threshold_bytes_(kMinStepBytes) {}

bool PeakMeter::Tick(size_t size_bytes) {
  NoteOtherThreads();
  unmeasured_bytes_ += size_bytes;
  if (unmeasured_bytes_ < (has_base_ ? kTickBytes : kFirstTickBytes) || is_due_)
    return false;
  is_due_ = true;
  return true;
}

void PeakMeter::SetLimit(uint64_t limit_bytes) {
  limit_bytes_ = limit_bytes;
  // Now, with nothing new on the heap, the base can be found exactly.
  if (limit_bytes != 0 && limit_bytes <= kMaxLimitThatNeedsBase && !has_base_)
    FindBase();
}

void PeakMeter::Measure() {
  // Garbage from before the body that went by itself.
  base_bytes_ = std::min<uint64_t>(base_bytes_, heap::UsedBytes());
  const uint64_t raw = TotalBytes();
  if (raw > raw_peak_bytes_) {
    raw_peak_bytes_ = raw;
    const RecursionGuard guard;
    const uint64_t js_bytes = JsBytes();
    std::lock_guard lock(*lock_);
    recording_->WriteHeap(records::HeapKind::kRaw, js_bytes, {});
  }
  if (!has_base_ && (raw >= Threshold() || JsBytes() >= kBaseStepBytes)) {
    FindBase();
  } else if (raw >= Threshold()) {
    if (IsWorthConfirming(raw)) {
      Confirm(raw);
    } else if (grows_by_live_memory_) {
      TakeLikelyPeak();
      threshold_bytes_ = raw + Step(raw);
    }
  } else if (raw > peak_bytes_ && grows_by_live_memory_) {
    TakeLikelyPeak();
  }
  std::lock_guard lock(*lock_);
  recording_->BeginWindow();
  unmeasured_bytes_ = 0;
  is_due_ = false;
}

/// The raw total from which on a look is due. A limit that was not reached yet
/// counts to the byte: only what was confirmed may reach it.
uint64_t PeakMeter::Threshold() const {
  const bool is_limit_open = limit_bytes_ != 0 && peak_bytes_ < limit_bytes_;
  return is_limit_open ? std::min(threshold_bytes_, limit_bytes_)
                       : threshold_bytes_;
}

void PeakMeter::MeasureAtEnd() {
  // A loop that V8 still interprets is interrupted only every ten thousand
  // rounds or so. What it held in the last ones is gone now: it can only be
  // told from what was live of what it held before.
  if (is_due_ && grows_by_live_memory_) TakeLikelyPeak();
  Measure();
}

uint64_t PeakMeter::JsBytes() const {
  const uint64_t used = heap::UsedBytes();
  return used >= base_bytes_ + kJsNoiseBytes ? used - base_bytes_ : 0;
}

uint64_t PeakMeter::NativeBytes() {
  std::lock_guard lock(*lock_);
  return recording_->native_bytes();
}

uint64_t PeakMeter::TotalBytes() { return JsBytes() + NativeBytes(); }

Recording::SampledHeap PeakMeter::SumLiveSamples() {
  const Clock::time_point begin = Clock::now();
  auto sampled = recording_->SumLiveSamples();
  collecting_ += Clock::now() - begin;
  return sampled;
}

void PeakMeter::Collect(bool full) {
  const Clock::time_point begin = Clock::now();
  {
    std::lock_guard lock(*lock_);
    recording_->BeginCollection();
  }
  heap::Collect(full ? heap::Collection::kFull : heap::Collection::kYoung,
                is_gc_exposed_);
  collecting_ += Clock::now() - begin;
}

/// What the heap used at the start has garbage in it, from before. After a
/// first collection it is what the heap uses less what the sampler says is new,
/// while that is little, so that its error is, too.
void PeakMeter::FindBase() {
  const uint64_t before = heap::UsedBytes() + NativeBytes();
  const auto added =
      static_cast<double>(heap::AllocatedBytes() - allocated_at_start_);
  Collect(true);
  {
    const RecursionGuard guard;
    const uint64_t used = heap::UsedBytes();
    double sampled = 0;
    for (const auto& [stack, memory] : SumLiveSamples())
      sampled += memory.bytes;
    const auto live = static_cast<uint64_t>(std::min(sampled, added));
    base_bytes_ = used > live ? used - live : 0;
    has_base_ = true;
  }
  // All that died may have been from before: let it be the program's.
  const uint64_t after = heap::UsedBytes() + NativeBytes();
  TakeConfirmed(TotalBytes() + (before > after ? before - after : 0));
}

void PeakMeter::Confirm(uint64_t raw_bytes) {
  const uint64_t js_before = JsBytes();
  for (const bool full : {false, true}) {
    Collect(full);
    if (TotalBytes() < Threshold()) break;
  }
  const uint64_t js_bytes = JsBytes();
  if (js_before > confirmed_js_bytes_ && js_bytes > confirmed_js_bytes_) {
    js_survival_ =
        std::min(1.0, static_cast<double>(js_bytes - confirmed_js_bytes_) /
                          static_cast<double>(js_before - confirmed_js_bytes_));
  }
  TakeConfirmed(raw_bytes);
}

/// After a collection.
void PeakMeter::TakeConfirmed(uint64_t raw_bytes) {
  largest_examined_bytes_ = std::max(largest_examined_bytes_, raw_bytes);
  const RecursionGuard guard;
  const uint64_t js_bytes = JsBytes();
  auto sampled = SumLiveSamples();
  std::lock_guard lock(*lock_);
  const uint64_t total = recording_->native_bytes() + js_bytes;
  // The first one also when nothing was left: else the raw total would stand.
  const bool is_first = !has_told_peak_ && raw_bytes >= Threshold();
  if (total > peak_bytes_ || is_first) {
    peak_bytes_ = std::max(peak_bytes_, total);
    has_told_peak_ = true;
    recording_->WriteHeap(records::HeapKind::kConfirmed, js_bytes, sampled);
  }
  recording_->EndCollection();
  threshold_bytes_ = peak_bytes_ + Step(peak_bytes_);
  // Of what was added since the last confirmation, more survived than died.
  const uint64_t left = recording_->native_bytes() + js_bytes;
  grows_by_live_memory_ =
      left > confirmed_bytes_ &&
      (left - confirmed_bytes_) * 2 > raw_bytes - confirmed_bytes_;
  confirmed_bytes_ = left;
  confirmed_js_bytes_ = js_bytes;
  confirmed_other_threads_bytes_ = recording_->other_threads_bytes();
  confirmed_samples_ = std::move(sampled);
}

/// While the first thread waits for others, or runs no JavaScript, nothing can
/// be measured. But then its JS heap stays as it was, and what the others
/// allocate is not its garbage.
void PeakMeter::NoteOtherThreads() {
  const uint64_t others = recording_->other_threads_bytes();
  if (others <= confirmed_other_threads_bytes_) return;
  const uint64_t live =
      confirmed_bytes_ + (others - confirmed_other_threads_bytes_);
  if (live <= peak_bytes_ + peak_bytes_ / kOtherThreadsStepDivisor) return;
  const uint64_t total = recording_->native_bytes() + confirmed_js_bytes_;
  if (total > live + Step(live)) return;  // the first thread is at work
  recording_->WriteHeap(records::HeapKind::kUnconfirmed, confirmed_js_bytes_,
                        confirmed_samples_);
  peak_bytes_ = total;
}

/// Of what the JS heap has grown by since it was last confirmed, as much is
/// taken to be live as was before.
void PeakMeter::TakeLikelyPeak() {
  uint64_t js_bytes = JsBytes();
  if (js_bytes > confirmed_js_bytes_) {
    js_bytes =
        confirmed_js_bytes_ +
        static_cast<uint64_t>(
            static_cast<double>(js_bytes - confirmed_js_bytes_) * js_survival_);
  }
  {
    std::lock_guard lock(*lock_);
    if (recording_->native_bytes() + js_bytes <= peak_bytes_) return;
  }
  const RecursionGuard guard;
  const auto sampled = SumLiveSamples();
  std::lock_guard lock(*lock_);
  recording_->WriteHeap(records::HeapKind::kUnconfirmed, js_bytes, sampled);
  peak_bytes_ = recording_->native_bytes() + js_bytes;
}

bool PeakMeter::IsWorthConfirming(uint64_t raw_bytes) const {
  if (limit_bytes_ != 0)
    return raw_bytes >= limit_bytes_ - limit_bytes_ / kLimitMarginDivisor;
  // Were it put off until there is time, a short peak would be over by then.
  if (raw_bytes >= 2 * largest_examined_bytes_) return true;
  return collecting_ <=
         kFreeCollecting + (Clock::now() - started_at_) / kCollectingDivisor;
}

}  // namespace memray_mocha
