#ifndef NATIVE_CALL_STACK_INLINE_ALLOCATION_H_
#define NATIVE_CALL_STACK_INLINE_ALLOCATION_H_

#include <cstdint>
#include <optional>

namespace memray_mocha {

/// Finds where optimized code fills an object that it has allocated.
///
/// Such code bumps a pointer, and only when that does not do calls a builtin of
/// V8, mostly from the far end of the function. V8 11 knows no position for
/// that call: its table tells the one of whatever stands before it. But both
/// ways lead to where the code fills the object, and that has one.
///
/// @param return_address in the code [code, code + size_bytes) of a function.
/// @return the offset in the code where it writes to the object first, or where
/// it jumps back to; nothing when the call allocates no object.
std::optional<uint32_t> FindAfterInlineAllocation(const uint8_t* return_address,
                                                  const uint8_t* code,
                                                  uint32_t size_bytes);

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_INLINE_ALLOCATION_H_
