#include "thread_state.h"

#include <pthread.h>

#include "recursion_guard.h"

namespace memray_mocha {
namespace {

/// @param frames room for kMaxFrames: the thread's own stack may be small.
bool IsOnV8HelperThread(NativeUnwinder* unwinder, uintptr_t* frames) {
  if (JsCallStacks::OfThisThread()) return false;
  const size_t count = unwinder->Unwind(0, frames, NativeUnwinder::kMaxFrames);
  return helper_threads::IsOne(frames, count);
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
  return *of_this_thread_;
}

// A C++ thread_local with a destructor would be gone while other destructors of
// the thread still allocate; a key's destructor only forgets the pointer.
void ThreadState::Delete(void* state) {
  const RecursionGuard guard;
  auto* thread = static_cast<ThreadState*>(state);
  if (const auto run = at_end.load()) run(thread);
  of_this_thread_ = nullptr;
  delete thread;
}

}  // namespace memray_mocha
