#ifndef NATIVE_CALL_STACK_OFFSET_SLOT_H_
#define NATIVE_CALL_STACK_OFFSET_SLOT_H_

#include <cstdint>
#include <optional>

namespace memray_mocha {

/// A word of a frame that holds an offset in bytecode.
struct OffsetSlot {
  int32_t from_frame_pointer;
  /// How much more it holds than the offset.
  int32_t advance;
};

/// Finds where V8's interpreter keeps which instruction of bytecode it is at,
/// while the code for that instruction calls something.
///
/// The offset in the bytecode comes to that code in r9. Before most calls it is
/// saved in the frame of the function, where V8 looks for it. It is not before
/// the call that gets memory for a small object: then that frame still tells
/// the offset of a former call. But the code has to go on to the next
/// instruction afterwards, so it keeps the offset in its own frame. All paths
/// from the start of the code to the call are followed to find a word that
/// holds it on each of them.
///
/// @param return_address of the call, in the code [code, code + size_bytes).
/// @return nothing when there is none, or the code is not understood.
std::optional<OffsetSlot> FindOffsetSlot(const uint8_t* return_address,
                                         const uint8_t* code,
                                         uint32_t size_bytes);

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_OFFSET_SLOT_H_
