#include "call_stack/x64_instruction.h"

#include <initializer_list>
#include <vector>

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

/// Expects all of these bytes to be one instruction, whatever follows.
bool IsOne(std::initializer_list<uint8_t> bytes) {
  std::vector<uint8_t> code(bytes);
  code.resize(code.size() + 15, 0x90);
  return InstructionBytes(code.data()) == bytes.size();
}

TEST("x64 instruction: moves, with every form of operand") {
  EXPECT(IsOne({0x90}));
  EXPECT(IsOne({0x48, 0x8B, 0xC8}));                          // rcx, rax
  EXPECT(IsOne({0x48, 0x8B, 0x4D, 0xE0}));                    // rcx, [rbp-32]
  EXPECT(IsOne({0x4D, 0x8B, 0x8D, 0x58, 2, 0, 0}));           // r9, [r13+600]
  EXPECT(IsOne({0x4C, 0x8B, 0x25, 0xC1, 0xFC, 0xFF, 0xFF}));  // r12, [rip-..]
  EXPECT(IsOne({0x48, 0x8B, 0x44, 0x24, 8}));                 // rax, [rsp+8]
  EXPECT(IsOne({0x8B, 0x04, 0x25, 1, 2, 3, 4}));              // eax, [address]
}

TEST("x64 instruction: constants") {
  EXPECT(IsOne({0xBA, 0x30, 0, 0, 0}));                 // edx
  EXPECT(IsOne({0x49, 0xB8, 1, 2, 3, 4, 5, 6, 7, 8}));  // r8, 64 bits
  EXPECT(IsOne({0x49, 0xC7, 0xC0, 0, 0, 0xFC, 0xFF}));  // r8
  EXPECT(IsOne({0x66, 0xC7, 0x45, 0xF0, 1, 2}));        // 16 bits
  EXPECT(IsOne({0x48, 0xA1, 1, 2, 3, 4, 5, 6, 7, 8}));  // rax, [address]
  EXPECT(IsOne({0x48, 0x83, 0xC4, 0x18}));              // add rsp
  EXPECT(IsOne({0x41, 0xF6, 0xC0, 1}));                 // test r8b
  EXPECT(IsOne({0x48, 0xF7, 0xD8}));                    // neg rax
  EXPECT(IsOne({0xF7, 0x45, 0xE0, 1, 2, 3, 4}));        // test [rbp-32]
}

TEST("x64 instruction: jumps and calls") {
  EXPECT(IsOne({0xE9, 1, 2, 3, 4}));
  EXPECT(IsOne({0xEB, 1}));
  EXPECT(IsOne({0x74, 1}));
  EXPECT(IsOne({0x0F, 0x84, 1, 2, 3, 4}));
  EXPECT(IsOne({0x41, 0xFF, 0x55, 0xC8}));
  EXPECT(IsOne({0xC2, 8, 0}));
}

TEST("x64 instruction: floating point, old and new encoding") {
  EXPECT(IsOne({0xF2, 0x0F, 0x10, 0x45, 0xD8}));     // movsd
  EXPECT(IsOne({0xF2, 0x48, 0x0F, 0x2A, 0xC0}));     // cvtsi2sd
  EXPECT(IsOne({0x66, 0x0F, 0x73, 0xF0, 1}));        // psllq
  EXPECT(IsOne({0x66, 0x0F, 0x3A, 0x0B, 0xC0, 9}));  // roundsd
  EXPECT(IsOne({0x66, 0x0F, 0x38, 0x17, 0xC0}));     // ptest
  EXPECT(IsOne({0xC5, 0xFB, 0x10, 0x45, 0xD8}));     // vmovsd
  EXPECT(IsOne({0xC4, 0xE1, 0xF9, 0x6E, 0xC0}));     // vmovq
  EXPECT(IsOne({0xC4, 0xE3, 0x79, 0x0B, 0xC0, 9}));  // vroundsd
  EXPECT(IsOne({0xC4, 0xC2, 0xF1, 0xF7, 0xC0}));     // shlx
}

}  // namespace
}  // namespace memray_mocha::test
