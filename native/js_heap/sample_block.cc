#include "js_heap/sample_block.h"

#include <algorithm>
#include <set>

#include "js_heap/object_layout.h"
#include "js_heap/object_sampler.h"

namespace memray_mocha {
namespace {

/// An AllocationMemento: map and site.
constexpr size_t kMementoBytes = 16;
constexpr size_t kHeaderBytes = 16;  // of an array: map and length
constexpr size_t kWordBytes = sizeof(uintptr_t);

template <typename Value>
Value Read(uintptr_t address) {
  return *reinterpret_cast<const Value*>(address);
}

bool IsPointer(uintptr_t value) {
  return value >= 0x10000 && value % kWordBytes == 0;
}

/// @param bytes what the part takes now.
ShrinkingPart PartOf(size_t bytes, int type) {
  return {static_cast<uint32_t>(bytes / kWordBytes),
          static_cast<uint16_t>(type)};
}

}  // namespace

SampleBlock::SampleBlock(const std::vector<uintptr_t>& blocks) {
  auto samples = object_sampler::LiveObjects();
  std::erase_if(samples, [&](const auto& sample) {
    return sample.index >= blocks.size();
  });
  if (samples.empty()) return;
  remainders_ = object_layout::Remainders::Find();
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
      if (object_layout::InstanceBytes(Read<uintptr_t>(handle)) ==
          sample.size_bytes)
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
  const uintptr_t object = ObjectOf(block);
  return object_layout::IsOfCompilers(object, object_layout::TypeOf(object));
}

SampleBlock::ObjectSize SampleBlock::SizeOf(uintptr_t block) const {
  using namespace object_layout;
  const uintptr_t object = ObjectOf(block);
  const size_t allocated = AllocatedBytes(block);
  const int type = TypeOf(object);
  const auto own = BytesOf(object, type);
  // With the buffer of a small typed array V8 asks for another object's bytes,
  // which it then does not make.
  if (own && IsArrayBuffer(type)) return {*own, 0, {}};
  if (!own || *own >= allocated)
    return {allocated, 0, PartOf(std::min(own.value_or(0), allocated), type)};
  const uintptr_t end = object + *own;
  if (const uintptr_t elements = ElementsOf(object, type)) {
    const bool is_there = end <= elements && elements < object + allocated;
    const int elements_type = TypeOf(elements);
    // Else the array has other elements by now.
    const size_t bytes =
        is_there ? BytesOf(elements, elements_type).value_or(0) : 0;
    const size_t kept = std::min(*own + bytes, allocated);
    return {allocated, allocated - kept, PartOf(kept - *own, elements_type)};
  }
  const bool is_smaller =
      (allocated == *own + kMementoBytes && !remainders_.IsNumber(end)) ||
      allocated > kMaxRegularBytes || remainders_.IsUnused(end);
  // Else other objects follow, which V8 allocated with it.
  return {allocated, is_smaller ? allocated - *own : 0, PartOf(*own, type)};
}

bool SampleBlock::MayBecomeNumbers(uintptr_t block) const {
  return AllocatedBytes(block) > kHeaderBytes &&
         object_layout::IsByteArray(object_layout::TypeOf(ObjectOf(block)));
}

size_t SampleBlock::TakeNumbers(uintptr_t block) const {
  const uintptr_t object = ObjectOf(block);
  const uintptr_t numbers = remainders_.FindJsonNumbers(object);
  if (numbers == 0) return 0;
  *reinterpret_cast<uintptr_t*>(Read<uintptr_t>(block + *handle_offset_)) =
      numbers;
  return numbers - object;
}

ShrinkingPart SampleBlock::PartNow(uintptr_t block,
                                   const ShrinkingPart& before) const {
  using namespace object_layout;
  if (before.words == 0) return before;
  uintptr_t part = ObjectOf(block);
  int type = TypeOf(part);
  if (type == kNoType) return before;
  const uintptr_t elements = type == before.type ? 0 : ElementsOf(part, type);
  if (elements != 0) {
    part = elements;
    type = TypeOf(part);
  }
  const auto bytes = BytesOf(part, type);
  const auto now = PartOf(bytes.value_or(0), type);
  // All empty arrays share V8's elements of none.
  const bool is_another =
      elements == 0 ? IsIndirectString(before.type) && !IsIndirectString(type)
                    : type != before.type || now.words > before.words ||
                          bytes == kHeaderBytes;
  if (is_another) return {0, now.type};
  if (!bytes) return before;
  return {std::min(now.words, before.words), now.type};
}

}  // namespace memray_mocha
