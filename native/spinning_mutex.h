#ifndef NATIVE_SPINNING_MUTEX_H_
#define NATIVE_SPINNING_MUTEX_H_

#include <mutex>

namespace memray_mocha {

/// A mutex for what takes some ten nanoseconds, a Lockable of the standard
/// library. It is mostly free again before a thread could be put to sleep,
/// which takes a hundred times as long.
class SpinningMutex {
 public:
  void lock() {
    for (int i = 0; i < kSpins; i++) {
      if (mutex_.try_lock()) return;
      __builtin_ia32_pause();
    }
    // Its holder does not run, it seems.
    mutex_.lock();
  }
  bool try_lock() { return mutex_.try_lock(); }
  void unlock() { mutex_.unlock(); }

 private:
  static constexpr int kSpins = 100;
  std::mutex mutex_;
};

}  // namespace memray_mocha

#endif  // NATIVE_SPINNING_MUTEX_H_
