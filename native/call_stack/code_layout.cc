#include "call_stack/code_layout.h"

#include <v8.h>

#include <algorithm>
#include <initializer_list>

#include "call_stack/native_symbols.h"
#include "call_stack/x64_instruction.h"
#include "v8_constants.h"

namespace memray_mocha {
namespace {

using v8::internal::Internals;

/// Of each instruction, for each scale of its operands. There are some two
/// hundred instructions, and the first byte of each says which it is.
constexpr char kInstructionSizes[] =
    "_ZN2v88internal11interpreter9Bytecodes14kBytecodeSizesE";
constexpr uint64_t kMinInstructions = 128;
constexpr uint64_t kMaxInstructions = 256;

constexpr int64_t kWordBytes = sizeof(uint64_t);
/// The object that describes code is named in the second word of that which
/// holds the instructions.
constexpr int64_t kCodeOfStream = kWordBytes;
/// It names its sources in its second and third word, or one word further on,
/// and where the instructions begin in its sixth.
constexpr int64_t kFirstSources[] = {kWordBytes, 2 * kWordBytes};
constexpr int64_t kInstructionsOfCode = 5 * kWordBytes;
// Of the array of what it takes to leave TurboFan's code, behind the positions
// of what is inlined: where in the code it is left, how many places there are
// for that at once and when a call returns, and then three elements for each.
constexpr int64_t kExitsBegin = 1;
constexpr int64_t kEagerExitCount = 2;
constexpr int64_t kLazyExitCount = 3;
constexpr int64_t kFirstExit = 4;
constexpr int64_t kElementsOfExit = 3;
/// The last of the three, of a call.
constexpr int64_t kReturnOfExit = 2;
constexpr int64_t kBytecodeOfInterpreterData = kWordBytes;
/// A function names its bytecode, or its Sparkplug code, in its second word.
constexpr int64_t kCodeOfFunction = kWordBytes;

uint64_t ReadWord(uint64_t object, int64_t offset) {
  return Internals::ReadRawField<uint64_t>(object, static_cast<int>(offset));
}

bool IsObject(uint64_t word) { return Internals::HasHeapObjectTag(word); }

/// Whether a word names an object of a type.
bool Is(uint64_t word, int type) {
  return IsObject(word) && Internals::GetInstanceType(word) == type;
}

bool IsOneOf(uint64_t word, const std::vector<int>& types) {
  return std::any_of(types.begin(), types.end(),
                     [word](int type) { return Is(word, type); });
}

/// @return those of the types that this V8 has.
std::vector<int> ReadTypes(std::initializer_list<const char*> names) {
  std::vector<int> types;
  for (const char* name : names) {
    if (const auto type = FindV8Constant(name)) types.push_back(*type);
  }
  return types;
}

}  // namespace

const CodeLayout& CodeLayout::OfProcess() {
  static const CodeLayout& layout = *new CodeLayout;
  return layout;
}

CodeLayout::CodeLayout() {
  if (!ReadConstants()) return;
  ReadInliningConstants();
  const auto sizes = NativeSymbols::FindVariable(
      kInstructionSizes, reinterpret_cast<uintptr_t>(&v8::V8::GetVersion),
      kMinInstructions * kOperandScales, kMaxInstructions * kOperandScales);
  if (sizes.size() % kOperandScales == 0) instruction_sizes_ = sizes;
}

bool CodeLayout::ReadConstants() {
  byte_array_types_ =
      ReadTypes({"v8dbg_type_ByteArray__BYTE_ARRAY_TYPE",
                 "v8dbg_type_TrustedByteArray__TRUSTED_BYTE_ARRAY_TYPE"});
  return ReadV8Constant(
             "v8dbg_class_InstructionStream__instruction_start__uintptr_t",
             &stream_instructions_) &&
         ReadV8Constant("v8dbg_class_FixedArrayBase__length__SMI",
                        &array_length_) &&
         ReadV8Constant("v8dbg_class_BytecodeArray__data__uintptr_t",
                        &bytecode_) &&
         ReadV8Constant("v8dbg_type_Code__CODE_TYPE", &code_type_) &&
         ReadV8Constant("v8dbg_type_BytecodeArray__BYTECODE_ARRAY_TYPE",
                        &bytecode_array_type_) &&
         ReadV8Constant("v8dbg_type_InterpreterData__INTERPRETER_DATA_TYPE",
                        &interpreter_data_type_);
}

/// All, or not the last one, by which KnowsInlining goes.
void CodeLayout::ReadInliningConstants() {
  array_types_ =
      ReadTypes({"v8dbg_type_FixedArray__FIXED_ARRAY_TYPE",
                 "v8dbg_type_TrustedFixedArray__TRUSTED_FIXED_ARRAY_TYPE",
                 "v8dbg_type_ProtectedFixedArray__PROTECTED_FIXED_ARRAY_TYPE"});
  const bool has_others =
      ReadV8Constant("v8dbg_class_FixedArray__data__uintptr_t",
                     &array_elements_) &&
      ReadV8Constant("v8dbg_type_SharedFunctionInfo__SHARED_FUNCTION_INFO_TYPE",
                     &function_type_) &&
      ReadV8Constant("v8dbg_DeoptimizationDataInlinedFunctionCountIndex",
                     &inlined_count_) &&
      ReadV8Constant("v8dbg_DeoptimizationDataLiteralArrayIndex", &literals_);
  if (!has_others) return;
  ReadV8Constant("v8dbg_DeoptimizationDataInliningPositionsIndex",
                 &inlining_positions_);
}

/// @param is_origin whether a word may name the origin.
template <typename IsOrigin>
std::optional<CodeLayout::Sources> CodeLayout::FindSources(
    uintptr_t code, IsOrigin is_origin) const {
  const uint64_t stream =
      code - stream_instructions_ + v8::internal::kHeapObjectTag;
  const uint64_t object = ReadWord(stream, kCodeOfStream);
  if (!Is(object, code_type_) || ReadWord(object, kInstructionsOfCode) != code)
    return std::nullopt;
  for (const int64_t first : kFirstSources) {
    const Sources sources{ReadWord(object, first),
                          ReadWord(object, first + kWordBytes)};
    if (is_origin(sources.origin) && IsOneOf(sources.bytes, byte_array_types_))
      return sources;
  }
  return std::nullopt;
}

std::optional<SparkplugSource> CodeLayout::FindSparkplugSource(
    uintptr_t code) const {
  const auto sources = FindSources(
      code, [this](uint64_t word) { return FindBytecodeArray(word) != 0; });
  if (!sources) return std::nullopt;
  return SparkplugSource{BytesOf(FindBytecodeArray(sources->origin), bytecode_),
                         BytesOf(sources->bytes)};
}

std::optional<CodeLayout::Inlining> CodeLayout::FindInlining(
    uintptr_t code) const {
  const auto sources = FindSources(
      code, [this](uint64_t word) { return IsOneOf(word, array_types_); });
  if (!sources) return std::nullopt;
  Inlining inlining;
  inlining.positions = BytesOf(sources->bytes);
  // It is empty where nothing can make V8 leave the code.
  const int64_t size = LengthOf(sources->origin);
  if (size == 0) return inlining;
  const int64_t last_read =
      std::max({inlined_count_, literals_, inlining_positions_});
  if (size <= last_read) return std::nullopt;
  const uint64_t calls = ElementOf(sources->origin, inlining_positions_);
  const uint64_t literals = ElementOf(sources->origin, literals_);
  const int64_t count =
      Internals::SmiValue(ElementOf(sources->origin, inlined_count_));
  if (!IsOneOf(calls, byte_array_types_) || !IsObject(literals) || count < 0 ||
      count > LengthOf(literals)) {
    return std::nullopt;
  }
  inlining.calls = BytesOf(calls);
  for (int64_t i = 0; i < count; ++i) {
    const uint64_t function = ElementOf(literals, i);
    if (!Is(function, function_type_)) return std::nullopt;
    inlining.functions.push_back(FindBytecode(function));
  }
  inlining.lazy_exits = FindLazyExits(code, sources->origin);
  return inlining;
}

/// @param data what it takes to leave the code.
LazyExits CodeLayout::FindLazyExits(uintptr_t code, uint64_t data) const {
  const auto number_at = [&](int64_t index) -> int64_t {
    const uint64_t word = ElementOf(data, inlining_positions_ + index);
    return IsObject(word) ? -1 : Internals::SmiValue(word);
  };
  const int64_t size = LengthOf(data) - inlining_positions_;
  if (size < kFirstExit) return {};
  const int64_t begin = number_at(kExitsBegin);
  const int64_t eager = number_at(kEagerExitCount);
  const int64_t lazy = number_at(kLazyExitCount);
  if (begin < 0 || eager < 0 || lazy <= 0 ||
      size != kFirstExit + kElementsOfExit * (eager + lazy)) {
    return {};
  }
  const auto bytes_at = [code](int64_t offset) -> int64_t {
    return InstructionBytes(reinterpret_cast<const uint8_t*>(code + offset));
  };
  LazyExits exits;
  const int64_t first_lazy = begin + (eager == 0 ? 0 : eager * bytes_at(begin));
  exits.begin = static_cast<uint32_t>(first_lazy);
  exits.bytes_each = static_cast<uint32_t>(bytes_at(first_lazy));
  for (int64_t i = eager; i < eager + lazy; ++i) {
    const int64_t offset =
        number_at(kFirstExit + kElementsOfExit * i + kReturnOfExit);
    if (offset <= 0 || offset > begin) return {};
    exits.returns.push_back(static_cast<uint32_t>(offset));
  }
  return exits;
}

/// @param word what may name it, or what leads to it.
/// @return 0 when it does not.
uint64_t CodeLayout::FindBytecodeArray(uint64_t word) const {
  // So it is with --interpreted-frames-native-stack.
  if (Is(word, interpreter_data_type_))
    word = ReadWord(word, kBytecodeOfInterpreterData);
  return Is(word, bytecode_array_type_) ? word : 0;
}

uintptr_t CodeLayout::FindBytecode(uint64_t function) const {
  uint64_t code = ReadWord(function, kCodeOfFunction);
  if (Is(code, code_type_)) {
    for (const int64_t first : kFirstSources) {
      const uint64_t origin = ReadWord(code, first);
      if (FindBytecodeArray(origin) == 0) continue;
      code = origin;
      break;
    }
  }
  const uint64_t bytecode = FindBytecodeArray(code);
  return bytecode == 0 ? 0
                       : bytecode - v8::internal::kHeapObjectTag + bytecode_;
}

int64_t CodeLayout::LengthOf(uint64_t array) const {
  return Internals::SmiValue(ReadWord(array, array_length_));
}

uint64_t CodeLayout::ElementOf(uint64_t array, int64_t index) const {
  return ReadWord(array, array_elements_ + index * kWordBytes);
}

/// @param offset of the first of them in the array.
std::span<const uint8_t> CodeLayout::BytesOf(uint64_t array,
                                             int64_t offset) const {
  return {reinterpret_cast<const uint8_t*>(
              array - v8::internal::kHeapObjectTag + offset),
          static_cast<size_t>(LengthOf(array))};
}

std::span<const uint8_t> CodeLayout::BytesOf(uint64_t byte_array) const {
  return BytesOf(byte_array, array_length_ + kWordBytes);
}

}  // namespace memray_mocha
