#include "recording_mutex.h"

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
  const auto apply = [this](const MemoryEvent& event, uint32_t thread)
      __attribute__((always_inline)) {
    if (!recording_) return;
    if (meter_ && event.IsBegin()) meter_->TickNative(event.size_bytes);
    recording_->Apply(event, thread);
    if (meter_ && recording_->is_full()) meter_->TellHeld();
  };
  // Without a meter nobody asks what is live.
  if (meter_) {
    queues_.TakeAll(apply,
                    [this](const MemoryEvent& event)
                        [[gnu::always_inline]] { recording_->Prepare(event); });
  } else {
    queues_.TakeAll(apply, [](const MemoryEvent&) {});
  }
}

}  // namespace memray_mocha
