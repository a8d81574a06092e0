#include "recording_mutex.h"

#include <new>

#include "peak_meter.h"
#include "recording.h"
#include "recursion_guard.h"

namespace memray_mocha {

void RecordingMutex::lock() {
  const RecursionGuard guard;
  mutex_.lock();
  TakeEvents();
}

bool RecordingMutex::try_lock() {
  const RecursionGuard guard;
  if (!mutex_.try_lock()) return false;
  TakeEvents();
  return true;
}

void RecordingMutex::TakeEvents() {
  try {
    ApplyEvents();
  } catch (const std::bad_alloc&) {
    recording_->RunOutOfMemory();
    Guard(nullptr, nullptr);
    ApplyEvents();  // the rest is lost
  }
}

void RecordingMutex::ApplyEvents() {
  // Without a meter nobody asks what is live.
  if (!meter_) {
    queues_.TakeAll(
        [this](const MemoryEvent& event, uint32_t thread) {
          if (recording_) recording_->Apply(event, thread);
        },
        [](const MemoryEvent&) {});
    return;
  }
  queues_.TakeAll(
      [ recording = recording_, meter =
        meter_ ](const MemoryEvent& event, uint32_t thread)
          __attribute__((always_inline)) {
            if (IsNativeBegin(event.kind)) meter->TickNative(event.size_bytes);
            recording->Apply(event, thread);
            if (recording->is_full()) meter->TellHeld();
          },
      [recording = recording_](const MemoryEvent& event)
          __attribute__((always_inline)) { recording->Prepare(event); });
}

}  // namespace memray_mocha
