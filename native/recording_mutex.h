#ifndef NATIVE_RECORDING_MUTEX_H_
#define NATIVE_RECORDING_MUTEX_H_

#include "event_queues.h"
#include "spinning_mutex.h"

namespace memray_mocha {

class PeakMeter;
class Recording;

/// The tracker's lock, a Lockable of the standard library. Who gets it finds in
/// the recording, and the meter, all that threads have put into their queues.
class RecordingMutex {
 public:
  void lock();
  bool try_lock();
  void unlock() { mutex_.unlock(); }

  /// The same lock for who need not know of the newest events.
  SpinningMutex& without_events() { return mutex_; }

  // With the lock held.

  /// The queues that there are, one for each thread.
  EventQueues& queues() { return queues_; }
  /// @param recording takes events from here on; with nullptr, these are lost.
  /// @param meter may be nullptr.
  void Guard(Recording* recording, PeakMeter* meter) {
    recording_ = recording;
    meter_ = meter;
  }

 private:
  void TakeEvents();
  void ApplyEvents();

  SpinningMutex mutex_;
  EventQueues queues_;
  Recording* recording_ = nullptr;
  PeakMeter* meter_ = nullptr;
};

}  // namespace memray_mocha

#endif  // NATIVE_RECORDING_MUTEX_H_
