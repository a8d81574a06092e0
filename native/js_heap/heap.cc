#include "js_heap/heap.h"

#include <v8-version.h>
#include <v8.h>

#include <mutex>
#include <utility>

#include "recursion_guard.h"

namespace memray_mocha::heap {
namespace {

/// Sets the flags of V8 that a collection on request needs, while it lives.
/// They are the process's, and several threads may collect.
class CollectionFlags {
 public:
  explicit CollectionFlags(const ProgramFlags& program_flags)
      : program_flags_(program_flags) {
    const RecursionGuard guard;
    std::lock_guard lock(mutex_);
    if (users_++ > 0) return;
    // Else ArrayBuffers' memory is freed on another thread, some time after.
    v8::V8::SetFlagsFromString("--no-concurrent-array-buffer-sweeping");
  }
  ~CollectionFlags() {
    const RecursionGuard guard;
    std::lock_guard lock(mutex_);
    if (--users_ > 0) return;
    if (!program_flags_.sweeps_at_once)
      v8::V8::SetFlagsFromString("--concurrent-array-buffer-sweeping");
  }
  CollectionFlags(const CollectionFlags&) = delete;
  CollectionFlags& operator=(const CollectionFlags&) = delete;

 private:
  static inline std::mutex mutex_;
  static inline int users_ = 0;
  const ProgramFlags program_flags_;
};

/// Has V8 take requests for a collection, until one has begun. A program that
/// makes a context meanwhile, on another thread, finds a `gc` in it, which it
/// must not unless it asked for it: so this is no longer than it has to be.
class RequestFlag {
 public:
  explicit RequestFlag(const ProgramFlags& program_flags)
      : is_programs_(program_flags.exposes_gc) {
    const RecursionGuard guard;
    std::lock_guard lock(mutex_);
    if (users_++ == 0) v8::V8::SetFlagsFromString("--expose-gc");
  }
  ~RequestFlag() { Reset(); }
  RequestFlag(const RequestFlag&) = delete;
  RequestFlag& operator=(const RequestFlag&) = delete;

  void Reset() {
    if (!std::exchange(is_set_, false)) return;
    const RecursionGuard guard;
    std::lock_guard lock(mutex_);
    if (--users_ == 0 && !is_programs_)
      v8::V8::SetFlagsFromString("--no-expose-gc");
  }

