#include "call_stack/inline_allocation.h"

#include <algorithm>
#include <cstring>

namespace memray_mocha {
namespace {

constexpr uint8_t kMoveToEdx = 0xBA;
constexpr uint8_t kCall = 0xE8;
constexpr uint8_t kJump = 0xE9;
constexpr uint8_t kShortJump = 0xEB;
/// Each of them but the last is its opcode and 32 bits.
constexpr int64_t kLongBytes = 5;
constexpr int64_t kShortBytes = 2;
constexpr int64_t kMoveBytes = 3;
constexpr int kMaxRegisterMoves = 2;
/// What the code restores before it jumps back is no longer than this.
constexpr int64_t kMaxRestoreBytes = 96;
/// Larger objects are not allocated inline.
constexpr int32_t kMaxObjectBytes = 128 << 10;

int32_t Operand(const uint8_t* instruction) {
  int32_t operand;
  std::memcpy(&operand, instruction + 1, sizeof operand);
  return operand;
}

/// mov r64, r64
bool IsRegisterMove(const uint8_t* code) {
  return (code[0] & 0xFA) == 0x48 && code[1] == 0x8B && code[2] >= 0xC0;
}

/// mov edx, size; call: the builtin has that one parameter. Between them a
/// register or two may be saved.
bool IsAllocation(const uint8_t* return_address) {
  const uint8_t* call = return_address - kLongBytes;
  if (*call != kCall) return false;
  const uint8_t* move = call - kLongBytes;
  for (int i = 0; i < kMaxRegisterMoves; ++i) {
    if (*move == kMoveToEdx || !IsRegisterMove(move + kLongBytes - kMoveBytes))
      break;
    move -= kMoveBytes;
  }
  const int32_t size_bytes = Operand(move);
  return *move == kMoveToEdx && size_bytes > 0 &&
         size_bytes <= kMaxObjectBytes && size_bytes % 8 == 0;
}

}  // namespace

std::optional<uint32_t> FindAfterInlineAllocation(const uint8_t* return_address,
                                                  const uint8_t* code,
                                                  uint32_t size_bytes) {
  const int64_t begin = return_address - code;
  if (begin < 2 * kLongBytes + kMaxRegisterMoves * kMoveBytes ||
      !IsAllocation(return_address))
    return std::nullopt;
  const int64_t end =
      std::min<int64_t>(begin + kMaxRestoreBytes, size_bytes - kLongBytes);
  // Bytes, not instructions: what looks like a jump, but is part of a number,
  // leads out of the code.
  for (int64_t offset = begin; offset <= end; ++offset) {
    int64_t target = -1;
    if (code[offset] == kJump) {
      target = offset + kLongBytes + Operand(code + offset);
    } else if (code[offset] == kShortJump) {
      target = offset + kShortBytes + static_cast<int8_t>(code[offset + 1]);
    }
    if (target >= 0 && target < begin) return static_cast<uint32_t>(target);
  }
  return std::nullopt;
}

}  // namespace memray_mocha
