#ifndef NATIVE_JS_HEAP_HEAP_H_
#define NATIVE_JS_HEAP_HEAP_H_

#include <cstddef>
#include <cstdint>

namespace v8 {
class Isolate;
}

namespace memray_mocha::heap {

/// What a page of V8's heap takes, unless it holds one large object.
inline constexpr size_t kPageBytes = size_t{256} << 10;

/// kThorough drops, before all garbage, what V8 keeps of code in case the
/// program compiles the same text again: that text, for one.
enum class Collection { kYoung, kFull, kThorough };

/// How the program has set the flags of V8 that Collect changes and sets back:
/// V8 does not tell.
struct ProgramFlags {
  bool exposes_gc;
  /// Whether ArrayBuffers' memory is freed on the thread that collects.
  bool sweeps_at_once;
};

/// Collects garbage of this thread's isolate. When it returns, the native
/// memory of dead ArrayBuffers is free, too. Only where JavaScript could run.
void Collect(Collection kind, const ProgramFlags& program_flags);

/// Makes an ArrayBuffer in this thread's isolate that is garbage at once.
/// @return where its native memory is.
uintptr_t DropArrayBuffer();

/// @return the bytes of this thread's isolate's heap that objects use, dead
/// ones that were not collected included. Only where JavaScript could run: in a
/// hook V8's numbers are nonsense.
size_t UsedBytes();

/// Told of the collections of an isolate, on its thread, where JavaScript could
/// run: it may collect garbage itself.
class CollectionListener {
 public:
  virtual void BeforeCollection() = 0;
  virtual void AfterCollection() = 0;

 protected:
  ~CollectionListener() = default;
};

/// Sets the listener of this thread's isolate; nullptr for none, as it must be
/// when the isolate ends.
void SetCollectionListener(CollectionListener* listener);

/// @return whether this thread's isolate collects garbage right now, as far as
/// it has a listener, is followed, or was asked to by Collect.
bool IsCollecting();

/// This thread's isolate ends: what dies from here on dies with it, and counts
/// as collected.
void OnEnd();

/// @return whether this thread is in Collect: V8 allocates there before and
/// after what it tells of as a collection, too.
bool IsInCollect();

/// @return the bytes that this thread's isolate has allocated on its heap since
/// this was first asked after it had no listener.
uint64_t AllocatedBytes();

/// @return the isolate of this thread; nullptr when it has none.
v8::Isolate* Current();

/// @return whether this thread's isolate has begun to run JavaScript. Also in a
/// hook.
bool IsInContext(v8::Isolate* isolate);

/// Has `callback` run on this thread after each collection of its isolate's
/// garbage from now on, where UsedBytes may be asked.
void FollowCollections(void (*callback)());

/// Has requests for an interrupt served in each round of a loop that is
/// optimized from now on. Where V8 unrolls one, it serves none before its end.
void KeepLoopsInterruptible();

/// Has optimized code stay where objects turn out to live long, which V8 finds
/// when it collects: it throws the code away to allocate them with the old
/// ones, and its interpreter serves requests for an interrupt only once in
/// thousands of rounds. Until then it has allocated faster so.
void KeepCodeOptimized();

/// Has `callback(isolate, data)` run soon, where JavaScript could. Only on the
/// isolate's own thread, but even in a hook: V8 takes its lock for that, and
/// makes its queue longer, which no other code on this thread is just doing.
void RequestInterrupt(v8::Isolate* isolate,
                      void (*callback)(v8::Isolate*, void*), void* data);

}  // namespace memray_mocha::heap

#endif  // NATIVE_JS_HEAP_HEAP_H_