 private:
  static inline std::mutex mutex_;
  static inline int users_ = 0;
  const bool is_programs_;
  bool is_set_ = true;
};

constexpr auto kCollections =
    static_cast<v8::GCType>(v8::kGCTypeScavenge | v8::kGCTypeMarkSweepCompact);

/// Of the isolate of this thread.
struct State {
  v8::Isolate* isolate = nullptr;
  CollectionListener* listener = nullptr;
  /// What was allocated up to the latest collection, less what that one left.
  uint64_t balance = 0;
  bool is_collecting = false;
  bool is_in_collect = false;
  /// While V8 is asked to collect and has not begun.
  RequestFlag* request_flag = nullptr;
  bool is_in_callback = false;
  bool is_ending = false;
  bool was_guarded = false;
};
[[gnu::tls_model("initial-exec")]] thread_local State state;

void BeginCollection() {
  if (state.listener) state.listener->BeforeCollection();
  state.balance += UsedBytes();
  state.is_collecting = true;
  // Also when the tracker's own work has V8 collect, the program's memory dies.
  state.was_guarded = RecursionGuard::Set(false);
}

void EndCollection() {
  RecursionGuard::Set(state.was_guarded);
  state.is_collecting = state.is_ending;
  state.balance -= UsedBytes();
  if (state.listener) state.listener->AfterCollection();
}

/// Where Node has left it to take it down.
bool IsGoing(v8::Isolate* isolate) {
  return v8::Isolate::TryGetCurrent() != isolate;
}

void BeforeCollection(v8::Isolate* isolate, v8::GCType, v8::GCCallbackFlags) {
  if (IsGoing(isolate)) return;
  if (state.request_flag) state.request_flag->Reset();
  BeginCollection();
}

void AfterCollection(v8::Isolate* isolate, v8::GCType, v8::GCCallbackFlags) {
  if (IsGoing(isolate)) return;
  state.is_in_callback = true;
  EndCollection();
  state.is_in_callback = false;
}

void Follow(v8::Isolate* isolate) {
  if (state.isolate == isolate) return;
  state = {.isolate = isolate};
  isolate->AddGCPrologueCallback(BeforeCollection, kCollections);
  isolate->AddGCEpilogueCallback(AfterCollection, kCollections);
}

/// Node still collects when it takes an isolate down: then V8 cannot be asked.
void Unfollow() {
  if (!state.isolate) return;
  state.isolate->RemoveGCPrologueCallback(BeforeCollection);
  state.isolate->RemoveGCEpilogueCallback(AfterCollection);
  state.isolate = nullptr;
}

}  // namespace

void Collect(Collection kind, const ProgramFlags& program_flags) {
  const CollectionFlags flags(program_flags);
  // V8 does not tell of a collection in the callback of another.
  const bool is_untold = state.is_in_callback;
  if (is_untold) BeginCollection();
  // One may be in the callback of another, too.
  const bool was_in_collect = std::exchange(state.is_in_collect, true);
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  if (kind == Collection::kThorough) {
    isolate->LowMemoryNotification();
  } else {
    RequestFlag request_flag(program_flags);
    RequestFlag* const outer_flag =
        std::exchange(state.request_flag, &request_flag);
    isolate->RequestGarbageCollectionForTesting(
        kind == Collection::kFull ? v8::Isolate::kFullGarbageCollection
                                  : v8::Isolate::kMinorGarbageCollection);
    state.request_flag = outer_flag;
  }
  state.is_in_collect = was_in_collect;
  if (is_untold) EndCollection();
}

uintptr_t DropArrayBuffer() {
  constexpr size_t kSizeBytes = 64;
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  const v8::HandleScope scope(isolate);
  return reinterpret_cast<uintptr_t>(
      v8::ArrayBuffer::New(isolate, kSizeBytes)->Data());
}

size_t UsedBytes() {
  v8::HeapStatistics statistics;
  v8::Isolate::GetCurrent()->GetHeapStatistics(&statistics);
  return statistics.used_heap_size();
}

uint64_t AllocatedBytes() {
  Follow(v8::Isolate::GetCurrent());
  return state.balance + UsedBytes();
}

bool IsInContext(v8::Isolate* isolate) { return isolate->InContext(); }

void FollowCollections(void (*callback)()) {
  Follow(v8::Isolate::GetCurrent());
  v8::Isolate::GetCurrent()->AddGCEpilogueCallback(
      [](v8::Isolate* isolate, v8::GCType, v8::GCCallbackFlags, void* data) {
        if (!IsGoing(isolate)) reinterpret_cast<void (*)()>(data)();
      },
      reinterpret_cast<void*>(callback), kCollections);
}

void SetCollectionListener(CollectionListener* listener) {
  if (listener)
    Follow(v8::Isolate::GetCurrent());
  else
    Unfollow();
  state.listener = listener;
}

bool IsCollecting() { return state.is_collecting || state.is_in_collect; }

void OnEnd() { state.is_ending = state.is_collecting = true; }

bool IsInCollect() { return state.is_in_collect; }

v8::Isolate* Current() { return v8::Isolate::TryGetCurrent(); }

// Each once: V8 goes through all of its flags each time.

void KeepLoopsInterruptible() {
  // V8 prints an error where it does not know the flag: before Node 22.
#if V8_MAJOR_VERSION >= 12
  static std::once_flag is_set;
  std::call_once(is_set, [] {
    v8::V8::SetFlagsFromString("--no-turboshaft-loop-unrolling");
  });
#endif
}

void KeepCodeOptimized() {
  static std::once_flag is_set;
  std::call_once(is_set, [] {
    v8::V8::SetFlagsFromString("--no-allocation-site-pretenuring");
  });
}

void RequestInterrupt(v8::Isolate* isolate,
                      void (*callback)(v8::Isolate*, void*), void* data) {
  isolate->RequestInterrupt(callback, data);
}

}  // namespace memray_mocha::heap
