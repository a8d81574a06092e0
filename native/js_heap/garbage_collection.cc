#include "js_heap/garbage_collection.h"

#include <v8.h>

#include <mutex>

#include "recursion_guard.h"

namespace memray_mocha {
namespace {

/// Sets the flags of V8 that a collection on request needs, while it lives.
/// They are the process's, and several threads may collect.
class CollectionFlags {
 public:
  explicit CollectionFlags(bool is_gc_exposed) : is_gc_exposed_(is_gc_exposed) {
    const RecursionGuard guard;
    std::lock_guard lock(mutex_);
    if (users_++ > 0) return;
    v8::V8::SetFlagsFromString("--expose-gc");
    // Else ArrayBuffers' memory is freed on another thread, some time after.
    v8::V8::SetFlagsFromString("--no-concurrent-array-buffer-sweeping");
  }
  ~CollectionFlags() {
    const RecursionGuard guard;
    std::lock_guard lock(mutex_);
    if (--users_ > 0) return;
    v8::V8::SetFlagsFromString("--concurrent-array-buffer-sweeping");
    // A program that makes a context later must not find a `gc` in it, unless
    // it asked for it.
    if (!is_gc_exposed_) v8::V8::SetFlagsFromString("--no-expose-gc");
  }
  CollectionFlags(const CollectionFlags&) = delete;
  CollectionFlags& operator=(const CollectionFlags&) = delete;

 private:
  static inline std::mutex mutex_;
  static inline int users_ = 0;
  const bool is_gc_exposed_;
};

}  // namespace

void CollectGarbage(bool is_gc_exposed) {
  const CollectionFlags flags(is_gc_exposed);
  v8::Isolate::GetCurrent()->RequestGarbageCollectionForTesting(
      v8::Isolate::kFullGarbageCollection);
}

}  // namespace memray_mocha
