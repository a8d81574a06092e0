#include "call_stack/baseline_positions.h"

namespace memray_mocha {
namespace {

// Prefixes, of instructions with wider operands. The latter two are a
// debugger's.
constexpr uint8_t kWide = 0;
constexpr uint8_t kExtraWide = 1;
constexpr uint8_t kDebugBreakWide = 2;
constexpr uint8_t kDebugBreakExtraWide = 3;
constexpr size_t kOperandScales = 3;

/// @param bytecode from the instruction on.
/// @return 0 when it is not known.
size_t SizeOfInstruction(std::span<const uint8_t> bytecode,
                         std::span<const uint8_t> instruction_sizes) {
  const size_t opcodes = instruction_sizes.size() / kOperandScales;
  size_t scale = 0, prefix = 1;
  switch (bytecode[0]) {
    case kWide:
    case kDebugBreakWide:
      scale = 1;
      break;
    case kExtraWide:
    case kDebugBreakExtraWide:
      scale = 2;
      break;
    default:
      prefix = 0;
  }
  if (bytecode.size() <= prefix || bytecode[prefix] >= opcodes) return 0;
  const size_t bytes = instruction_sizes[scale * opcodes + bytecode[prefix]];
  return bytes == 0 ? 0 : prefix + bytes;
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
    const PositionTable& bytecode_positions, const BaselineSource& source,
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
