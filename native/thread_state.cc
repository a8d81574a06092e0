#include "thread_state.h"

#include <pthread.h>

namespace memray_mocha {
namespace {

[[gnu::tls_model("initial-exec")]] thread_local ThreadState* of_this_thread =
    nullptr;

// A C++ thread_local with a destructor would be gone while other destructors of
// the thread still allocate; a key's destructor only forgets the pointer.
void Delete(void* state) {
  of_this_thread = nullptr;
  delete static_cast<ThreadState*>(state);
}

pthread_key_t MakeKey() {
  pthread_key_t key;
  pthread_key_create(&key, Delete);
  return key;
}

}  // namespace

ThreadState& ThreadState::Get() {
  if (!of_this_thread) [[unlikely]] {
    static const pthread_key_t key = MakeKey();
    of_this_thread = new ThreadState;
    pthread_setspecific(key, of_this_thread);
  }
  return *of_this_thread;
}

}  // namespace memray_mocha
