#ifndef NATIVE_JS_HEAP_WORKER_ISOLATES_H_
#define NATIVE_JS_HEAP_WORKER_ISOLATES_H_

#include <memory>
#include <mutex>

#include "js_heap/heap.h"

namespace v8 {
class Platform;
}

namespace memray_mocha::worker_isolates {

/// What runs the isolates.
struct Host {
  v8::Platform* platform;
  /// Has `callback(argument)` run when the environment of this thread's isolate
  /// ends, before the isolate does.
  /// @return whether it has one.
  bool (*run_at_end)(v8::Isolate* isolate, void (*callback)(void*),
                     void* argument);
};

/// To be called first; the same each time.
void SetHost(const Host& host);

/// Makes this thread's isolate known, once, until EndThread. Only where
/// JavaScript could run.
/// @return whether it is: it has no environment while it starts.
bool Add();
/// To be called when a thread has ended its isolate, if it had any.
void EndThread();

/// While it lives, all known isolates but that of this thread are to collect
/// all garbage and then stand still, each on its own thread: so that what is
/// there is live, of all of them at one time. What ends is to do so. For 250
/// ms, and no longer, they are waited for; an isolate that does not get to it
/// by then goes on.
class Standstill {
 public:
  /// Of what the isolates have in common.
  class Round;

  /// There is one at a time: waits until another thread's is over, up to a
  /// second. Does nothing within one of this thread, which goes on.
  explicit Standstill(const heap::ProgramFlags& program_flags);
  /// Does not wait.
  Standstill(const heap::ProgramFlags& program_flags, std::try_to_lock_t);
  ~Standstill();
  Standstill(const Standstill&) = delete;
  Standstill& operator=(const Standstill&) = delete;

  /// Whether there is none but this one, so that it has an effect.
  explicit operator bool() const { return round_ != nullptr; }

  /// When it returns they stand still, or do not get to it.
  void Await();

 private:
  void Begin(const heap::ProgramFlags& program_flags);

  std::unique_lock<std::timed_mutex> lock_;
  std::shared_ptr<Round> round_;
};

}  // namespace memray_mocha::worker_isolates

#endif  // NATIVE_JS_HEAP_WORKER_ISOLATES_H_
