#ifndef NATIVE_JS_HEAP_OBJECT_IDS_H_
#define NATIVE_JS_HEAP_OBJECT_IDS_H_

#include <cstdint>
#include <string>

/// The identities that V8 gives the objects of this thread's heap, and which
/// follow them as they move: new in a snapshot is what has a larger one than
/// any object had before.
namespace memray_mocha::object_ids {

/// Collects garbage, and gives an identity to every object there is.
/// @return the largest one given so far.
uint32_t AssignAll();

/// Takes a snapshot of all objects that can be reached, as V8 writes it: JSON.
std::string TakeSnapshot();

/// Has V8 follow objects no longer.
void Forget();

}  // namespace memray_mocha::object_ids

#endif  // NATIVE_JS_HEAP_OBJECT_IDS_H_
