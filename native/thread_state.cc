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
    Add({static_cast<pid_t>(syscall(SYS_gettid)), state});
  }
  void AddGone(ThreadState* state) { Add({kNoThread, state}); }

  /// @return one whose thread is gone, to be deleted; nullptr when there is
  /// none.
  ThreadState* TakeGone() {
    std::lock_guard lock(mutex_);
    const auto gone = std::find_if(states_.begin(), states_.end(), IsGone);
    if (gone == states_.end()) return nullptr;
    ThreadState* state = gone->state;
    states_.erase(gone);
    return state;
  }

 private:
  static constexpr pid_t kNoThread = -1;
  struct Late {
    pid_t thread;
    ThreadState* state;
  };

  void Add(const Late& late) {
    std::lock_guard lock(mutex_);
    states_.push_back(late);
  }
  static bool IsGone(const Late& late) {
    return late.thread == kNoThread ||
           (syscall(SYS_tgkill, getpid(), late.thread, 0) != 0 &&
            errno == ESRCH);
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
  auto* state = new ThreadState;
  // What a thread gives a key after the key's destructors is left to the next
  // thread that gets its stack.
  if (void* left = pthread_getspecific(key))
    LateStates::OfProcess().AddGone(static_cast<ThreadState*>(left));
  if (has_ended_)
    LateStates::OfProcess().Add(state);
  else
    pthread_setspecific(key, state);
  of_this_thread_ = state;
  return *state;
}

// A C++ thread_local with a destructor would be gone while other destructors of
// the thread still allocate; a key's destructor only forgets the pointer.
void ThreadState::Delete(void* state) {
  const RecursionGuard guard;
  End(static_cast<ThreadState*>(state));
  of_this_thread_ = nullptr;
  has_ended_ = true;
  // In a forked child another thread may have had the lock.
  if (!hook_switches.is_on) return;
  while (ThreadState* gone = LateStates::OfProcess().TakeGone()) End(gone);
}

}  // namespace memray_mocha
