#include "thread_state.h"

#include <dlfcn.h>
#include <pthread.h>

#include <algorithm>
#include <mutex>
#include <string>

#include "call_stack/native_symbols.h"
#include "recursion_guard.h"

namespace memray_mocha {
namespace {

/// V8's helper threads are Node's platform's: they stand at the root of the
/// stack.
/// @param frames room for kMaxFrames: the thread's own stack may be small.
bool IsOnV8HelperThread(NativeUnwinder* unwinder, uintptr_t* frames) {
  if (JsCallStacks::OfThisThread()) return false;
  const size_t count = unwinder->Unwind(0, frames, NativeUnwinder::kMaxFrames);
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

void ThreadState::ReadSymbols() {
  static std::once_flag are_read;
  std::call_once(are_read, [] {
    // Any function of Node's: it is in the module that has the threads' own.
    const void* function = dlsym(RTLD_DEFAULT, "napi_module_register");
    NativeSymbols::OfProcess().Find(reinterpret_cast<uintptr_t>(function),
                                    true);
  });
}

}  // namespace memray_mocha
