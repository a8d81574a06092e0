#ifndef NATIVE_CALL_STACK_INLINED_POSITIONS_H_
#define NATIVE_CALL_STACK_INLINED_POSITIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "call_stack/code_map.h"

namespace memray_mocha {

/// A call in whose place TurboFan put the function that is called.
struct DecodedCall {
  /// Where the call is; -1 when V8 does not know.
  int64_t position;
  /// The inlined call that it is in itself: one more than its index; 0 when it
  /// is in the code's own function.
  uint32_t caller;
  /// An index; -1 for the code's own function, which calls itself.
  int32_t function;
};

/// Finds whose the positions of TurboFan's code are, V8's optimizing
/// compiler's.
///
/// @param table V8's: for each position a number that tells how much further on
/// in the code it is, each version of V8 in its own way, and then how it
/// differs from the position before, as TakeVarint takes them; the lowest bit
/// of the second one is its sign (src/codegen/source-position-table.cc). A
/// position has in its lowest bit whether it is in a file of V8's own, in the
/// next 30 one more than the place in the script, and in the next 16 one more
/// than the number of the inlined call (src/codegen/source-position.h).
/// @param positions the same without files of V8's own, as V8 tells them.
/// @return of which inlined call each is: one more than its number; 0, or
/// before the first one -1, when it is the function's own. Nothing when the
/// tables do not fit together.
std::optional<PositionTable> DecodeCallsByOffset(
    std::span<const uint8_t> table, const PositionTable& positions);

/// @param calls V8's: 16 bytes each, a position and the index of a function.
/// @return nothing when they are not understood.
std::optional<std::vector<DecodedCall>> DecodeInlinedCalls(
    std::span<const uint8_t> calls, size_t function_count);

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_INLINED_POSITIONS_H_
