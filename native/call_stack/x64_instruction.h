#ifndef NATIVE_CALL_STACK_X64_INSTRUCTION_H_
#define NATIVE_CALL_STACK_X64_INSTRUCTION_H_

#include <cstddef>
#include <cstdint>

namespace memray_mocha {

/// What an x64 instruction does, as far as its encoding tells.
struct Instruction {
  enum class Map : uint8_t { kOneByte, kTwoByte, k0F38, k0F3A };

  size_t bytes;
  /// Which table of opcodes `opcode` is of.
  Map map;
  uint8_t opcode;
  /// Whether it is one of AVX, which names registers otherwise.
  bool is_vex;
  /// Where the opcode itself names a register: which.
  int opcode_register;
  // Of the operand byte (ModRM), if the opcode has one.
  int reg;         // a register, or a part of the opcode; -1: none
  bool is_memory;  // whether the other operand is
  int base;        // that register, or memory's base; -1: none
  bool has_index;  // to add to the base
  int32_t displacement;
};

/// Those of AVX-512, which V8 does not make, are not known.
Instruction ReadInstruction(const uint8_t* code);

/// @return how many bytes the instruction at `code` takes, at most 15.
inline size_t InstructionBytes(const uint8_t* code) {
  return ReadInstruction(code).bytes;
}

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_X64_INSTRUCTION_H_
