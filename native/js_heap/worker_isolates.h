#ifndef NATIVE_JS_HEAP_WORKER_ISOLATES_H_
#define NATIVE_JS_HEAP_WORKER_ISOLATES_H_

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

/// Makes this thread's isolate known until its environment ends. Only where
/// JavaScript could run.
void Add();

/// Has all that are known collect all garbage, but that of this thread, each on
/// its own thread. When it returns, they have, or do not get to it.
void CollectAll(const heap::ProgramFlags& program_flags);

}  // namespace memray_mocha::worker_isolates

#endif  // NATIVE_JS_HEAP_WORKER_ISOLATES_H_
