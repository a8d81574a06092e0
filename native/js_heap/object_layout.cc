#include "js_heap/object_layout.h"

#include <v8-internal.h>
#include <v8-version.h>
#include <v8.h>

#include <algorithm>
#include <array>
#include <bitset>
#include <cstring>

#include "v8_constants.h"

namespace memray_mocha::object_layout {
namespace {

using v8::internal::Internals;

constexpr size_t kWordBytes = sizeof(uintptr_t);
/// Map, and length or bit field.
constexpr size_t kHeaderBytes = 2 * kWordBytes;

/// @param at as V8 has it, with its tag.
template <typename Value>
Value Read(uintptr_t at, size_t offset = 0) {
  return *reinterpret_cast<const Value*>(at - v8::internal::kHeapObjectTag +
                                         offset);
}

uintptr_t MapOf(uintptr_t object) { return Read<uintptr_t>(object); }

size_t RoundUp(size_t bytes) {
  return (bytes + kWordBytes - 1) / kWordBytes * kWordBytes;
}

/// What V8 tells: the offsets of fields, the numbers of types, and the bits of
/// strings' types.
struct Constants {
  static constexpr int kUnknown = -1;
  static int Find(const char* name) {
    return FindV8Constant(name).value_or(kUnknown);
  }

  const int instance_words =
      Find("v8dbg_class_Map__instance_size_in_words__char");
  const int array_length = Find("v8dbg_class_FixedArrayBase__length__SMI");
  const int elements = Find("v8dbg_class_JSObject__elements__Object");
  const int string_length = Find("v8dbg_class_String__length__int32_t");
  const int characters = Find("v8dbg_class_SeqOneByteString__chars__char");

  const int js_array = Find("v8dbg_type_JSArray__JS_ARRAY_TYPE");
  const int js_array_buffer =
      Find("v8dbg_type_JSArrayBuffer__JS_ARRAY_BUFFER_TYPE");
  const int fixed_array = Find("v8dbg_type_FixedArray__FIXED_ARRAY_TYPE");
  const int double_array =
      Find("v8dbg_type_FixedDoubleArray__FIXED_DOUBLE_ARRAY_TYPE");
  const int byte_array = Find("v8dbg_type_ByteArray__BYTE_ARRAY_TYPE");
  const int weak_array_list =
      Find("v8dbg_type_WeakArrayList__WEAK_ARRAY_LIST_TYPE");
  const int first_non_string = Find("v8dbg_FirstNonstringType");

