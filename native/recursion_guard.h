#ifndef NATIVE_RECURSION_GUARD_H_
#define NATIVE_RECURSION_GUARD_H_

#include <utility>

namespace memray_mocha {

/// Marks the current thread as working for the tracker itself, so that what the
/// tracker allocates, maps and frees is not recorded as the program's.
///
/// The flag is initial-exec thread-local storage: reading it is one instruction
/// and, unlike the dynamic model, can never call malloc from inside malloc.
class RecursionGuard {
 public:
  RecursionGuard() : was_active_(active_) { active_ = true; }
  ~RecursionGuard() { active_ = was_active_; }
  RecursionGuard(const RecursionGuard&) = delete;
  RecursionGuard& operator=(const RecursionGuard&) = delete;

  static bool IsActive() { return active_; }
  /// Marks the current thread or not.
  /// @return what it was before.
  static bool Set(bool active) { return std::exchange(active_, active); }

 private:
  [[gnu::tls_model("initial-exec")]] static inline thread_local bool active_ =
      false;
  const bool was_active_;
};

}  // namespace memray_mocha

#endif  // NATIVE_RECURSION_GUARD_H_
