#ifndef NATIVE_CALL_STACK_SPARKPLUG_POSITIONS_H_
#define NATIVE_CALL_STACK_SPARKPLUG_POSITIONS_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>

#include "call_stack/code_map.h"

namespace memray_mocha {

/// V8 has each instruction of bytecode with operands of a byte, of two and of
/// four.
inline constexpr size_t kOperandScales = 3;

/// What Sparkplug, V8's baseline compiler, made a function's code of.
struct SparkplugSource {
  std::span<const uint8_t> bytecode;
  /// How long the code is that stands before the first instruction's, and for
  /// each instruction of bytecode, in order, as TakeVarint takes them.
  std::span<const uint8_t> code_sizes;
};

/// @param bytecode_positions of the bytecode.
/// @param instruction_sizes how many bytes an instruction of bytecode takes, by
/// opcode, for one scale of operands after the other.
/// @return the positions of Sparkplug's code; nothing when the source is not
/// understood.
std::optional<PositionTable> TranslatePositions(
    const PositionTable& bytecode_positions, const SparkplugSource& source,
    std::span<const uint8_t> instruction_sizes);

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_SPARKPLUG_POSITIONS_H_
