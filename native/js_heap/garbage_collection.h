#ifndef NATIVE_JS_HEAP_GARBAGE_COLLECTION_H_
#define NATIVE_JS_HEAP_GARBAGE_COLLECTION_H_

namespace memray_mocha {

/// Collects all garbage of this thread's isolate. When it returns, the native
/// memory of dead ArrayBuffers is free, too. Only where JavaScript could run.
void CollectGarbage();

}  // namespace memray_mocha

#endif  // NATIVE_JS_HEAP_GARBAGE_COLLECTION_H_