  const int representation_mask = Find("v8dbg_StringRepresentationMask");
  const int sequential = Find("v8dbg_SeqStringTag");
  const int cons = Find("v8dbg_ConsStringTag");
  const int thin = Find("v8dbg_ThinStringTag");
  const int encoding_mask = Find("v8dbg_StringEncodingMask");
  const int one_byte = Find("v8dbg_OneByteStringTag");
  const bool knows_strings =
      std::min({string_length, characters, first_non_string,
                representation_mask, sequential, cons, thin, encoding_mask,
                one_byte}) != kUnknown;
};

const Constants& V8Constants() {
  static const Constants constants;
  return constants;
}

std::optional<uint32_t> LengthOf(uintptr_t object) {
  const int offset = V8Constants().array_length;
  if (offset == Constants::kUnknown) return {};
  constexpr int kSmiShift = 32;
  return static_cast<uint32_t>(Read<uintptr_t>(object, offset) >> kSmiShift);
}

bool IsString(int type) {
  const Constants& v8 = V8Constants();
  return v8.knows_strings && type < v8.first_non_string;
}

/// @return nothing where its characters are elsewhere.
std::optional<size_t> CharactersBytes(uintptr_t string, int type) {
  const Constants& v8 = V8Constants();
  if ((type & v8.representation_mask) != v8.sequential) return {};
  const size_t length = Read<uint32_t>(string, v8.string_length);
  const bool is_one_byte = (type & v8.encoding_mask) == v8.one_byte;
  return RoundUp(v8.characters + (is_one_byte ? length : 2 * length));
}

// A handle is the address of a slot that has the object.
static_assert(sizeof(v8::Local<v8::Value>) == sizeof(uintptr_t*));

v8::Local<v8::Value> HandleOf(const uintptr_t* slot) {
  v8::Local<v8::Value> value;
  std::memcpy(static_cast<void*>(&value), &slot, sizeof(slot));
  return value;
}

uintptr_t ObjectOf(v8::Local<v8::Value> value) {
  const uintptr_t* slot;
  std::memcpy(&slot, static_cast<void*>(&value), sizeof(slot));
  return *slot;
}

/// V8 has no number for these where debuggers find it.
std::optional<size_t> BigIntBytes(uintptr_t object) {
  const auto value = HandleOf(&object);
  if (!value->IsBigInt()) return {};
  const auto words = static_cast<size_t>(value.As<v8::BigInt>()->WordCount());
  return kHeaderBytes + words * kWordBytes;
}

#if V8_MAJOR_VERSION < 13
/// By the flags of the page it is on: they say which half of the young
/// generation that belongs to.
bool IsYoung(uintptr_t object) {
  constexpr uintptr_t kPageBytes = uintptr_t{256} << 10;
  constexpr size_t kFlags = V8_MAJOR_VERSION < 12 ? kWordBytes : 0;
  constexpr uintptr_t kFromOrTo = 1 << 3 | 1 << 4;
  const uintptr_t page = object & ~(kPageBytes - 1);
  return *reinterpret_cast<const uintptr_t*>(page + kFlags) & kFromOrTo;
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

const Types& TypesOfCompilers() {
  static const Types types = FindTypesOfCompilers();
  return types;
}

/// @param list a WeakArrayList: V8 has them of the code that depends on a map,
/// and of the maps that depend on a prototype, which is the program's doing.
bool IsOfCode(uintptr_t list) {
  constexpr size_t kFirst = 3 * kWordBytes;  // behind capacity and length
  constexpr uintptr_t kTags = v8::internal::kHeapObjectTagMask;
  const auto first = Read<uintptr_t>(list, kFirst);
  const uintptr_t address = first & ~kTags;
  if ((first & kTags) != v8::internal::kWeakHeapObjectTag) return false;
  // One that has died leaves the tag.
  const bool is_cleared = static_cast<uint32_t>(address) == 0;
  const int type =
      is_cleared ? kNoType : TypeOf(address | v8::internal::kHeapObjectTag);
  return type == kNoType || TypesOfCompilers()[type];
}

}  // namespace

int TypeOf(uintptr_t object) {
  if (!Internals::HasHeapObjectTag(object) ||
      !Internals::HasHeapObjectTag(MapOf(object)))
    return kNoType;
  return Internals::GetInstanceType(object);
}

size_t InstanceBytes(uintptr_t object) {
  const int offset = V8Constants().instance_words;
  if (offset == Constants::kUnknown || TypeOf(object) == kNoType) return 0;
  return Read<uint8_t>(MapOf(object), offset) * kWordBytes;
}

std::optional<size_t> BytesOf(uintptr_t object, int type) {
  if (type == kNoType) return {};
  const Constants& v8 = V8Constants();
  if (const size_t bytes = InstanceBytes(object)) return bytes;
  if (IsString(type)) return CharactersBytes(object, type);
  if (type == v8.fixed_array || type == v8.double_array) {
    const auto length = LengthOf(object);
    if (!length) return {};
    return kHeaderBytes + *length * kWordBytes;
  }
  return BigIntBytes(object);
}

uintptr_t ElementsOf(uintptr_t object, int type) {
  const Constants& v8 = V8Constants();
  if (type != v8.js_array || v8.elements == Constants::kUnknown) return 0;
  return Read<uintptr_t>(object, v8.elements);
}

bool IsArrayBuffer(int type) { return type == V8Constants().js_array_buffer; }

bool IsByteArray(int type) { return type == V8Constants().byte_array; }

bool IsIndirectString(int type) {
  const Constants& v8 = V8Constants();
  const int representation = type & v8.representation_mask;
  return IsString(type) &&
         (representation == v8.cons || representation == v8.thin);
}

bool IsOfCompilers(uintptr_t object, int type) {
  if (type == kNoType) return false;
  if (type == V8Constants().weak_array_list) return IsOfCode(object);
#if V8_MAJOR_VERSION < 13
  // The tables of code have the type of a small typed array's bytes, but are
  // not made in the young generation.
  if (IsByteArray(type)) return !IsYoung(object);
#endif
  return TypesOfCompilers()[type];
}

Remainders Remainders::Find() {
  // Looked up here, and not in a hook: to look for a symbol takes a lock.
  TypesOfCompilers();
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  const v8::HandleScope scope(isolate);
  // V8 allocates a number of as many words, and makes it smaller.
  const auto find_behind = [isolate](int unused_words) -> uintptr_t {
    constexpr std::array<uint64_t, 4> kWords{1};
    v8::Local<v8::BigInt> value;
    if (!v8::BigInt::NewFromWords(isolate->GetCurrentContext(), 0,
                                  1 + unused_words, kWords.data())
             .ToLocal(&value)) {
      return 0;
    }
    const auto object = ObjectOf(value);
    return Read<uintptr_t>(object, *BytesOf(object, TypeOf(object)));
  };
  Remainders found;
  found.one_word_map_ = find_behind(1);
  found.two_words_map_ = find_behind(2);
  found.more_words_map_ = find_behind(3);
  found.number_map_ = MapOf(ObjectOf(v8::Number::New(isolate, 0.5)));
  return found;
}

bool Remainders::IsUnused(uintptr_t address) const {
  const auto map = Read<uintptr_t>(address);
  return map == one_word_map_ || map == two_words_map_ ||
         map == more_words_map_;
}

bool Remainders::IsNumber(uintptr_t address) const {
  return Read<uintptr_t>(address) == number_map_;
}

uintptr_t Remainders::FindJsonNumbers(uintptr_t object) const {
  const uintptr_t first = object + kHeaderBytes;
  const bool is_empty = IsByteArray(TypeOf(object)) && LengthOf(object) == 0u;
  return is_empty && IsNumber(first) ? first : 0;
}

}  // namespace memray_mocha::object_layout
