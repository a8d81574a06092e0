#include "call_stack/interpreter_calls.h"

namespace memray_mocha {

uintptr_t InterpreterCalls::FindInstruction(
    const FrameWalker::Interpreter& interpreter, uintptr_t told,
    FrameWalker* walker) {
  Call& call = FindCall(interpreter.return_address);
  if (!call.slot) return told;
  const uint64_t word = walker->WatchAlso(interpreter.frame_pointer +
                                          call.slot->from_frame_pointer);
  const uintptr_t instruction =
      interpreter.bytecode_array + word - call.slot->advance;
  if (instruction == told) return told;
  const bool is_in_same_code = code_->WithMap([=](const CodeMap& codes) {
    const Code* code = codes.Find(told).code;
    return code && code->kind == Code::Kind::kBytecode &&
           codes.Find(instruction).code == code;
  });
  if (!is_in_same_code) return told;
  const int opcode = *reinterpret_cast<const uint8_t*>(instruction);
  if (call.opcode < 0) call.opcode = opcode;
  return opcode == call.opcode ? instruction : told;
}

InterpreterCalls::Call& InterpreterCalls::FindCall(uintptr_t return_address) {
  const auto [found, is_new] = calls_.try_emplace(return_address);
  Call& call = found->second;
  if (!is_new) return call;
  code_->WithMap([&](const CodeMap& codes) {
    const auto [code, offset] = codes.Find(return_address - 1);
    if (!code || !code->name.starts_with("BytecodeHandler:")) return;
    call.slot = FindOffsetSlot(
        reinterpret_cast<const uint8_t*>(return_address),
        reinterpret_cast<const uint8_t*>(return_address - 1 - offset),
        code->size_bytes);
  });
  return call;
}

}  // namespace memray_mocha
