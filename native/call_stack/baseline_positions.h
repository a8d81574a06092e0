#ifndef NATIVE_CALL_STACK_BASELINE_POSITIONS_H_
#define NATIVE_CALL_STACK_BASELINE_POSITIONS_H_

#include <cstdint>
#include <optional>
#include <span>

#include "call_stack/code_map.h"

namespace memray_mocha {

/// What Sparkplug, V8's baseline compiler, made a function's code of.
struct BaselineSource {
  std::span<const uint8_t> bytecode;
  /// How long the code is that stands before the first instruction's, and for
  /// each instruction of bytecode, in order: numbers of 7 bits a byte, the
  /// lowest first, with the highest bit set in all bytes but the last one.
  std::span<const uint8_t> code_sizes;
};

/// @param bytecode_positions of the bytecode.
/// @param instruction_sizes how many bytes an instruction of bytecode takes, by
/// opcode: with operands of a byte, then of two, then of four.
/// @return the positions of Sparkplug's code; nothing when the source is not
/// understood.
std::optional<PositionTable> TranslatePositions(
    const PositionTable& bytecode_positions, const BaselineSource& source,
    std::span<const uint8_t> instruction_sizes);

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_BASELINE_POSITIONS_H_
