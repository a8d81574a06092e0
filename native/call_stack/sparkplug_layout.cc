#include "call_stack/sparkplug_layout.h"

#include <v8.h>

#include "call_stack/native_symbols.h"
#include "v8_constants.h"

namespace memray_mocha {
namespace {

using v8::internal::Internals;

constexpr char kInstructionSizes[] =
    "_ZN2v88internal11interpreter9Bytecodes14kBytecodeSizesE";

constexpr int64_t kWordBytes = sizeof(uint64_t);
/// The object that describes code is named in the second word of that which
/// holds the instructions.
constexpr int64_t kCodeOfStream = kWordBytes;
/// It names the bytecode and then the sizes in its second and third word, or
/// one word further on, and where the instructions begin in its sixth.
constexpr int64_t kFirstSources[] = {kWordBytes, 2 * kWordBytes};
constexpr int64_t kInstructionsOfCode = 5 * kWordBytes;
constexpr int64_t kBytecodeOfInterpreterData = kWordBytes;

uint64_t ReadWord(uint64_t object, int64_t offset) {
  return Internals::ReadRawField<uint64_t>(object, static_cast<int>(offset));
}

/// Whether a word names an object of a type.
bool Is(uint64_t word, int type) {
  return Internals::HasHeapObjectTag(word) &&
         Internals::GetInstanceType(word) == type;
}

}  // namespace

const SparkplugLayout* SparkplugLayout::OfProcess() {
  static const std::optional<SparkplugLayout> layout = Find();
  return layout ? &*layout : nullptr;
}

std::optional<SparkplugLayout> SparkplugLayout::Find() {
  SparkplugLayout layout;
  const bool has_constants =
      ReadV8Constant(
          "v8dbg_class_InstructionStream__instruction_start__uintptr_t",
          &layout.stream_instructions_) &&
      ReadV8Constant("v8dbg_class_FixedArrayBase__length__SMI",
                     &layout.array_length_) &&
      ReadV8Constant("v8dbg_class_BytecodeArray__data__uintptr_t",
                     &layout.bytecode_) &&
      ReadV8Constant("v8dbg_type_Code__CODE_TYPE", &layout.code_type_) &&
      ReadV8Constant("v8dbg_type_BytecodeArray__BYTECODE_ARRAY_TYPE",
                     &layout.bytecode_array_type_) &&
      ReadV8Constant("v8dbg_type_InterpreterData__INTERPRETER_DATA_TYPE",
                     &layout.interpreter_data_type_) &&
      (ReadV8Constant("v8dbg_type_TrustedByteArray__TRUSTED_BYTE_ARRAY_TYPE",
                      &layout.byte_array_type_) ||
       ReadV8Constant("v8dbg_type_ByteArray__BYTE_ARRAY_TYPE",
                      &layout.byte_array_type_));
  if (!has_constants) return std::nullopt;
  layout.instruction_sizes_ = NativeSymbols::FindVariable(
      kInstructionSizes, reinterpret_cast<uintptr_t>(&v8::V8::GetVersion));
  const size_t bytes = layout.instruction_sizes_.size();
  if (bytes == 0 || bytes % kOperandScales != 0) return std::nullopt;
  return layout;
}

std::optional<SparkplugSource> SparkplugLayout::FindSource(
    uintptr_t code) const {
  const uint64_t stream =
      code - stream_instructions_ + v8::internal::kHeapObjectTag;
  const uint64_t object = ReadWord(stream, kCodeOfStream);
  if (!Is(object, code_type_) || ReadWord(object, kInstructionsOfCode) != code)
    return std::nullopt;
  for (const int64_t first : kFirstSources) {
    uint64_t bytecode = ReadWord(object, first);
    // So it is with --interpreted-frames-native-stack.
    if (Is(bytecode, interpreter_data_type_))
      bytecode = ReadWord(bytecode, kBytecodeOfInterpreterData);
    const uint64_t sizes = ReadWord(object, first + kWordBytes);
    if (Is(bytecode, bytecode_array_type_) && Is(sizes, byte_array_type_)) {
      return SparkplugSource{BytesOf(bytecode, bytecode_),
                             BytesOf(sizes, array_length_ + kWordBytes)};
    }
  }
  return std::nullopt;
}

/// @param offset of the first of them in the array.
std::span<const uint8_t> SparkplugLayout::BytesOf(uint64_t array,
                                                  int64_t offset) const {
  const int length = Internals::SmiValue(ReadWord(array, array_length_));
  return {reinterpret_cast<const uint8_t*>(
              array - v8::internal::kHeapObjectTag + offset),
          static_cast<size_t>(length)};
}

}  // namespace memray_mocha
