#include "call_stack/x64_instruction.h"

#include <cstring>

namespace memray_mocha {
namespace {

/// An instruction is prefixes, an opcode of one of four maps, then, by the
/// opcode, an operand byte (ModRM) with what that asks for, and a constant.
using Map = Instruction::Map;

struct Prefixes {
  size_t bytes = 0;
  bool is_word = false;  // 16-bit operands
  bool is_wide = false;  // 64-bit operands
  bool is_vex = false;
  // What is added to the numbers of registers.
  int high_reg = 0;
  int high_index = 0;
  int high_base = 0;
  Map map = Map::kOneByte;
};

Prefixes ReadPrefixes(const uint8_t* code) {
  constexpr size_t kMaxPrefixes = 4;
  Prefixes prefixes;
  size_t& at = prefixes.bytes;
  while (at < kMaxPrefixes &&
         (code[at] == 0x66 || code[at] == 0xF2 || code[at] == 0xF3 ||
          code[at] == 0xF0 || code[at] == 0x2E || code[at] == 0x64)) {
    prefixes.is_word |= code[at++] == 0x66;
  }
  prefixes.is_vex = code[at] == 0xC5 || code[at] == 0xC4;
  if (code[at] == 0xC5) {  // VEX, which names the map itself
    prefixes.map = Map::kTwoByte;
    at += 2;
  } else if (code[at] == 0xC4) {
    prefixes.map = static_cast<Map>(code[at + 1] & 3);
    at += 3;
  } else {
    if ((code[at] & 0xF0) == 0x40) {
      const int rex = code[at++];
      prefixes.is_wide = rex & 8;
      prefixes.high_reg = (rex & 4) << 1;
      prefixes.high_index = (rex & 2) << 2;
      prefixes.high_base = (rex & 1) << 3;
    }
    if (code[at] == 0x0F) {
      prefixes.map = Map::kTwoByte;
      ++at;
      if (code[at] == 0x38) prefixes.map = Map::k0F38;
      if (code[at] == 0x3A) prefixes.map = Map::k0F3A;
      if (prefixes.map != Map::kTwoByte) ++at;
    }
  }
  return prefixes;
}

bool HasOperand(Map map, uint8_t op) {
  if (map == Map::kOneByte) {
    return op < 0x40
               ? (op & 7) < 4
               : op == 0x63 || op == 0x69 || op == 0x6B ||
                     (op >= 0x80 && op <= 0x8F) || (op >= 0xD0 && op <= 0xDF) ||
                     op == 0xC0 || op == 0xC1 || op == 0xC6 || op == 0xC7 ||
                     op == 0xF6 || op == 0xF7 || op >= 0xFE;
  }
  if (map != Map::kTwoByte) return true;
  const bool is_branch = op >= 0x80 && op <= 0x8F;
  return !is_branch && op != 0x05 && op != 0x0B && op != 0x31 && op != 0x77 &&
         op != 0xA2 && (op < 0xC8 || op > 0xCF);
}

/// What an instruction of one byte's opcodes ends in.
size_t ConstantOfOneByte(const uint8_t* opcode, const Prefixes& prefixes) {
  const uint8_t op = *opcode;
  const size_t number = prefixes.is_word ? 2 : 4;
  if (op < 0x40) {  // arithmetic: eight of each kind
    const int form = op & 7;
    return form < 4 ? 0 : form == 4 ? 1 : number;
  }
  if (op >= 0xB8 && op <= 0xBF) return prefixes.is_wide ? 8 : number;
  if (op >= 0xA0 && op <= 0xA3) return 8;  // an address
  if (op == 0xF6 || op == 0xF7) {  // only test, the first two, has a constant
    const bool is_test = (opcode[1] & 0x30) == 0;
    return !is_test ? 0 : op == 0xF6 ? 1 : number;
  }
  if (op == 0x68 || op == 0x69 || op == 0x81 || op == 0xA9 || op == 0xC7)
    return number;
  if (op == 0xE8 || op == 0xE9) return 4;
  if (op == 0xC2) return 2;
  const bool has_byte = op == 0x6A || op == 0x6B || op == 0x80 || op == 0x83 ||
                        op == 0xA8 || op == 0xC0 || op == 0xC1 || op == 0xC6 ||
                        op == 0xEB || (op >= 0x70 && op <= 0x7F) ||
                        (op >= 0xB0 && op <= 0xB7);
  return has_byte ? 1 : 0;
}

size_t ConstantOfTwoByte(uint8_t op) {
  if (op >= 0x80 && op <= 0x8F) return 4;  // conditional jump
  const bool has_byte = (op >= 0x70 && op <= 0x73) || op == 0xA4 ||
                        op == 0xAC || op == 0xBA || op == 0xC2 ||
                        (op >= 0xC4 && op <= 0xC6);
  return has_byte ? 1 : 0;
}

size_t ConstantBytes(const uint8_t* opcode, const Prefixes& prefixes) {
  if (prefixes.map == Map::kOneByte) return ConstantOfOneByte(opcode, prefixes);
  if (prefixes.map == Map::kTwoByte) return ConstantOfTwoByte(*opcode);
  return prefixes.map == Map::k0F3A ? 1 : 0;
}

/// ModRM, and the SIB byte and displacement it asks for.
/// @return how many bytes these are.
size_t ReadOperand(const uint8_t* operand, const Prefixes& prefixes,
                   Instruction* instruction) {
  const int mode = operand[0] >> 6;
  instruction->reg = (operand[0] >> 3 & 7) + prefixes.high_reg;
  instruction->is_memory = mode != 3;
  instruction->base = (operand[0] & 7) + prefixes.high_base;
  if (mode == 3) return 1;  // a register
  const uint8_t* last = operand;
  if ((operand[0] & 7) == 4) {
    ++last;
    const int index = (*last >> 3 & 7) + prefixes.high_index;
    instruction->has_index = index != 4;
    instruction->base = (*last & 7) + prefixes.high_base;
  }
  if (mode == 0 && (*last & 7) == 5) instruction->base = -1;
  size_t displacement_bytes = 0;
  if (mode == 1) {
    displacement_bytes = 1;
    instruction->displacement = static_cast<int8_t>(last[1]);
  } else if (mode == 2 || instruction->base < 0) {
    displacement_bytes = sizeof(int32_t);
    std::memcpy(&instruction->displacement, last + 1, displacement_bytes);
  }
  return last + 1 + displacement_bytes - operand;
}

}  // namespace

Instruction ReadInstruction(const uint8_t* code) {
  const Prefixes prefixes = ReadPrefixes(code);
  const uint8_t* opcode = code + prefixes.bytes;
  Instruction instruction{};
  instruction.bytes = prefixes.bytes + 1 + ConstantBytes(opcode, prefixes);
  instruction.map = prefixes.map;
  instruction.opcode = *opcode;
  instruction.is_vex = prefixes.is_vex;
  instruction.opcode_register = (*opcode & 7) + prefixes.high_base;
  instruction.reg = instruction.base = -1;
  if (HasOperand(prefixes.map, *opcode))
    instruction.bytes += ReadOperand(opcode + 1, prefixes, &instruction);
  return instruction;
}

}  // namespace memray_mocha
