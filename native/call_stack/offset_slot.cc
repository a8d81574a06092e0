#include "call_stack/offset_slot.h"

#include <bit>
#include <cstring>
#include <vector>

#include "call_stack/x64_instruction.h"

namespace memray_mocha {
namespace {

using Map = Instruction::Map;

constexpr int kRsp = 4;
constexpr int kRbp = 5;
constexpr int kR9 = 9;
constexpr int kSlotBytes = 8;
constexpr int kMaxSlots = 62;

/// What holds a value, a bit each: bit n is the word n words below the frame
/// pointer. With kNoFrame there is no frame yet, or no more.
using Holders = uint64_t;
constexpr Holders kRegister = 1;  // r9
constexpr Holders kNoFrame = Holders{1} << 63;
constexpr Holders kSlots = ~(kRegister | kNoFrame);

/// What is so before an instruction on each path to it that is known so far.
struct State {
  // Of code that no path has led to, anything is.
  Holders offset = ~Holders{0};
  /// Of what the next instruction's offset may be.
  Holders advanced = ~Holders{0};

  bool operator==(const State&) const = default;
};

bool Is(const Instruction& instruction, uint8_t opcode) {
  return instruction.map == Map::kOneByte && instruction.opcode == opcode;
}

/// The operation that the operand byte names for an opcode that has several.
int OperationOf(const Instruction& instruction) { return instruction.reg & 7; }

/// A move, a comparison or a test of whole words.
bool OnlyReadsOperand(const Instruction& instruction) {
  const bool compares_constant = Is(instruction, 0x81) || Is(instruction, 0x83);
  return Is(instruction, 0x8B) || Is(instruction, 0x39) ||
         Is(instruction, 0x3B) || Is(instruction, 0x85) ||
         (compares_constant && OperationOf(instruction) == 7);
}

/// Unless it is known not to.
bool MayWriteR9(const Instruction& instruction) {
  const uint8_t op = instruction.opcode;
  if (instruction.opcode_register == kR9 &&
      ((instruction.map == Map::kOneByte &&  // pop, exchange, move a constant
        ((op >= 0x58 && op <= 0x5F) || (op >= 0x90 && op <= 0x97) ||
         (op >= 0xB8 && op <= 0xBF))) ||
       (instruction.map == Map::kTwoByte && op >= 0xC8 && op <= 0xCF))) {
    return true;
  }
  if (instruction.reg == kR9 && !Is(instruction, 0x89)) return true;
  return !instruction.is_memory && instruction.base == kR9 &&
         !OnlyReadsOperand(instruction);
}

/// @return the words of the frame that it may write, or a part of them.
Holders SlotsWritten(const uint8_t* code, const Instruction& instruction) {
  const bool is_scalar = code[0] == 0xF2;  // of floating point
  const int bytes = instruction.map == Map::kOneByte || is_scalar ? 8 : 16;
  Holders slots = 0;
  for (int slot = 1; slot <= kMaxSlots; ++slot) {
    const int distance = -slot * kSlotBytes - instruction.displacement;
    if (-kSlotBytes < distance && distance < bytes) slots |= Holders{1} << slot;
  }
  return slots;
}

/// @return 0 for what is not a word of the frame.
Holders SlotAt(int32_t displacement) {
  const int32_t slot = -displacement / kSlotBytes;
  const bool is_word = displacement % kSlotBytes == 0;
  return is_word && 0 < slot && slot <= kMaxSlots ? Holders{1} << slot : 0;
}

/// @return from which register the frame pointer is set.
std::optional<int> SourceOfFramePointer(const Instruction& instruction) {
  if (instruction.is_memory) return std::nullopt;
  if (Is(instruction, 0x89) && instruction.base == kRbp) return instruction.reg;
  if (Is(instruction, 0x8B) && instruction.reg == kRbp) return instruction.base;
  return std::nullopt;
}

bool LeavesFrame(const Instruction& instruction) {
  return Is(instruction, 0x5D) || Is(instruction, 0xC9) ||  // pop rbp, leave
         (Is(instruction, 0x8B) && instruction.reg == kRbp);
}

/// Whether an instruction that may have 64-bit operands has.
bool IsOfWords(const uint8_t* code) { return (code[0] & 0xF8) == 0x48; }

/// @return what holds the value after an instruction that goes on to the next.
Holders Apply(Holders holders, const uint8_t* code,
              const Instruction& instruction) {
  if (instruction.is_vex) return holders & kNoFrame;
  if (const auto source = SourceOfFramePointer(instruction))
    return source == kRsp ? holders & kRegister : 0;
  if (LeavesFrame(instruction)) return (holders & kRegister) | kNoFrame;
  const bool is_in_frame = instruction.is_memory && !instruction.has_index &&
                           instruction.base == kRbp && !(holders & kNoFrame);
  const Holders slot = is_in_frame ? SlotAt(instruction.displacement) : 0;
  if (Is(instruction, 0x8B) && IsOfWords(code) && instruction.reg == kR9)
    return holders & slot ? holders | kRegister : holders & ~kRegister;
  if (instruction.is_memory && !OnlyReadsOperand(instruction)) {
    // What the stack pointer is the base of are parameters, below the words.
    if (is_in_frame) {
      holders &= ~SlotsWritten(code, instruction);
    } else if (instruction.base == kRbp) {
      holders &= ~kSlots;
    }
    if (Is(instruction, 0x89) && IsOfWords(code) && instruction.reg == kR9 &&
        holders & kRegister) {
      holders |= slot;
    }
  }
  return MayWriteR9(instruction) ? holders & ~kRegister : holders;
}

/// The paths through a piece of code.
class Paths {
 public:
  Paths(const uint8_t* code, uint32_t size_bytes)
      : code_(code, code + size_bytes), states_(size_bytes) {
    // Room for an instruction that ends beyond it.
    constexpr size_t kMaxInstructionBytes = 15;
    code_.resize(size_bytes + kMaxInstructionBytes);
  }

