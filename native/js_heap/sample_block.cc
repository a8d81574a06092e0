#include "js_heap/sample_block.h"

#include <v8-internal.h>
#include <v8-version.h>

#include <bitset>
#include <set>

#include "js_heap/object_sampler.h"
#include "v8_constants.h"

namespace memray_mocha {
namespace {

using v8::internal::Internals;

/// An AllocationMemento: map and site.
constexpr size_t kMementoBytes = 16;
constexpr size_t kWordBytes = sizeof(uintptr_t);

template <typename Value>
Value Read(uintptr_t address) {
  return *reinterpret_cast<const Value*>(address);
}

bool IsPointer(uintptr_t value) {
  return value >= 0x10000 && value % kWordBytes == 0;
}

/// @return the size that the map of the object says; 0 when it cannot be told.
size_t InstanceBytes(uintptr_t object) {
  static const auto size_in_words =
      FindV8Constant("v8dbg_class_Map__instance_size_in_words__char");
  if (!size_in_words || !Internals::HasHeapObjectTag(object)) return 0;
  const auto map = Read<uintptr_t>(object - 1);
  if (!Internals::HasHeapObjectTag(map)) return 0;
  return Read<uint8_t>(map - 1 + *size_in_words) * kWordBytes;
}

/// @return the type of a heap object, as V8 numbers them; nothing when it
/// cannot be told.
std::optional<uint16_t> TypeOf(uintptr_t object) {
  if (!Internals::HasHeapObjectTag(object) ||
      !Internals::HasHeapObjectTag(Read<uintptr_t>(object - 1)))
    return {};
  return Internals::GetInstanceType(object);
}

#if V8_MAJOR_VERSION < 13
/// By the flags of the page it is on: they say which half of the young
/// generation that belongs to.
bool IsYoung(uintptr_t object) {
  constexpr uintptr_t kPageBytes = uintptr_t{256} << 10;
  constexpr uintptr_t kFlags = V8_MAJOR_VERSION < 12 ? kWordBytes : 0;
  constexpr uintptr_t kFromOrTo = 1 << 3 | 1 << 4;
  return Read<uintptr_t>((object & ~(kPageBytes - 1)) + kFlags) & kFromOrTo;
}
#endif

using Types = std::bitset<size_t{1} << 16>;

/// Programs have none of these.
Types FindTypesOfCompilers() {
  Types types;
  for (const char* name : {
           "v8dbg_type_BytecodeArray__BYTECODE_ARRAY_TYPE",
           "v8dbg_type_ClosureFeedbackCellArray__CLOSURE_FEEDBACK_CELL_ARRAY_"
           "TYPE",
           "v8dbg_type_Code__CODE_TYPE",
           "v8dbg_type_CodeWrapper__CODE_WRAPPER_TYPE",
           "v8dbg_type_DependentCode__DEPENDENT_CODE_TYPE",
           "v8dbg_type_FeedbackCell__FEEDBACK_CELL_TYPE",
           "v8dbg_type_FeedbackVector__FEEDBACK_VECTOR_TYPE",
           "v8dbg_type_InstructionStream__INSTRUCTION_STREAM_TYPE",
           "v8dbg_type_ProtectedFixedArray__PROTECTED_FIXED_ARRAY_TYPE",
           "v8dbg_type_ProtectedWeakFixedArray__PROTECTED_WEAK_FIXED_ARRAY_"
           "TYPE",
           "v8dbg_type_TrustedByteArray__TRUSTED_BYTE_ARRAY_TYPE",
           "v8dbg_type_TrustedFixedArray__TRUSTED_FIXED_ARRAY_TYPE",
           "v8dbg_type_TrustedWeakFixedArray__TRUSTED_WEAK_FIXED_ARRAY_TYPE",
       }) {
    // Each version has its own.
    if (const auto type = FindV8Constant(name)) types.set(*type);
  }
  return types;
}

/// @param elements what has a length in its second word, as all that this is
/// asked of.
std::optional<size_t> BytesOfElements(uintptr_t elements) {
  static const auto length_offset =
      FindV8Constant("v8dbg_class_FixedArrayBase__length__SMI");
  if (!length_offset) return {};
  constexpr int kSmiShift = 32;
  const auto length =
      Read<uintptr_t>(elements - 1 + *length_offset) >> kSmiShift;
  return (2 + length) * kWordBytes;
}

/// @return the size of the elements of an array; nothing for other objects.
std::optional<size_t> ElementsBytes(uintptr_t object) {
  static const auto array_type =
      FindV8Constant("v8dbg_type_JSArray__JS_ARRAY_TYPE");
  static const auto elements_offset =
      FindV8Constant("v8dbg_class_JSObject__elements__Object");
  if (!array_type || !elements_offset || TypeOf(object) != *array_type)
    return {};
  const auto elements = Read<uintptr_t>(object - 1 + *elements_offset);
  if (!Internals::HasHeapObjectTag(elements)) return {};
  return BytesOfElements(elements);
}

/// @param type a string's.
/// @return nothing where its characters are elsewhere.
std::optional<size_t> CharactersBytes(uintptr_t string, uint16_t type) {
  static const auto representation_mask =
      FindV8Constant("v8dbg_StringRepresentationMask");
  static const auto sequential = FindV8Constant("v8dbg_SeqStringTag");
  static const auto encoding_mask = FindV8Constant("v8dbg_StringEncodingMask");
  static const auto one_byte = FindV8Constant("v8dbg_OneByteStringTag");
  static const auto length_offset =
      FindV8Constant("v8dbg_class_String__length__int32_t");
  static const auto begin =
      FindV8Constant("v8dbg_class_SeqOneByteString__chars__char");
  if (!representation_mask || !sequential || !encoding_mask || !one_byte ||
      !length_offset || !begin ||
      (type & *representation_mask) != *sequential) {
    return {};
  }
  const size_t length = Read<uint32_t>(string - 1 + *length_offset);
  const bool is_one_byte = (type & *encoding_mask) == *one_byte;
  const size_t bytes = *begin + (is_one_byte ? length : 2 * length);
  return (bytes + kWordBytes - 1) / kWordBytes * kWordBytes;
}

/// @return the size of what V8 may make shorter after it was allocated; nothing
/// for other objects.
std::optional<size_t> ShortenedBytes(uintptr_t object) {
  static const auto nonstring_type = FindV8Constant("v8dbg_FirstNonstringType");
  static const auto array_type =
      FindV8Constant("v8dbg_type_FixedArray__FIXED_ARRAY_TYPE");
  static const auto double_array_type =
      FindV8Constant("v8dbg_type_FixedDoubleArray__FIXED_DOUBLE_ARRAY_TYPE");
  const auto type = TypeOf(object);
  if (!type) return {};
  if (nonstring_type && *type < *nonstring_type)
    return CharactersBytes(object, *type);
  if (type == array_type || type == double_array_type)
    return BytesOfElements(object);
  return {};
}

}  // namespace

SampleBlock::SampleBlock(const std::vector<uintptr_t>& blocks) {
  auto samples = object_sampler::LiveObjects();
  std::erase_if(samples, [&](const auto& sample) {
    return sample.index >= blocks.size();
  });
  if (samples.empty()) return;
  for (size_t at = 0; at < Sample::kBlockBytes; at += kWordBytes) {
    size_t sizes = 0;
    std::set<uintptr_t> pointers;
    for (const auto& sample : samples) {
      const auto word = Read<uintptr_t>(blocks[sample.index] + at);
      if (word == sample.size_bytes) ++sizes;
      if (IsPointer(word)) pointers.insert(word);
    }
    if (sizes == samples.size()) size_offset_ = at;
    // Of the pointers in it, only that to its handle is each sample's own.
    if (pointers.size() < samples.size()) continue;
    size_t objects = 0;
    for (const auto& sample : samples) {
      const auto handle = Read<uintptr_t>(blocks[sample.index] + at);
      if (InstanceBytes(Read<uintptr_t>(handle)) == sample.size_bytes)
        ++objects;
    }
    // But for the few that are no plain objects.
    if (objects * 10 >= samples.size() * 9) handle_offset_ = at;
  }
}

size_t SampleBlock::AllocatedBytes(uintptr_t block) const {
  return Read<size_t>(block + *size_offset_);
}

uintptr_t SampleBlock::ObjectOf(uintptr_t block) const {
  if (!handle_offset_) return 0;
  const auto handle = Read<uintptr_t>(block + *handle_offset_);
  return IsPointer(handle) ? Read<uintptr_t>(handle) : 0;
}

void SampleBlock::ForgetObject(uintptr_t block) const {
  if (handle_offset_)
    *reinterpret_cast<uintptr_t*>(block + *handle_offset_) = 0;
}

bool SampleBlock::IsOfCompilers(uintptr_t block) const {
  static const Types types = FindTypesOfCompilers();
  const uintptr_t object = ObjectOf(block);
  const auto type = TypeOf(object);
  if (!type) return false;
#if V8_MAJOR_VERSION < 13
  // The tables of code have the type of a small typed array's bytes, but are
  // not made in the young generation.
  static const auto byte_array_type =
      FindV8Constant("v8dbg_type_ByteArray__BYTE_ARRAY_TYPE");
  if (type == byte_array_type) return !IsYoung(object);
#endif
  return types[*type];
}

SampleBlock::ObjectSize SampleBlock::SizeOf(uintptr_t block) const {
  static const auto buffer_type =
      FindV8Constant("v8dbg_type_JSArrayBuffer__JS_ARRAY_BUFFER_TYPE");
  const uintptr_t object = ObjectOf(block);
  const size_t instance = InstanceBytes(object);
  const size_t allocated = AllocatedBytes(block);
  if (instance == 0) {
    const size_t bytes = ShortenedBytes(object).value_or(allocated);
    return {allocated, allocated - std::min(allocated, bytes)};
  }
  if (allocated < instance + kMementoBytes) return {allocated, 0};
  // With the buffer of a small typed array V8 asks for another object's bytes,
  // which it then does not make.
  if (TypeOf(object) == buffer_type) return {instance, 0};
  if (allocated == instance + kMementoBytes) return {allocated, kMementoBytes};
  const auto elements = ElementsBytes(object);
  if (!elements) return {allocated, 0};
  // What the array has outgrown is garbage: others were allocated since then.
  const size_t kept =
      instance + *elements <= allocated ? instance + *elements : instance;
  return {allocated, allocated - kept};
}

}  // namespace memray_mocha
