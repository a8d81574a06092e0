#ifndef NATIVE_JS_HEAP_WORKER_ISOLATES_H_
#define NATIVE_JS_HEAP_WORKER_ISOLATES_H_

#include "js_heap/heap.h"

namespace memray_mocha::worker_isolates {

/// Makes this thread's isolate known until its environment ends. Only where
/// JavaScript could run.
void Add();

/// Has all that are known collect all garbage, but that of this thread, each on
/// its own thread. When it returns, they have, or do not get to it.
void CollectAll(const heap::ProgramFlags& program_flags);

}  // namespace memray_mocha::worker_isolates

#endif  // NATIVE_JS_HEAP_WORKER_ISOLATES_H_
