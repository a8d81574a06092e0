#ifndef NATIVE_TEST_CANCELLED_THREAD_H_
#define NATIVE_TEST_CANCELLED_THREAD_H_

#include <pthread.h>

#include <utility>

namespace memray_mocha::test {

/// Runs `action` on a thread that is cancelled where this may happen first.
/// @return whether the thread came to its end.
template <typename Action>
bool IsDoneWhenCancelled(Action action) {
  std::pair<Action&, bool> run(action, false);
  pthread_t thread;
  const auto body = [](void* data) -> void* {
    auto& [action, is_done] = *static_cast<decltype(run)*>(data);
    pthread_cancel(pthread_self());
    action();
    is_done = true;
    return nullptr;
  };
  if (pthread_create(&thread, nullptr, body, &run) != 0) return false;
  pthread_join(thread, nullptr);
  return run.second;
}

}  // namespace memray_mocha::test

#endif  // NATIVE_TEST_CANCELLED_THREAD_H_
