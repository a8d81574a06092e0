#include "call_stack/sparkplug_positions.h"

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

/// Takes a number off the front.
std::optional<uint32_t> TakeNumber(std::span<const uint8_t>* bytes) {
  uint32_t value = 0;
  for (int shift = 0; shift < 32 && !bytes->empty(); shift += 7) {
    const uint8_t byte = bytes->front();
    *bytes = bytes->subspan(1);
    value |= uint32_t{byte & 0x7Fu} << shift;
    if (!(byte & 0x80)) return value;
  }
  return std::nullopt;
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
    const auto bytes = TakeNumber(&code_sizes);
    const size_t size =
        SizeOfInstruction(source.bytecode.subspan(offset), instruction_sizes);
    if (!bytes || size == 0) return std::nullopt;
    code_offset += *bytes;
    bool is_other = false;
    while (reader.Advance(static_cast<uint32_t>(offset))) is_other = true;
    if (is_other)
      positions.Add(code_offset, static_cast<uint32_t>(reader.position()));
    offset += size;
  }
  // That of the last instruction.
  if (!TakeNumber(&code_sizes) || !code_sizes.empty()) return std::nullopt;
  return positions;
}

}  // namespace memray_mocha