  std::optional<OffsetSlot> FindAtCall(uint32_t return_offset) {
    std::optional<uint32_t> call;
    Reach(0, {kRegister | kNoFrame, kNoFrame});
    while (is_understood_ && !pending_.empty()) {
      const uint32_t offset = pending_.back();
      pending_.pop_back();
      if (Follow(offset) && next_ == return_offset) call = offset;
    }
    if (!is_understood_ || !call) return std::nullopt;
    const State& state = states_[*call];
    if (const Holders slots = state.offset & kSlots)
      return OffsetSlot{-kSlotBytes * std::countr_zero(slots), 0};
    if (const Holders slots = state.advanced & kSlots)
      return OffsetSlot{-kSlotBytes * std::countr_zero(slots), advance_};
    return std::nullopt;
  }

 private:
  /// @return whether it is a call.
  bool Follow(uint32_t offset) {
    const uint8_t* code = &code_[offset];
    const Instruction instruction = ReadInstruction(code);
    const State state = states_[offset];
    next_ = offset + instruction.bytes;
    const uint8_t op = instruction.opcode;
    if (instruction.map != Map::kOneByte) {
      if (instruction.map == Map::kTwoByte && !instruction.is_vex) {
        if (op == 0x0B) return false;  // a trap
        if (op >= 0x80 && op <= 0x8F) Reach(next_ + LongDistance(), state);
      }
      Reach(next_, ApplyBoth(state, code, instruction));
      return false;
    }
    const bool is_indirect = op == 0xFF;
    if (op == 0xE8 || (is_indirect && OperationOf(instruction) == 2)) {
      // Who saves registers differs. But what a call has not kept in r9, no
      // code behind it reads.
      Reach(next_, state);
      return true;
    }
    if (is_indirect && OperationOf(instruction) == 4) {
      // To the code for the next instruction; or by a table to anywhere.
      if (instruction.is_memory || !(state.offset & kNoFrame))
        is_understood_ = false;
      return false;
    }
    if (op == 0xC2 || op == 0xC3 || op == 0xCC) return false;
    if (op == 0xE9) Reach(next_ + LongDistance(), state);
    const bool is_short_branch = op >= 0x70 && op <= 0x7F;
    if (op == 0xEB || is_short_branch) Reach(next_ + ShortDistance(), state);
    if (op != 0xE9 && op != 0xEB)
      Reach(next_, ApplyBoth(state, code, instruction));
    return false;
  }

  State ApplyBoth(const State& state, const uint8_t* code,
                  const Instruction& instruction) {
    State after{Apply(state.offset, code, instruction),
                Apply(state.advanced, code, instruction)};
    const bool adds = Is(instruction, 0x83) && IsOfWords(code) &&
                      !instruction.is_memory && instruction.base == kR9 &&
                      OperationOf(instruction) == 0;
    if (adds && state.offset & kRegister) {
      const auto advance = static_cast<int32_t>(ShortDistance());
      if (advance_ == 0) advance_ = advance;
      if (advance_ == advance) after.advanced |= kRegister;
    }
    return after;
  }

  // The constant that ends the instruction that is followed.
  int64_t ShortDistance() const {
    return static_cast<int8_t>(code_[next_ - 1]);
  }
  int64_t LongDistance() const {
    int32_t distance;
    std::memcpy(&distance, &code_[next_ - sizeof distance], sizeof distance);
    return distance;
  }

  /// What is beyond the code is another's.
  void Reach(int64_t offset, const State& state) {
    if (offset < 0 || offset >= static_cast<int64_t>(states_.size())) return;
    State& known = states_[offset];
    const State common{known.offset & state.offset,
                       known.advanced & state.advanced};
    if (common == known) return;
    known = common;
    pending_.push_back(static_cast<uint32_t>(offset));
  }

  std::vector<uint8_t> code_;
  std::vector<State> states_;  // before the instruction at each offset
  std::vector<uint32_t> pending_;
  int32_t advance_ = 0;
  bool is_understood_ = true;
  size_t next_ = 0;  // behind the instruction that is followed
};

}  // namespace

std::optional<OffsetSlot> FindOffsetSlot(const uint8_t* return_address,
                                         const uint8_t* code,
                                         uint32_t size_bytes) {
  return Paths(code, size_bytes)
      .FindAtCall(static_cast<uint32_t>(return_address - code));
}

}  // namespace memray_mocha
