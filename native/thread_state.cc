#include "thread_state.h"

#include <pthread.h>

#include <algorithm>
#include <string>

#include "call_stack/native_call_stack.h"
#include "call_stack/native_symbols.h"
#include "recursion_guard.h"

namespace memray_mocha {
namespace {

[[gnu::tls_model("initial-exec")]] thread_local ThreadState* of_this_thread =
    nullptr;

// A C++ thread_local with a destructor would be gone while other destructors of
// the thread still allocate; a key's destructor only forgets the pointer.
void Delete(void* state) {
  const RecursionGuard guard;
  auto* thread = static_cast<ThreadState*>(state);
  if (const auto at_end = ThreadState::at_end.load()) at_end(thread);
  of_this_thread = nullptr;
  delete thread;
}

pthread_key_t MakeKey() {
  pthread_key_t key;
  pthread_key_create(&key, Delete);
  return key;
}

/// V8's helper threads are Node's platform's: they stand at the root of the
/// stack.
bool IsOnV8HelperThread() {
  if (JsCallStacks::OfThisThread()) return false;
  uintptr_t frames[ThreadState::kMaxNativeFrames];
  const size_t count =
      UnwindNativeFrames(0, frames, ThreadState::kMaxNativeFrames);
  // Below it there are libc's and libuv's functions that start threads.
  constexpr size_t kFramesAtRoot = 6;
  for (size_t i = count - std::min(count, kFramesAtRoot); i < count; ++i) {
    const std::string function =
        NativeSymbols::OfProcess().Find(frames[i] - 1, true).function;
    if (function.find("PlatformWorkerThread") != function.npos ||
        function.find("DelayedTaskScheduler") != function.npos) {
      return true;
    }
  }
  return false;
}

}  // namespace

ThreadState::ThreadState() : is_v8_helper(IsOnV8HelperThread()) {}

ThreadState& ThreadState::Get() {
  if (!of_this_thread) [[unlikely]] {
    static const pthread_key_t key = MakeKey();
    of_this_thread = new ThreadState;
    pthread_setspecific(key, of_this_thread);
  }
  return *of_this_thread;
}

}  // namespace memray_mocha
