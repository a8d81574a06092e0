#ifndef NATIVE_JS_HEAP_HEAP_H_
#define NATIVE_JS_HEAP_HEAP_H_

#include <cstddef>
#include <cstdint>

namespace v8 {
class Isolate;
}

namespace memray_mocha::heap {

enum class Collection { kYoung, kFull };

/// Collects garbage of this thread's isolate. When it returns, the native
/// memory of dead ArrayBuffers is free, too. Only where JavaScript could run.
/// @param is_gc_exposed whether the program itself asked V8 for --expose-gc.
void Collect(Collection kind, bool is_gc_exposed);

/// @return the bytes of this thread's isolate's heap that objects use, dead
/// ones that were not
///     collected included. Only where JavaScript could run: in a hook V8's
///     numbers are nonsense.
size_t UsedBytes();

/// @return the bytes that this thread's isolate has allocated on its heap since
/// this was first asked.
uint64_t AllocatedBytes();

/// @return the isolate of this thread; nullptr when it has none.
v8::Isolate* Current();

/// @return whether this thread's isolate has begun to run JavaScript. Also in a
/// hook.
bool IsInContext(v8::Isolate* isolate);

/// Has `callback` run on this thread after each collection of its isolate's
/// garbage from now on, where UsedBytes may be asked.
void FollowCollections(void (*callback)());

/// Has `callback(data)` run on the isolate's thread soon, where JavaScript
/// could. From any thread, even from a hook.
void RequestInterrupt(v8::Isolate* isolate, void (*callback)(void*),
                      void* data);

}  // namespace memray_mocha::heap

#endif  // NATIVE_JS_HEAP_HEAP_H_
