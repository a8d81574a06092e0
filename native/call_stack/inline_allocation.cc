#include "call_stack/inline_allocation.h"

#include <cstring>

#include "call_stack/x64_instruction.h"

namespace memray_mocha {
namespace {

constexpr uint8_t kCall = 0xE8;
constexpr uint8_t kJump = 0xE9;
constexpr uint8_t kShortJump = 0xEB;
/// A call, a jump, and a move of a constant: an opcode and 32 bits.
constexpr int64_t kLongBytes = 5;
constexpr int64_t kMoveBytes = 3;
constexpr int kMaxMoves = 2;
/// The code restores registers, jumps, and fills the object within these.
constexpr int kMaxInstructions = 64;
constexpr int64_t kMaxInstructionBytes = 15;
/// Larger objects are not allocated inline.
constexpr int32_t kMaxObjectBytes = 128 << 10;
constexpr int kRdx = 2;

int32_t Operand(const uint8_t* instruction) {
  int32_t operand;
  std::memcpy(&operand, instruction + 1, sizeof operand);
  return operand;
}

/// mov r64, r64
bool IsRegisterMove(const uint8_t* code) {
  return (code[0] & 0xFA) == 0x48 && code[1] == 0x8B && code[2] >= 0xC0;
}

/// Whether a size is moved to rdx and then a builtin called that has that one
/// parameter. Between them the size may go through another register, or
/// registers be saved.
bool IsAllocation(const uint8_t* return_address) {
  const uint8_t* next = return_address - kLongBytes;
  if (*next != kCall) return false;
  int size_register = kRdx;
  for (int moves = 0; moves <= kMaxMoves; ++moves) {
    const uint8_t* constant = next - kLongBytes;
    if (*constant == 0xB8 + (size_register & 7) &&
        (size_register < 8 || constant[-1] == 0x41)) {
      const int32_t size_bytes = Operand(constant);
      return size_bytes > 0 && size_bytes <= kMaxObjectBytes &&
             size_bytes % 8 == 0;
    }
    next -= kMoveBytes;
    if (!IsRegisterMove(next)) return false;
    const int target = (next[0] & 4) << 1 | (next[2] >> 3 & 7);
    const int source = (next[0] & 1) << 3 | (next[2] & 7);
    if (target == size_register) size_register = source;
  }
  return false;
}

/// Whether it writes where an object has its first word. That is what is done
/// first to an object, and never again.
bool IsFirstStore(const Instruction& instruction) {
  constexpr uint8_t kMoveRegister = 0x89;
  constexpr uint8_t kMoveConstant = 0xC7;
  constexpr int32_t kFirstWord = -1;  // the pointer has a tag
  return instruction.map == Instruction::Map::kOneByte && !instruction.is_vex &&
         (instruction.opcode == kMoveRegister ||
          instruction.opcode == kMoveConstant) &&
         instruction.is_memory && instruction.base >= 0 &&
         !instruction.has_index && instruction.displacement == kFirstWord;
}

/// Whether it goes on somewhere else, or may. Jumps are told before.
bool IsBranch(const Instruction& instruction) {
  const uint8_t kind = instruction.opcode & 0xF0;
  switch (instruction.map) {
    case Instruction::Map::kOneByte:
      return kind == 0x70 || instruction.opcode == kCall ||
             instruction.opcode == 0xC2 || instruction.opcode == 0xC3 ||
             instruction.opcode == 0xFF;
    case Instruction::Map::kTwoByte:
      return kind == 0x80;
    default:
      return false;
  }
}

}  // namespace

std::optional<uint32_t> FindAfterInlineAllocation(const uint8_t* return_address,
                                                  const uint8_t* code,
                                                  uint32_t size_bytes) {
  const int64_t begin = return_address - code;
  if (begin < 2 * kLongBytes + kMaxMoves * kMoveBytes + 1 ||
      !IsAllocation(return_address))
    return std::nullopt;
  std::optional<uint32_t> back;
  int64_t offset = begin;
  for (int i = 0; i < kMaxInstructions; ++i) {
    if (offset < 0 || offset > size_bytes - kMaxInstructionBytes) break;
    const uint8_t* bytes = code + offset;
    const Instruction instruction = ReadInstruction(bytes);
    // What stands before that may be of something else: V8 puts instructions
    // where they wait least for each other.
    if (IsFirstStore(instruction)) return static_cast<uint32_t>(offset);
    offset += instruction.bytes;
    if (*bytes == kJump) {
      offset += Operand(bytes);
    } else if (*bytes == kShortJump) {
      offset += static_cast<int8_t>(bytes[1]);
    } else if (IsBranch(instruction)) {
      break;
    }
    if (!back && offset >= 0 && offset < begin)
      back = static_cast<uint32_t>(offset);
  }
  return back;
}

}  // namespace memray_mocha
