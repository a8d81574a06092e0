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
/// What the code restores before it jumps back are no more than this.
constexpr int kMaxRestoringInstructions = 32;
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

}  // namespace

std::optional<uint32_t> FindAfterInlineAllocation(const uint8_t* return_address,
                                                  const uint8_t* code,
                                                  uint32_t size_bytes) {
  const int64_t begin = return_address - code;
  if (begin < 2 * kLongBytes + kMaxMoves * kMoveBytes + 1 ||
      !IsAllocation(return_address))
    return std::nullopt;
  int64_t offset = begin;
  for (int i = 0; i < kMaxRestoringInstructions; ++i) {
    if (offset < begin || offset > size_bytes - kMaxInstructionBytes) break;
    const uint8_t* instruction = code + offset;
    offset += InstructionBytes(instruction);
    if (*instruction == kJump) {
      offset += Operand(instruction);
    } else if (*instruction == kShortJump) {
      offset += static_cast<int8_t>(instruction[1]);
    }
    if (offset >= 0 && offset < begin) return static_cast<uint32_t>(offset);
  }
  return std::nullopt;
}

}  // namespace memray_mocha
