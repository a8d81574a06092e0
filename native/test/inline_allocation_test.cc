#include "call_stack/inline_allocation.h"

#include <cstdint>
#include <optional>
#include <vector>

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

using Bytes = std::vector<uint8_t>;

/// Code with `call` behind 200 bytes, and then `behind`; asked about the call's
/// return address.
std::optional<uint32_t> FindBehind(const Bytes& call, const Bytes& behind) {
  Bytes code(200, 0x90);
  code.insert(code.end(), call.begin(), call.end());
  const size_t return_offset = code.size();
  code.insert(code.end(), behind.begin(), behind.end());
  code.resize(code.size() + 16, 0x90);
  return FindAfterInlineAllocation(code.data() + return_offset, code.data(),
                                   static_cast<uint32_t>(code.size()));
}

const Bytes kAllocate = {0xBA, 0x30, 0, 0, 0, 0xE8, 1, 2, 3, 4};  // 48 bytes
const Bytes kJumpBack = {0xE9, 0x9F, 0xFF, 0xFF, 0xFF};           // by 97

TEST("inline allocation: goes on where the code jumps back to") {
  EXPECT_EQUAL(FindBehind(kAllocate, kJumpBack).value_or(0), 210u + 5 - 97);
  const Bytes short_jump = {0x48, 0x8B, 0x4D, 0x98, 0xEB, 0xC0};
  EXPECT_EQUAL(FindBehind(kAllocate, short_jump).value_or(0), 210u + 6 - 64);
}

TEST("inline allocation: may save registers between the size and the call") {
  const Bytes call = {0xBA, 0x30, 0,    0,    0, 0x48, 0x8B, 0xDA,
                      0x4C, 0x8B, 0xDA, 0xE8, 1, 2,    3,    4};
  EXPECT_EQUAL(FindBehind(call, kJumpBack).value_or(0), 216u + 5 - 97);
}

TEST("inline allocation: a number that looks like a jump is none") {
  // mov r14, 0xF034E93AE1C0EB01
  Bytes behind = {0x49, 0xBE, 0x01, 0xEB, 0xC0, 0xE1, 0x3A, 0xE9, 0x34, 0xF0};
  behind.insert(behind.end(), kJumpBack.begin(), kJumpBack.end());
  EXPECT_EQUAL(FindBehind(kAllocate, behind).value_or(0), 210u + 15 - 97);
}

TEST("inline allocation: the size may come by way of another register") {
  const Bytes call = {0xB9, 0x38, 0, 0, 0, 0x48, 0x8B,
                      0xD1, 0xE8, 1, 2, 3, 4};  // ecx
  EXPECT_EQUAL(FindBehind(call, kJumpBack).value_or(0), 213u + 5 - 97);
  const Bytes high = {0x41, 0xB9, 0x38, 0, 0, 0, 0x49,
                      0x8B, 0xD1, 0xE8, 1, 2, 3, 4};  // r9d
  EXPECT_EQUAL(FindBehind(high, kJumpBack).value_or(0), 214u + 5 - 97);
  const Bytes other = {0xB8, 0x38, 0, 0, 0, 0x48, 0x8B,
                       0xD1, 0xE8, 1, 2, 3, 4};  // eax, but rdx from rcx
  EXPECT(!FindBehind(other, kJumpBack));
}

TEST("inline allocation: the way back may lead over another jump") {
  const Bytes behind = {0xEB, 2, 0x90, 0x90, 0x48, 0x8B, 0xC8, 0xEB, 0xC0};
  EXPECT_EQUAL(FindBehind(kAllocate, behind).value_or(0), 210u + 9 - 64);
}

TEST("inline allocation: is where the object is written to first") {
  const Bytes store = {0x44, 0x8D, 0x78, 1,      // lea r15, [rax+1]
                       0x49, 0x89, 0x48, 0xFF};  // [r8-1], rcx
  Bytes behind = {0x49, 0x8B, 0xC8, 0xEB, 4, 0x90, 0x90, 0x90, 0x90};
  behind.insert(behind.end(), store.begin(), store.end());
  EXPECT_EQUAL(FindBehind(kAllocate, behind).value_or(0), 210u + 9 + 4);
  // Not behind a branch.
  behind[9] = 0x74;
  behind[10] = 0;
  EXPECT(!FindBehind(kAllocate, behind));
}

TEST("inline allocation: other calls are none") {
  EXPECT(!FindBehind({0xBA, 0x31, 0, 0, 0, 0xE8, 1, 2, 3, 4}, kJumpBack));
  EXPECT(!FindBehind({0xBB, 0x30, 0, 0, 0, 0xE8, 1, 2, 3, 4}, kJumpBack));
  EXPECT(!FindBehind({0xBA, 0x30, 0, 0, 0, 0x41, 0xFF, 0x55, 0xC8}, kJumpBack));
  EXPECT(!FindBehind(kAllocate, {}));
}

}  // namespace
}  // namespace memray_mocha::test
