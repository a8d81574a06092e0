#include "tracker.h"

#include <pthread.h>

#include <algorithm>
#include <iterator>

#include "buffer_calibration.h"
#include "call_stack/unwind_rule.h"
#include "capture/sink.h"
#include "event_queue.h"
#include "interposition/hook_switches.h"
#include "interposition/installer.h"
#include "js_heap/heap.h"
#include "js_heap/object_sampler.h"
#include "js_heap/worker_isolates.h"
#include "notices.h"
#include "peak_meter.h"
#include "recording.h"
#include "recursion_guard.h"
#include "sample_memory.h"
#include "sampler_calibration.h"
#include "thread_state.h"

namespace memray_mocha {
namespace {

// So many samples of what just reaches a limit make its standard error less
// than 2%; but more than each two KiB would cost too much.
constexpr uint64_t kSamplesAtLimit = 4096;
constexpr uint64_t kMinInterval = 2048;

// What is sampled counts in steps of this: each takes the lock.
constexpr uint64_t kJsTickBytes = uint64_t{4} << 10;

// From here on a thread's queue should be emptied while the peak is looked for;
// while the lock is taken, twice that may wait. Of a limit, to the byte, one
// should know earlier.
constexpr size_t kMaxQueuedBytes = size_t{64} << 10;
constexpr size_t kMaxQueuedAtLimitBytes = size_t{16} << 10;

}  // namespace

/// A forked child shares neither the tracker's lock nor its file: it goes
/// untracked.
bool Tracker::IsInChild() { return !hook_switches.is_on; }

Tracker::Tracker() { ThreadState::at_end = EndThread; }

Tracker& Tracker::Get() {
  static Tracker& tracker = *new Tracker;
  return tracker;
}

std::optional<std::string> Tracker::Start(const TrackingOptions& options) {
  static uint64_t last_id = 0;
  std::lock_guard start_lock(start_mutex_);
  {
    const RecursionGuard guard;
    std::lock_guard lock(mutex_);
    if (recording_) return std::nullopt;
  }
  installer::Install();
  const bool is_sampler_taken =
      options.js_sample_interval_bytes != 0 && object_sampler::IsRunning();
  if (is_sampler_taken) notices::sampler_taken.Raise();
  const bool measures_js_heap =
      options.js_sample_interval_bytes != 0 && !is_sampler_taken;
  const SamplerSites* sampler = nullptr;
  if (measures_js_heap) {
    // By way of the hooks, so before the guard.
    sampler = &FindSamplerSites();
    settings_.buffer_freer = FindBufferFreer(options.program_flags);
  }
  const RecursionGuard guard;
  ThreadState::ReadSymbols();
  UnwindRule::ForgetAll();
  auto recording = std::make_unique<Recording>(++last_id, options, sampler);
  if (!recording->error().empty()) return recording->error();
  settings_.native_frames = options.native;
  settings_.sampler = sampler;
  settings_.isolate = heap::Current();
  settings_.capture = recording->id;
  settings_.max_queued_bytes = measures_js_heap ? kMaxQueuedBytes : SIZE_MAX;
  std::unique_ptr<PeakMeter> meter;
  if (measures_js_heap) {
    meter = std::make_unique<PeakMeter>(recording.get(), &mutex_,
                                        options.program_flags);
  }
  {
    std::lock_guard lock(mutex_);
    recording_ = std::move(recording);
    meter_ = std::move(meter);
    mutex_.Guard(recording_.get(), meter_.get());
    mutex_.queues().ForgetThreads();
    recording_->Enter(&ThreadState::Get());
    has_requested_look_ = false;
  }
  if (measures_js_heap) StartSampler(options.js_sample_interval_bytes);
  allocation_listener = this;
  return "";
}

/// Has V8 note its samples in memory of ours, from where they are known.
void Tracker::StartSampler(uint64_t interval_bytes) {
  using object_sampler::Stacks;
  settings_.js_sample_interval_bytes = interval_bytes;
  const SamplerSites& sites = *settings_.sampler;
  if (sites.sample == 0)
    return object_sampler::Start(interval_bytes, Stacks::kFunctions);
  sample_memory_ = sites.memory.get();
  sampling_thread_ = pthread_self();
  unseen_js_bytes_ = 0;
  SetOwner(this, sample_memory_->range());
  block_provider = this;
  object_sampler::Start(interval_bytes, Stacks::kNone);
}

void Tracker::StopSampler() {
  if (!object_sampler::Stop()) notices::sampler_stopped.Raise();
}

void Tracker::SetSampleInterval(uint64_t interval_bytes) {
  const RecursionGuard guard;
  if (!meter_ || interval_bytes >= settings_.js_sample_interval_bytes) return;
  // V8 forgets what it has sampled, and so do we.
  StopSampler();
  {
    std::lock_guard lock(mutex_);
    recording_->ForgetSamples();
  }
  meter_->Restart();
  StartSampler(interval_bytes);
}

void Tracker::RecordNativeFrames() {
  const RecursionGuard guard;
  std::lock_guard lock(mutex_);
  recording_->RecordNativeFrames();
  settings_.native_frames = true;
}

void Tracker::SetMemoryLimit(uint64_t limit_bytes, uint64_t first_bytes) {
  if (!meter_) return;
  meter_->SetLimit(first_bytes, limit_bytes);
  settings_.max_queued_bytes =
      limit_bytes == 0 ? kMaxQueuedBytes : kMaxQueuedAtLimitBytes;
  // Not what V8 would have to forget samples of for it.
  if (limit_bytes != 0 && meter_->JsBytes() == 0)
    SetSampleInterval(std::max(first_bytes / kSamplesAtLimit, kMinInterval));
  // What is there by now may reach it, and nothing be allocated after it.
  if (limit_bytes != 0) LookBy(&PeakMeter::Look);
}

std::set<int> Tracker::FindScripts(uint64_t codes) {
  const RecursionGuard guard;
  std::lock_guard lock(mutex_);
  return recording_->FindScripts(codes);
}

void Tracker::NotePeak() {
  if (meter_) LookBy(&PeakMeter::LookForTheLastTime);
}

/// What the latest call allocated was live when it returned, but for what it
/// dropped itself, and may be dead by now: V8 interrupts the program only where
/// it calls JavaScript or jumps back. So where the peak is a guess, that counts
/// as live.
void Tracker::LookBy(void (PeakMeter::*look)()) {
  (meter_.get()->*look)();
  const RecursionGuard guard;
  for (void* sample : std::exchange(kept_samples_, {})) TakeBack(sample);
  recording_->EndCalls();
}

uint64_t Tracker::LiveBytes() {
  if (!meter_) return 0;
  const RecursionGuard guard;
  std::lock_guard lock(mutex_);
  return recording_->native_bytes() + recording_->SumSamples().live_bytes;
}

void Tracker::Mark() {
  if (meter_) {
    LookBy(&PeakMeter::LookForTheLastTime);
    meter_->UpdateLive();
  }
  const RecursionGuard guard;
  std::lock_guard lock(mutex_);
  recording_->ReleaseEvents();
  recording_->WriteLive(records::HeapKind::kMark, 0);
}

std::chrono::nanoseconds Tracker::ConfirmingTime() const {
  return meter_ ? meter_->looking_time() : std::chrono::nanoseconds::zero();
}

std::unique_ptr<Sink> Tracker::Stop(const FindOriginals& find_originals,
                                    bool collects_in_workers) {
  if (IsInChild()) {
    auto capture = std::make_unique<SpillingSink>("");
    capture->SetError("Could not record what a forked child allocated.");
    return capture;
  }
  std::optional<worker_isolates::Standstill> workers;
  if (meter_) {
    // What they reach after the last look, nobody can tell from garbage.
    if (meter_->has_limit() || collects_in_workers)
      workers.emplace(meter_->program_flags()).Await();
    LookBy(&PeakMeter::LookForTheLastTime);
    meter_->UpdateLive();
  }
  const RecursionGuard guard;
  // Until nothing of this capture is left to be undone: another thread may be
  // waiting to begin one.
  std::unique_lock start_lock(start_mutex_);
  allocation_listener = nullptr;
  std::unique_ptr<Recording> recording;
  std::unique_ptr<PeakMeter> meter;
  {
    // A thread still in a hook finds no recording once it gets the lock.
    std::lock_guard lock(mutex_);
    recording = std::move(recording_);
    meter = std::move(meter_);
    mutex_.Guard(nullptr, nullptr);
    recording->ReleaseEvents();
    if (meter) {
      recording->WriteLive(records::HeapKind::kEnd, meter->raw_peak_bytes());
    }
  }
  workers.reset();
  if (meter) {
    // It follows V8's collections, and what V8 allocates from here on is ours.
    meter.reset();
    StopSampler();
  }
  block_provider = nullptr;
  if (sample_memory_) sample_memory_->Trim();
  start_lock.unlock();
  return recording->Finish(find_originals);
}

[[gnu::always_inline]] inline ThreadState* Tracker::TakeCallStack(
    uintptr_t caller, bool with_native_frames) const {
  // Before the lock: other threads need not wait for that.
  ThreadState& thread = ThreadState::Get();
  thread.js_call_stacks = JsCallStacks::OfThisThread();
  thread.js_stack = nullptr;
  thread.vm_state = VmState::kProgram;
  if (thread.js_call_stacks) {
    thread.js_stack = &thread.js_call_stacks->Take();
    thread.vm_state = thread.js_stack->vm_state;
  } else if (v8::Isolate* isolate = heap::Current()) {
    thread.vm_state = JsCallStacks::StateOf(isolate);
    if (!thread.is_to_follow) [[unlikely]]
      thread.is_to_follow = RequestOfWorker(isolate, FollowWorker);
  }
  // What V8 uses for itself comes and goes at its own mood: a limit that
  // counted it would fail now and then. Its part that stays is the JS heap's.
  if (thread.is_v8_helper || thread.vm_state == VmState::kOwnWork ||
      heap::IsInCollect())
    return nullptr;
  thread.native_frames[0] = caller;
  thread.native_count = caller == 0 ? 0 : 1;
  thread.note = nullptr;
  if (with_native_frames) {
    thread.native_count = thread.native_unwinder.Unwind(
        caller, thread.native_frames, std::size(thread.native_frames));
    thread.note = thread.native_unwinder.note();
  }
  return &thread;
}

[[gnu::always_inline]] inline void Tracker::Push(ThreadState* thread,
                                                 const MemoryEvent& event) {
  if (!thread->queue.is_known()) [[unlikely]] {
    std::lock_guard lock(mutex_.without_events());
    mutex_.queues().Add(&thread->queue);
  }
  if (thread->queue.Push(event, settings_.max_queued_bytes))
    TakeEvents(&thread->queue);
}

[[gnu::always_inline]] inline void Tracker::OnBegin(MemoryEvent event,
                                                    uintptr_t caller) {
  ThreadState* thread = TakeCallStack(caller, settings_.native_frames);
  if (!thread) return;
  std::optional<uint32_t> stack;
  if (thread->capture == settings_.capture) stack = thread->FindKnownStack();
  if (!stack) stack = FindStack(thread);
  if (!stack) return;
  thread->NoteStack(*stack);
  event.stack = *stack;
  Push(thread, event);
}

void Tracker::OnAllocation(uintptr_t address, size_t size_bytes,
                           Allocator allocator, uintptr_t caller) {
  const SamplerSites* sampler = settings_.sampler;
  if (sampler && allocator == Allocator::kOperatorNew) {
    const auto& own = sampler->own;
    if (std::find(own.begin(), own.end(), caller) != own.end()) return;
  }
  OnBegin({.kind = EventKind::kAllocation,
           .allocator = allocator,
           .address = address,
           .size_bytes = size_bytes},
          caller);
}

void Tracker::OnMapping(uintptr_t address, size_t size_bytes,
                        Allocator allocator, uintptr_t caller) {
  OnBegin({.kind = EventKind::kMapping,
           .allocator = allocator,
           .address = address,
           .size_bytes = size_bytes},
          caller);
}

/// @return nothing for what is not the program's memory.
std::optional<uint32_t> Tracker::FindStack(ThreadState* thread) {
  if (thread->capture != settings_.capture) {
    // Its queue has events of an earlier capture, if any.
    std::lock_guard lock(mutex_);
    if (!recording_) return {};
    recording_->Enter(thread);
  }
  std::lock_guard lock(mutex_.without_events());
  if (!recording_) return {};
  return recording_->StackOf(thread);
}

void Tracker::TakeEvents(EventQueue* queue) {
  std::unique_lock lock(mutex_, std::try_to_lock);
  if (!lock) {
    // Its holder may just empty it, and else the next event will.
    if (queue->CanWait(settings_.max_queued_bytes)) return;
    lock.lock();
  }
  queue->OnEmptied();
  if (meter_ && meter_->is_due()) RequestLook(std::move(lock));
}

void Tracker::EndThread(ThreadState* thread) {
  if (IsInChild()) return;
  Tracker& tracker = Get();
  {
    std::lock_guard lock(tracker.mutex_);
    if (tracker.recording_) tracker.recording_->EndWorkerHeap(thread);
    tracker.mutex_.queues().Remove(&thread->queue);
  }
  if (thread->is_followed) worker_isolates::EndThread();
}

void Tracker::OnDeallocation(uintptr_t address, uintptr_t caller) {
  ThreadState& thread = ThreadState::Get();
  // Its array-buffer sweeper included.
  const bool by_collector =
      settings_.sampler && (heap::IsCollecting() || thread.is_v8_helper ||
                            caller == settings_.buffer_freer);
  Push(&thread, {.kind = EventKind::kDeallocation,
                 .by_collector = by_collector,
                 .address = address});
}

void Tracker::OnUnmapping(uintptr_t address, size_t size_bytes) {
  Push(&ThreadState::Get(),
       {.kind = EventKind::kUnmapping,
        // On the sweeper's thread it may be another isolate's, of a worker.
        .by_collector = heap::IsCollecting(),
        .address = address,
        .size_bytes = size_bytes});
}

void Tracker::OnLibrary() { UnwindRule::ForgetAll(); }

void Tracker::OnOutOfMemory() {
  std::lock_guard lock(mutex_.without_events());
  allocation_listener = nullptr;
  if (recording_) recording_->RunOutOfMemory();
  mutex_.Guard(nullptr, nullptr);
}

void* Tracker::Provide(size_t size_bytes, uintptr_t caller) {
  const SamplerSites* sites = settings_.sampler;
  if (!sites || (caller != sites->sample && caller != sites->entry) ||
      // Another isolate's sampler is not ours.
      heap::Current() != settings_.isolate) {
    return nullptr;
  }
  if (caller == sites->entry) {
    if (size_bytes != sites->entry_bytes) return nullptr;
    // V8 makes it right behind the sample, which is complete by now.
    OnSampleNoted();
    return sample_memory_->AllocateEntry();
  }
  if (size_bytes != Sample::kBlockBytes) return nullptr;
  Sample* sample = sample_memory_->AllocateSample();
  if (sample)
    OnSampledObject(sample);
  else
    OnOutOfMemory();  // it would count for nothing
  return sample;
}

void Tracker::TakeBack(void* block) {
  // V8 frees its samples where it took them. Were it ever different, some
  // memory would be lost, and nothing else.
  if (IsInChild() || pthread_self() != sampling_thread_) return;
  const Sample* sample = sample_memory_->FindSample(block);
  if (sample && recording_) {
    if (meter_->is_guessing() && recording_->IsOfLatestCall(*sample)) {
      recording_->KeepSample(*sample);
      return kept_samples_.push_back(block);
    }
    recording_->RemoveSample(sample);
    if (recording_->IsInStretch(*sample))
      Push(&ThreadState::Get(),
           {.kind = EventKind::kObjectEnd,
            .address = reinterpret_cast<uintptr_t>(sample)});
  }
  sample_memory_->Deallocate(block);
}

/// Without the lock, unless there is something that concerns other threads.
void Tracker::OnSampledObject(Sample* sample) {
  ThreadState& thread = ThreadState::Get();
  const bool is_program = TakeCallStack(0, false) != nullptr;
  JsCallStack::Note unknown;
  JsCallStack::Note& note =
      is_program && thread.js_stack ? thread.js_stack->object_note : unknown;
  if (note.capture != thread.capture) {
    std::lock_guard lock(mutex_.without_events());
    note = {.capture = thread.capture,
            .stack = recording_->FindSampleStack(&thread, is_program)};
  }
  // If nothing told of it sooner.
  OnSampleNoted();
  recording_->AddSample(
      sample, note.stack,
      &note == &unknown ? 0 : thread.js_call_stacks->InnermostBudget());
  if (recording_->IsInStretch(*sample))
    Push(&thread, {.kind = EventKind::kObject,
                   .stack = sample->stack,
                   .address = reinterpret_cast<uintptr_t>(sample)});
}

/// What the newest sample stands for counts at once, and not only with the next
/// one: after one large object there may be none.
void Tracker::OnSampleNoted() {
  unseen_js_bytes_ += recording_->TakeNewestBytes();
  if (unseen_js_bytes_ < kJsTickBytes) return;
  std::unique_lock lock(mutex_);
  meter_->TickJs(std::exchange(unseen_js_bytes_, 0));
  if (meter_->is_due()) RequestLook(std::move(lock));
}

/// Only on an isolate's own thread, where it cannot end meanwhile, and once:
/// what other threads do is looked at when the program's allocates next.
void Tracker::RequestLook(std::unique_lock<RecordingMutex> lock) {
  v8::Isolate* isolate = heap::Current();
  if (!isolate) return;
  const bool is_worker = isolate != settings_.isolate;
  if (is_worker) {
    if (!ThreadState::Get().is_followed || !meter_->TakeWorkersTurn()) return;
  } else if (std::exchange(has_requested_look_, true)) {
    return;
  }
  const uint64_t id = recording_->id;
  lock.unlock();
  heap::RequestInterrupt(isolate, is_worker ? CollectInWorker : Look,
                         reinterpret_cast<void*>(id));
}

/// With the lock held.
bool Tracker::IsRecording(void* recording_id) const {
  return recording_ &&
         recording_->id == reinterpret_cast<uint64_t>(recording_id);
}

void Tracker::Look(v8::Isolate*, void* recording_id) {
  if (IsInChild()) return;
  Tracker& tracker = Get();
  {
    std::lock_guard lock(tracker.mutex_);
    if (!tracker.IsRecording(recording_id)) return;
    tracker.has_requested_look_ = false;
  }
  // What the program held may be garbage once it has returned to this package:
  // there is nothing to wait for.
  tracker.LookBy(tracker.IsInOwnCode() ? &PeakMeter::LookForTheLastTime
                                       : &PeakMeter::Look);
}

/// Whether JavaScript of this package is running.
bool Tracker::IsInOwnCode() {
  const RecursionGuard guard;
  ThreadState* thread = TakeCallStack(0, false);
  return thread && !FindStack(thread);
}

}  // namespace memray_mocha
