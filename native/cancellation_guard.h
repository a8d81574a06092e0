#ifndef NATIVE_CANCELLATION_GUARD_H_
#define NATIVE_CANCELLATION_GUARD_H_

#include <pthread.h>

namespace memray_mocha {

/// Keeps the current thread from being cancelled (pthread_cancel) while it
/// opens, reads or writes a file. A program does not expect that of its malloc,
/// and the thread would leave the tracker's lock taken.
class CancellationGuard {
 public:
  CancellationGuard() {
    pthread_setcancelstate(PTHREAD_CANCEL_DISABLE, &old_state_);
  }
  ~CancellationGuard() { pthread_setcancelstate(old_state_, nullptr); }
  CancellationGuard(const CancellationGuard&) = delete;
  CancellationGuard& operator=(const CancellationGuard&) = delete;

 private:
  int old_state_;
};

}  // namespace memray_mocha

#endif  // NATIVE_CANCELLATION_GUARD_H_
