#ifndef NATIVE_BUFFER_CALIBRATION_H_
#define NATIVE_BUFFER_CALIBRATION_H_

#include <cstdint>

#include "js_heap/heap.h"

namespace memray_mocha {

/// Where V8 calls free for the memory of ArrayBuffers that have died. It does
/// so also at times when it does not tell of a collection: the thread whose
/// they were may take over from the helper thread that has not got to it.
///
/// Found when it is first asked for, by dropping one. Needs the hooks, and no
/// tracker running. Only where JavaScript could run.
/// @return the return address of the call; 0 when it was not seen.
uintptr_t FindBufferFreer(const heap::ProgramFlags& program_flags);

}  // namespace memray_mocha

#endif  // NATIVE_BUFFER_CALIBRATION_H_
