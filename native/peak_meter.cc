#include "peak_meter.h"

#include <time.h>

#include <algorithm>
#include <utility>

#include "call_stack/js_call_stack.h"
#include "js_heap/object_sampler.h"
#include "recursion_guard.h"

namespace memray_mocha {
namespace {

using records::HeapKind;

constexpr uint64_t kMinStepBytes = uint64_t{64} << 10;
constexpr uint64_t kStepDivisor = 20;  // 5%

/// When a test ends, less is told as it is: its garbage cannot be more than
/// that, and most tests are small.
constexpr uint64_t kMinCollectedAtEndBytes = uint64_t{1} << 20;

// What V8 needs to run a little more code (compiled code, feedback, caches) is
// not told from the program's objects in its statistics, and of a page that it
// has begun to allocate on it may count all as used. What is not certainly more
// is taken for none: by these, or by samples, less twice their standard error.
constexpr uint64_t kJsNoiseBytes = uint64_t{64} << 10;
constexpr double kCertainErrors = 2;
/// By how many of its standard errors a sum of samples is off at most, nearly
/// always.
constexpr double kLikelyErrors = 3;

/// What part of less than this survives says nothing of more.
constexpr uint64_t kEvidenceBytes = uint64_t{1} << 20;

/// The processor's, that this thread takes.
CollectionSchedule::Time TimeOfThread() {
  timespec time;
  clock_gettime(CLOCK_THREAD_CPUTIME_ID, &time);
  return std::chrono::seconds(time.tv_sec) +
         std::chrono::nanoseconds(time.tv_nsec);
}

uint64_t Step(uint64_t bytes) {
  return std::max(kMinStepBytes, bytes / kStepDivisor);
}

}  // namespace

PeakMeter::PeakMeter(Recording* recording, RecordingMutex* lock,
                     const heap::ProgramFlags& program_flags)
    : recording_(recording),
      lock_(lock),
      program_flags_(program_flags),
      schedule_(TimeOfThread()) {
  Restart();
  heap::KeepLoopsInterruptible();
  heap::SetCollectionListener(this);
}

PeakMeter::~PeakMeter() { heap::SetCollectionListener(nullptr); }

void PeakMeter::Restart() {
  allocated_at_start_ = heap::AllocatedBytes();
  used_at_start_ = heap::UsedBytes();
  js_bytes_left_ = 0;
}

void PeakMeter::TellHeld() {
  // Which objects are live is not known here, on whatever thread.
  if (confirmed_bytes_ > 0 || recording_->FindPeak(0).bytes() <= peak_bytes_)
    return recording_->ReleaseEvents();
  raw_peak_bytes_ =
      std::max(raw_peak_bytes_, recording_->raw_peak_bytes() + js_bytes_);
  Tell(HeapKind::kUnconfirmed, 0);
  threshold_bytes_ = peak_bytes_ + Step(peak_bytes_);
}

uint64_t PeakMeter::JsBytes() {
  const uint64_t now = heap::AllocatedBytes();
  // V8 may shorten an object, so it may be less.
  const uint64_t allocated = now - std::min(now, allocated_at_start_);
  Recording::SampledTotal sampled;
  {
    const RecursionGuard guard;
    std::lock_guard lock(*lock_);
    sampled = recording_->SumSamples();
  }
  if (sampled.all_bytes == 0) {
    const uint64_t bytes = std::min(allocated, UsedMore());
    return IsCertain(bytes, 0) ? bytes : 0;
  }
  // The end of a page where the next object had no room counts for V8 as well:
  // of objects of 100 KB a fifth of what there is.
  const auto all = static_cast<double>(sampled.all_bytes);
  const double most = all + kLikelyErrors * sampled.standard_error;
  const auto bytes =
      static_cast<uint64_t>(std::min(static_cast<double>(allocated), most) *
                            static_cast<double>(sampled.live_bytes) / all);
  return IsCertain(bytes, sampled.live_bytes) ? bytes : 0;
}

/// Whether this is more than what V8 itself may need, and chance may sample.
bool PeakMeter::IsCertain(uint64_t bytes, uint64_t sampled_bytes) const {
  if (bytes >= heap::kPageBytes + kJsNoiseBytes) return true;
  const uint64_t least = std::min(bytes, sampled_bytes);
  return static_cast<double>(least) -
             kCertainErrors * object_sampler::StandardError(least) >=
         kJsNoiseBytes;
}

/// Without samples, all that V8 can say.
uint64_t PeakMeter::UsedMore() const {
  const uint64_t used = heap::UsedBytes();
  return used - std::min(used, used_at_start_);
}

void PeakMeter::Look() { LookAt(Moment::kNow, JsBytes()); }

void PeakMeter::LookForTheLastTime() {
  LookAt(Moment::kLast, JsBytes());
  // There may be no next look for what other threads reached meanwhile.
  if (is_left_) LookAt(Moment::kLast, JsBytes());
}

void PeakMeter::SetLimit(uint64_t first_bytes, uint64_t last_bytes) {
  if (first_bytes != 0) heap::KeepCodeOptimized();
  std::lock_guard lock(*lock_);
  limit_bytes_ = first_bytes;
  last_limit_bytes_ = last_bytes;
  RaiseLimit();
}

/// What was confirmed need not be again, but what is a step more.
void PeakMeter::RaiseLimit() {
  if (confirmed_bytes_ >= limit_bytes_) {
    limit_bytes_ =
        std::min(confirmed_bytes_ + Step(confirmed_bytes_), last_limit_bytes_);
  }
  recording_->SetLimit(limit_bytes_ == 0 ? UINT64_MAX : limit_bytes_);
}

/// @param js_bytes before V8 collected, if it just did.
void PeakMeter::LookAt(Moment moment, uint64_t js_bytes) {
  const auto begin = Recording::Clock::now();
  is_looking_ = true;
  is_left_ = false;
  uint64_t raw;
  bool is_step;
  bool is_peak;
  {
    std::lock_guard lock(*lock_);
    js_bytes_ = js_bytes;
    waiting_bytes_ += std::exchange(unseen_bytes_, 0);
    is_due_ = false;
    raw = recording_->raw_peak_bytes() + js_bytes;
    is_step = raw >= threshold_bytes_;
    is_peak = is_step || (moment == Moment::kLast && raw >= peak_bytes_);
  }
  NoteRawPeak(raw, js_bytes);
  const bool is_limit = IsLimitOpen() && raw >= limit_bytes_;
  is_guessing_ = limit_bytes_ == 0 || (IsLimitOpen() && !is_limit);
  if (is_limit || (is_step && IsWorthCollecting(moment, raw))) {
    CollectSome(raw);
  } else if (is_step && was_collected_ && HasFewNewBlocks()) {
    // For nothing.
    TellCollected(raw, HeapKind::kUnconfirmed);
  } else if (is_step && moment == Moment::kNow && CanWait()) {
    // The next collection tells what of it was garbage.
    is_left_ = true;
  } else if (is_peak) {
    TellLikely(js_bytes);
  }
  was_collected_ = false;
  {
    const RecursionGuard guard;
    std::lock_guard lock(*lock_);
    // What other threads reached meanwhile is for the next look.
    const uint64_t now = recording_->raw_peak_bytes() + js_bytes;
    is_left_ |= now > raw && now >= Threshold();
    if (!is_left_) {
      recording_->ReleaseEvents();
      recording_->EndStretch();
      waiting_bytes_ = 0;
    }
  }
  is_looking_ = is_guessing_ = false;
  if (moment == Moment::kNow) looking_time_ += Recording::Clock::now() - begin;
}

void PeakMeter::NoteRawPeak(uint64_t raw_bytes, uint64_t js_bytes) {
  const RecursionGuard guard;
  std::lock_guard lock(*lock_);
  if (raw_bytes <= raw_peak_bytes_) return;
  raw_peak_bytes_ = raw_bytes;
  recording_->WriteRawHeap(js_bytes);
}

void PeakMeter::CollectSome(uint64_t raw_bytes) {
  // Of a test that has failed the peak should be right.
  bool is_full = limit_bytes_ != 0 && !IsLimitOpen();
  if (!is_full) {
    CollectYoung();
    // To the byte: only what was live may reach a limit.
    is_full = IsLimitOpen() && LivePeakBytes() >= limit_bytes_;
  }
  if (!is_full) return TellCollected(raw_bytes, HeapKind::kUnconfirmed);
  // Until it is told what they have.
  worker_isolates::Standstill workers(program_flags_);
  CollectAll(&workers);
  // Some garbage dies only with the next one: what V8 keeps of objects' shapes
  // until then, which holds their properties' names.
  if (LivePeakBytes() >= std::max(limit_bytes_, confirmed_bytes_ + 1))
    CollectAll(&workers);
  TellCollected(raw_bytes, HeapKind::kConfirmed);
}

void PeakMeter::TellCollected(uint64_t raw_bytes, HeapKind kind) {
  const uint64_t js_bytes = JsBytes();
  const uint64_t live = LivePeakBytes();
  bool is_peak;
  {
    std::lock_guard lock(*lock_);
    // The first one also when nothing was left: else the raw total would stand.
    is_peak = live > peak_bytes_ || !has_told_peak_;
    // No guess stands against what was confirmed.
    if (kind != HeapKind::kConfirmed && confirmed_bytes_ > 0) is_peak = false;
  }
  // Whatever was told before there was a limit.
  const bool is_reached =
      kind == HeapKind::kConfirmed && IsLimitOpen() && live >= limit_bytes_;
  if (is_peak || is_reached) {
    UpdateLive();
    const RecursionGuard guard;
    std::lock_guard lock(*lock_);
    Tell(kind, js_bytes);
  }
  std::lock_guard lock(*lock_);
  threshold_bytes_ = peak_bytes_ + Step(peak_bytes_);
  schedule_.OnCollected(raw_bytes, {recording_->native_bytes(), js_bytes});
}

/// Whether the next collection should tell what of what is held was garbage.
bool PeakMeter::CanWait() const {
  std::lock_guard lock(*lock_);
  return recording_->can_wait(waiting_bytes_) &&
         !(schedule_.grows_by_live_memory() &&
           schedule_.HasFewNewBlocks(TotalNow()));
}

/// Whether it has for too long.
bool PeakMeter::HasWaited() const {
  std::lock_guard lock(*lock_);
  return recording_->has_waited() ||
         schedule_.HasManyNewBlocks(recording_->native_bytes());
}

bool PeakMeter::HasFewNewBlocks() const {
  std::lock_guard lock(*lock_);
  return schedule_.HasFewNewBlocks(TotalNow());
}

/// Tells the raw total, less what is likely to be garbage.
void PeakMeter::TellLikely(uint64_t js_bytes) {
  if (!schedule_.grows_by_live_memory() || confirmed_bytes_ > 0) return;
  const uint64_t likely = LikelyJsBytes(js_bytes);
  {
    std::lock_guard lock(*lock_);
    const uint64_t bytes = recording_->raw_peak_bytes() + likely;
    if (bytes <= peak_bytes_) return;
    // Where that was garbage must not be forgotten.
    is_left_ = IsForNextLook(bytes);
    if (is_left_) return;
  }
  UpdateLive();
  const RecursionGuard guard;
  std::lock_guard lock(*lock_);
  recording_->ForgetGarbage();
  Tell(HeapKind::kUnconfirmed, likely);
  threshold_bytes_ = peak_bytes_ + Step(peak_bytes_);
}

/// Whether the limit was reached, but not confirmed: another thread has just
/// got there, since the beginning of this look.
bool PeakMeter::IsForNextLook(uint64_t bytes) const {
  return IsLimitOpen() && bytes >= limit_bytes_ && !recording_->is_full();
}

/// With the lock held.
void PeakMeter::Tell(HeapKind kind, uint64_t js_bytes) {
  const uint64_t bytes = recording_->FindPeak(js_bytes).bytes();
  const bool is_confirmed = kind == HeapKind::kConfirmed;
  if (!is_confirmed && IsForNextLook(bytes)) {
    is_left_ = true;
    return;
  }
  // As the capture's reader takes it.
  if (bytes > (is_confirmed ? confirmed_bytes_ : peak_bytes_))
    peak_bytes_ = bytes;
  if (is_confirmed) {
    confirmed_bytes_ = std::max(confirmed_bytes_, bytes);
    RaiseLimit();
  }
  has_told_peak_ = true;
  recording_->TellPeak(kind, js_bytes);
}

/// Of what the JS heap has grown by since the latest collection, such a part is
/// live as survived that one.
uint64_t PeakMeter::LikelyJsBytes(uint64_t js_bytes) const {
  if (js_bytes <= js_bytes_left_) return js_bytes;
  const auto grown = static_cast<double>(js_bytes - js_bytes_left_);
  return js_bytes_left_ +
         static_cast<uint64_t>(grown * js_survival_.value_or(1));
}

/// After a collection.
uint64_t PeakMeter::LivePeakBytes() {
  const uint64_t js_bytes = JsBytes();
  const RecursionGuard guard;
  std::lock_guard lock(*lock_);
  return recording_->FindPeak(js_bytes).bytes();
}

void PeakMeter::UpdateLive() {
  if (!recording_->samples_functions()) return;
  const RecursionGuard guard;
  const CollectionSchedule::Time begin = TimeOfThread();
  // Without the lock: V8 allocates on its heap here, and waits for its helper
  // threads to sweep, while these may wait for the lock in a hook.
  const auto functions = object_sampler::LiveByFunction();
  schedule_.AddCost(TimeOfThread() - begin);
  std::lock_guard lock(*lock_);
  recording_->SetLiveByFunction(functions);
}

void PeakMeter::CollectYoung() {
  const CollectionSchedule::Time begin = TimeOfThread();
  heap::Collect(heap::Collection::kYoung, program_flags_);
  schedule_.AddCost(TimeOfThread() - begin);
}

void PeakMeter::CollectAll(worker_isolates::Standstill* workers) {
  const CollectionSchedule::Time begin = TimeOfThread();
  IsolateCode& code = JsCallStacks::OfThisThread()->code();
  {
    const RecursionGuard guard;
    std::lock_guard lock(*lock_);
    code.scripts().Release(recording_->FindScripts(code.id()));
  }
  heap::Collect(heap::Collection::kFull, program_flags_);
  workers->Await();
  code.scripts().Reclaim();
  {
    const RecursionGuard guard;
    std::lock_guard lock(*lock_);
    recording_->ShortenSamples();
  }
  schedule_.AddCost(TimeOfThread() - begin);
}

void PeakMeter::EndWorkersTurn() {
  // Where that did not help, not with each block. And what may reach the limit
  // must be seen by the next look, even if it is garbage by then.
  const uint64_t bytes = TotalNow().bytes();
  workers_bytes_ = bytes + Step(bytes);
  if (limit_bytes_ != 0 && bytes >= limit_bytes_) recording_->ConfirmWorkers();
  is_workers_turn_ = false;
}

void PeakMeter::BeforeCollection() { js_bytes_before_ = JsBytes(); }

void PeakMeter::AfterCollection() {
  const uint64_t before = js_bytes_before_;
  const uint64_t js_bytes = JsBytes();
  if (before >= js_bytes_left_ + kEvidenceBytes) {
    const uint64_t survived = js_bytes - std::min(js_bytes, js_bytes_left_);
    js_survival_ =
        std::min(1.0, static_cast<double>(survived) /
                          static_cast<double>(before - js_bytes_left_));
  }
  js_bytes_left_ = js_bytes;
  if (is_looking_) return;
  was_collected_ = true;
  schedule_.OnV8Collected(before, js_bytes);
  bool is_due;
  {
    std::lock_guard lock(*lock_);
    js_bytes_ = js_bytes;
    is_due = recording_->raw_peak_bytes() + before >= limit_bytes_;
  }
  // V8 did not get to interrupt the program, but it collects.
  if (is_due && IsLimitOpen()) LookAt(Moment::kNow, before);
}

bool PeakMeter::IsWorthCollecting(Moment moment, uint64_t raw_bytes) const {
  if (raw_bytes < kMinStepBytes) return false;
  // There may be no next look, nor is what is held until then a short peak.
  if (moment == Moment::kLast) return raw_bytes >= kMinCollectedAtEndBytes;
  return schedule_.IsDue(raw_bytes, TimeOfThread()) ||
         (CanWait() && HasWaited());
}
}  // namespace memray_mocha
