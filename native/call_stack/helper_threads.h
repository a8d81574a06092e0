#ifndef NATIVE_CALL_STACK_HELPER_THREADS_H_
#define NATIVE_CALL_STACK_HELPER_THREADS_H_

#include <cstddef>
#include <cstdint>

namespace v8 {
class Platform;
}

/// The threads on which V8 compiles and collects garbage. They are Node's
/// platform's, and are told by what stands at the root of their stacks.
namespace memray_mocha::helper_threads {

/// Has one of them note what that is, some time later: of a file that was
/// stripped of its symbols no name tells it. Once in the process.
/// @param platform may be nullptr.
void Probe(v8::Platform* platform);

/// To be called before the first of them is to be told: reads the names of
/// Node's functions, which else that thread would do, while the program waits
/// for it.
void Prepare();

/// @param frames the whole call stack of a thread without JavaScript, most
/// recent first.
bool IsOne(const uintptr_t* frames, size_t count);

}  // namespace memray_mocha::helper_threads

#endif  // NATIVE_CALL_STACK_HELPER_THREADS_H_
