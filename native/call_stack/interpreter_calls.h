#ifndef NATIVE_CALL_STACK_INTERPRETER_CALLS_H_
#define NATIVE_CALL_STACK_INTERPRETER_CALLS_H_

#include <cstdint>
#include <optional>
#include <unordered_map>

#include "call_stack/frame_walker.h"
#include "call_stack/isolate_code.h"
#include "call_stack/offset_slot.h"

namespace memray_mocha {

/// Finds at which instruction of bytecode V8's interpreter is where its frame
/// does not tell: it does not save that before it gets memory for a literal,
/// for one. Then V8 tells the instruction at which it last did.
///
/// For the thread of one isolate.
class InterpreterCalls {
 public:
  explicit InterpreterCalls(const IsolateCode* code) : code_(code) {}

  /// @param interpreter of the walker's last walk; what else the result hangs
  /// on is watched there from then on.
  /// @param told the address of the instruction that V8 tells.
  /// @return that of the one which is under way; `told` where nothing better is
  /// known.
  uintptr_t FindInstruction(const FrameWalker::Interpreter& interpreter,
                            uintptr_t told, FrameWalker* walker);

 private:
  /// V8's code for an instruction of bytecode, at a call that it makes.
  struct Call {
    std::optional<OffsetSlot> slot;
    /// The first byte of that instruction; none yet.
    int opcode = -1;
  };

  Call& FindCall(uintptr_t return_address);

  const IsolateCode* const code_;
  // By return address.
  std::unordered_map<uintptr_t, Call> calls_;
};

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_INTERPRETER_CALLS_H_
