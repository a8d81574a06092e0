#ifndef NATIVE_CALL_STACK_X64_INSTRUCTION_H_
#define NATIVE_CALL_STACK_X64_INSTRUCTION_H_

#include <cstddef>
#include <cstdint>

namespace memray_mocha {

/// @return how many bytes the x64 instruction at `code` takes, at most 15.
/// Those of AVX-512, which V8 does not make, are not known.
size_t InstructionBytes(const uint8_t* code);

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_X64_INSTRUCTION_H_
