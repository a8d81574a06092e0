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

Instruction Read(std::initializer_list<uint8_t> bytes) {
  std::vector<uint8_t> code(bytes);
  code.resize(code.size() + 15, 0x90);
  return ReadInstruction(code.data());
}

TEST("x64 instruction: its registers") {
  const Instruction high = Read({0x4D, 0x8B, 0xCB});  // mov r9, r11
  EXPECT_EQUAL(high.reg, 9);
  EXPECT_EQUAL(high.base, 11);
  EXPECT(!high.is_memory);
  EXPECT_EQUAL(Read({0x48, 0x89, 0xE5}).reg, 4);        // mov rbp, rsp
  EXPECT_EQUAL(Read({0x41, 0x59}).opcode_register, 9);  // pop r9
  EXPECT_EQUAL(Read({0x41, 0x59}).reg, -1);
  EXPECT_EQUAL(Read({0x74, 0x4D}).base, -1);  // a jump
  EXPECT(Read({0xC5, 0xFB, 0x10, 0x45, 0xD8}).is_vex);
}

TEST("x64 instruction: its memory") {
  const Instruction near = Read({0x4C, 0x89, 0x4D, 0xE0});  // mov [rbp-32], r9
  EXPECT(near.is_memory && !near.has_index);
  EXPECT_EQUAL(near.base, 5);
  EXPECT_EQUAL(near.displacement, -32);
  const Instruction far = Read({0x4D, 0x8B, 0x8D, 0x58, 2, 0, 0});
  EXPECT_EQUAL(far.base, 13);
  EXPECT_EQUAL(far.displacement, 600);
  const Instruction indexed = Read({0x43, 0x0F, 0xB6, 0x5C, 0x0C, 1});
  EXPECT(indexed.has_index);  // r9, to r12
  EXPECT_EQUAL(indexed.base, 12);
  const Instruction on_stack = Read({0x48, 0x8B, 0x44, 0x24, 8});
  EXPECT(!on_stack.has_index);
  EXPECT_EQUAL(on_stack.base, 4);
  EXPECT_EQUAL(Read({0x8B, 0x04, 0x25, 1, 2, 3, 4}).base, -1);
}

}  // namespace
}  // namespace memray_mocha::test
