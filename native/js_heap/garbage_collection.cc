#include "js_heap/garbage_collection.h"

#include <v8.h>

namespace memray_mocha {

void CollectGarbage() {
  // The flags hold for this call only: a program that makes a context later
  // must not find a global `gc` in it. Without the second, ArrayBuffers' memory
  // is freed on another thread, some time after.
  v8::V8::SetFlagsFromString("--expose-gc");
  v8::V8::SetFlagsFromString("--no-concurrent-array-buffer-sweeping");
  v8::Isolate::GetCurrent()->RequestGarbageCollectionForTesting(
      v8::Isolate::kFullGarbageCollection);
  v8::V8::SetFlagsFromString("--concurrent-array-buffer-sweeping");
  v8::V8::SetFlagsFromString("--no-expose-gc");
}

}  // namespace memray_mocha
