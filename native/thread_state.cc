#include "thread_state.h"

#include <pthread.h>
#include <sys/syscall.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <mutex>
#include <vector>

#include "interposition/hook_switches.h"
#include "recursion_guard.h"

namespace memray_mocha {
namespace {

/// @param frames room for kMaxFrames: the thread's own stack may be small.
bool IsOnV8HelperThread(NativeUnwinder* unwinder, uintptr_t* frames) {
  if (JsCallStacks::OfThisThread()) return false;
  const size_t count = unwinder->Unwind(0, frames, NativeUnwinder::kMaxFrames);
  return helper_threads::IsOne(frames, count);
}

/// The states of threads that have allocated or freed after the destructors of
/// their keys: the C library does last, what it has kept for a thread. Nothing
/// tells when such a thread is gone.
class LateStates {
 public:
  static LateStates& OfProcess() {
    static LateStates& states = *new LateStates;
    return states;
  }

  /// @param state of this thread.
  void Add(ThreadState* state) {
    std::lock_guard lock(mutex_);
    states_.push_back({static_cast<pid_t>(syscall(SYS_gettid)), state});
  }
  /// For one that has an end after all.
  void Remove(const ThreadState* state) {
    std::lock_guard lock(mutex_);
    std::erase_if(states_,
                  [state](const Late& late) { return late.state == state; });
  }
  /// @return one whose thread is gone, to be deleted; nullptr when there is
  /// none.
  ThreadState* TakeGone() {
    std::lock_guard lock(mutex_);
    const auto gone =
        std::find_if(states_.begin(), states_.end(),
                     [](const Late& late) { return !IsThread(late.thread); });
    if (gone == states_.end()) return nullptr;
    ThreadState* state = gone->state;
    states_.erase(gone);
    return state;
  }

 private:
  struct Late {
    pid_t thread;
    ThreadState* state;
  };

  static bool IsThread(pid_t thread) {
    return syscall(SYS_tgkill, getpid(), thread, 0) == 0 || errno != ESRCH;
  }

  std::mutex mutex_;
  std::vector<Late> states_;
};

void End(ThreadState* thread) {
  if (const auto run = ThreadState::at_end.load()) run(thread);
  delete thread;
}

}  // namespace

ThreadState::ThreadState()
    : is_v8_helper(IsOnV8HelperThread(&native_unwinder, native_frames)) {}

ThreadState& ThreadState::Make() {
  static const pthread_key_t key = [] {
    pthread_key_t made;
    pthread_key_create(&made, Delete);
    return made;
  }();
  of_this_thread_ = new ThreadState;
  pthread_setspecific(key, of_this_thread_);
  if (has_ended_) LateStates::OfProcess().Add(of_this_thread_);
  return *of_this_thread_;
}

// A C++ thread_local with a destructor would be gone while other destructors of
// the thread still allocate; a key's destructor only forgets the pointer.
void ThreadState::Delete(void* state) {
  const RecursionGuard guard;
  auto* thread = static_cast<ThreadState*>(state);
  // Another thread may have had the lock when this child was forked.
  const bool is_child = !hook_switches.is_on;
  if (has_ended_ && !is_child) LateStates::OfProcess().Remove(thread);
  End(thread);
  of_this_thread_ = nullptr;
  has_ended_ = true;
  if (is_child) return;
  while (ThreadState* gone = LateStates::OfProcess().TakeGone()) End(gone);
}

}  // namespace memray_mocha
