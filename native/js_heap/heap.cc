#include "js_heap/heap.h"

#include <v8.h>

#include <mutex>

#include "recursion_guard.h"

namespace memray_mocha::heap {
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

constexpr auto kCollections =
    static_cast<v8::GCType>(v8::kGCTypeScavenge | v8::kGCTypeMarkSweepCompact);

}  // namespace

void Collect(Collection kind, bool is_gc_exposed) {
  const CollectionFlags flags(is_gc_exposed);
  v8::Isolate::GetCurrent()->RequestGarbageCollectionForTesting(
      kind == Collection::kFull ? v8::Isolate::kFullGarbageCollection
                                : v8::Isolate::kMinorGarbageCollection);
}

size_t UsedBytes() {
  v8::HeapStatistics statistics;
  v8::Isolate::GetCurrent()->GetHeapStatistics(&statistics);
  return statistics.used_heap_size();
}

uint64_t AllocatedBytes() {
  // What was allocated up to the latest collection, less what that one left.
  static thread_local uint64_t balance = 0;
  static thread_local v8::Isolate* counted = nullptr;
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  if (counted != isolate) {
    counted = isolate;
    isolate->AddGCPrologueCallback(
        [](v8::Isolate*, v8::GCType, v8::GCCallbackFlags) {
          balance += UsedBytes();
        },
        kCollections);
    isolate->AddGCEpilogueCallback(
        [](v8::Isolate*, v8::GCType, v8::GCCallbackFlags) {
          balance -= UsedBytes();
        },
        kCollections);
  }
  return balance + UsedBytes();
}

v8::Isolate* Current() { return v8::Isolate::TryGetCurrent(); }

bool IsInContext(v8::Isolate* isolate) { return isolate->InContext(); }

void FollowCollections(void (*callback)()) {
  v8::Isolate::GetCurrent()->AddGCEpilogueCallback(
      [](v8::Isolate*, v8::GCType, v8::GCCallbackFlags, void* data) {
        reinterpret_cast<void (*)()>(data)();
      },
      reinterpret_cast<void*>(callback), kCollections);
}

void RequestInterrupt(v8::Isolate* isolate, void (*callback)(void*),
                      void* data) {
  struct Request {
    void (*callback)(void*);
    void* data;
  };
  isolate->RequestInterrupt(
      [](v8::Isolate*, void* request_data) {
        const auto* request = static_cast<Request*>(request_data);
        request->callback(request->data);
        delete request;
      },
      new Request{callback, data});
}

}  // namespace memray_mocha::heap
