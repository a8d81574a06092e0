#include "call_stack/sparkplug_positions.h"

#include "call_stack/varint.h"

namespace memray_mocha {
namespace {

// Prefixes, of instructions with wider operands.
constexpr uint8_t kWide = 0;
constexpr uint8_t kExtraWide = 1;

/// @param bytecode from the instruction on.
/// @return 0 when it is not known.
size_t SizeOfInstruction(std::span<const uint8_t> bytecode,
                         std::span<const uint8_t> instruction_sizes) {
  const size_t opcodes = instruction_sizes.size() / kOperandScales;
  const size_t scale =
      bytecode[0] == kWide ? 1 : (bytecode[0] == kExtraWide ? 2 : 0);
  const size_t prefix = scale == 0 ? 0 : 1;
  if (bytecode.size() <= prefix || bytecode[prefix] >= opcodes) return 0;
  return prefix + instruction_sizes[scale * opcodes + bytecode[prefix]];
}

}  // namespace

std::optional<PositionTable> TranslatePositions(
    const PositionTable& bytecode_positions, const SparkplugSource& source,
    std::span<const uint8_t> instruction_sizes) {
  PositionTable positions;
  PositionTable::Reader reader(bytecode_positions);
  std::span<const uint8_t> code_sizes = source.code_sizes;
  uint32_t code_offset = 0;
  for (size_t offset = 0; offset < source.bytecode.size();) {
    const auto bytes = TakeVarint(&code_sizes);
    const size_t size =
        SizeOfInstruction(source.bytecode.subspan(offset), instruction_sizes);
    if (!bytes || size == 0) return std::nullopt;
    code_offset += static_cast<uint32_t>(*bytes);
    bool is_other = false;
    while (reader.Advance(static_cast<uint32_t>(offset))) is_other = true;
    if (is_other)
      positions.Add(code_offset, static_cast<uint32_t>(reader.position()));
    offset += size;
  }
  // That of the last instruction.
  if (!TakeVarint(&code_sizes) || !code_sizes.empty()) return std::nullopt;
  return positions;
}

}  // namespace memray_mocha
