#ifndef NATIVE_JS_HEAP_GARBAGE_COLLECTION_H_
#define NATIVE_JS_HEAP_GARBAGE_COLLECTION_H_

namespace memray_mocha {

/// Collects all garbage of this thread's isolate. When it returns, the native
/// memory of dead ArrayBuffers is free, too. Only where JavaScript could run.
/// @param is_gc_exposed whether the program itself asked V8 for --expose-gc.
void CollectGarbage(bool is_gc_exposed);

}  // namespace memray_mocha

#endif  // NATIVE_JS_HEAP_GARBAGE_COLLECTION_H_
