#include <mutex>
#include <utility>

#include "js_heap/heap.h"
#include "js_heap/worker_isolates.h"
#include "peak_meter.h"
#include "recording.h"
#include "recursion_guard.h"
#include "thread_state.h"
#include "tracker.h"

// The part of the tracker that follows workers: what it does on their threads.
namespace memray_mocha {

void Tracker::OnHeapPage() {
  v8::Isolate* isolate = heap::Current();
  if (!isolate) return;
  RequestOfWorker(isolate, LookAtWorkerHeap);
  const SamplerSites* sampler = settings_.sampler;
  if (isolate != settings_.isolate || !sampler || sampler->sample != 0) return;
  // Nothing else tells of objects when V8 takes the call stacks itself.
  std::unique_lock lock(mutex_);
  if (!meter_) return;
  meter_->TickJs(heap::kPageBytes);
  if (meter_->is_due()) RequestLook(std::move(lock));
}

/// Has this thread, when it is a worker's, call that where its JavaScript could
/// run.
/// @return whether it will.
bool Tracker::RequestOfWorker(v8::Isolate* isolate, void (*callback)()) const {
  if (!settings_.sampler || isolate == settings_.isolate) return false;
  // An isolate in the making would lose the request.
  if (!heap::IsInContext(isolate)) return false;
  heap::RequestInterrupt(
      isolate,
      [](v8::Isolate*, void* data) { reinterpret_cast<void (*)()>(data)(); },
      reinterpret_cast<void*>(callback));
  return true;
}

/// On the worker's thread, where its JavaScript could run: so that its garbage
/// is known as such, and can be collected.
void Tracker::FollowWorker() {
  const RecursionGuard guard;
  ThreadState& thread = ThreadState::Get();
  if (thread.is_followed) return;
  thread.is_followed = worker_isolates::Add();
  if (thread.is_followed)
    heap::FollowCollections(LookAtWorkerHeap);
  else
    thread.is_to_follow = false;  // with its next allocation
}

/// On the worker's thread, where its JavaScript could run, or has just been
/// collected.
void Tracker::LookAtWorkerHeap() {
  FollowWorker();
  const RecursionGuard guard;
  const uint64_t used_bytes = heap::UsedBytes();
  Tracker& tracker = Get();
  std::unique_lock lock(tracker.mutex_);
  if (!tracker.meter_ || heap::Current() == tracker.settings_.isolate) return;
  tracker.recording_->SetWorkerHeap(&ThreadState::Get(), used_bytes);
  // That may have reached the limit.
  tracker.meter_->TickNative(0);
  if (tracker.meter_->is_due()) tracker.RequestLook(std::move(lock));
}

/// Only live memory may reach a limit, and what is garbage of a worker's the
/// thread that looks at it cannot tell.
void Tracker::CollectInWorker(v8::Isolate*, void* recording_id) {
  if (IsInChild()) return;
  Tracker& tracker = Get();
  heap::ProgramFlags flags;
  {
    std::lock_guard lock(tracker.mutex_);
    if (!tracker.IsRecording(recording_id)) return;
    flags = tracker.meter_->program_flags();
  }
  worker_isolates::Standstill others(flags, std::try_to_lock);
  if (others) {
    heap::Collect(heap::Collection::kFull, flags);
    others.Await();
  }
  const RecursionGuard guard;
  std::lock_guard lock(tracker.mutex_);
  if (!tracker.IsRecording(recording_id)) return;
  if (others)
    tracker.meter_->EndWorkersTurn();
  else
    tracker.meter_->GiveUpWorkersTurn();
}

}  // namespace memray_mocha
