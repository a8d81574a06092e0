#ifndef NATIVE_CALL_STACK_NATIVE_CALL_STACK_H_
#define NATIVE_CALL_STACK_NATIVE_CALL_STACK_H_

#include <cstddef>
#include <cstdint>

namespace memray_mocha {

/// Unwinds the native frames of this thread from the caller of the allocator to
/// the first code without unwind tables, which is where V8 entered native code,
/// or the thread's start. By rules read from these tables once for each
/// address.
/// @param caller the address the allocator was called from; frames of the
/// tracker above it are left
///     out. 0 for all frames.
/// @param frames return addresses, most recent first, at most `limit`.
/// @return how many; at least 1, for `caller` itself, when there is one.
size_t UnwindNativeFrames(uintptr_t caller, uintptr_t* frames, size_t limit);

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_NATIVE_CALL_STACK_H_
