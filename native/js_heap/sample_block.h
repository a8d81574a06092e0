#ifndef NATIVE_JS_HEAP_SAMPLE_BLOCK_H_
#define NATIVE_JS_HEAP_SAMPLE_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

#include "js_heap/object_layout.h"
#include "live_samples.h"

namespace memray_mocha {

/// Where V8's object sampler notes what in the block that it allocates for each
/// sample. V8 does not publish this: it is found out by sampling objects whose
/// sizes are known, and what does not show is not used.
class SampleBlock {
 public:
  /// @param blocks in the order of their samples, which are those that V8's
  /// sampler has now.
  explicit SampleBlock(const std::vector<uintptr_t>& blocks);
  SampleBlock() = default;

  /// Whether it was found out where an object's size is.
  bool IsKnown() const { return size_offset_.has_value(); }
  /// @return the bytes that were asked for when the sampled object was
  /// allocated. The block must be complete and not freed.
  size_t AllocatedBytes(uintptr_t block) const;
  struct ObjectSize {
    /// What V8 allocated for it in the end.
    size_t bytes;
    /// The part of them that is not live with the object: what V8's interpreter
    /// allocates behind a literal to learn how long that lives, and dies soon;
    /// and what the object has had so far, and does not have any more: V8 makes
    /// what it allocated smaller, and gives arrays that grow other elements.
    size_t dropped_bytes;
    ShrinkingPart part;
  };
  /// To be called before V8 moves the object; then what was allocated with it
  /// is next to it. The object must live, and this be its isolate's thread.
  ObjectSize SizeOf(uintptr_t block) const;
  /// @param before as of SizeOf, or the last time.
  /// @return what has become of it. Where the collector has put another object
  /// in its place, or its array has other elements, nothing is left. As above,
  /// but that V8 may have moved it.
  ShrinkingPart PartNow(uintptr_t block, const ShrinkingPart& before) const;
  /// Whether it may be what JSON.parse makes numbers of.
  bool MayBecomeNumbers(uintptr_t block) const;
  /// Where it has become that, the sample's object is the first of them from
  /// here on: they live as long as each other.
  /// @return what was allocated in front of them, which is dead; else 0.
  size_t TakeNumbers(uintptr_t block) const;
  /// The object has died, and its handle may be another's by now.
  void ForgetObject(uintptr_t block) const;
  /// See object_layout::IsOfCompilers. Where a function has run often enough,
  /// V8 compiles in the midst of the program's work. As above.
  bool IsOfCompilers(uintptr_t block) const;

 private:
  /// @return 0 when it is not known.
  uintptr_t ObjectOf(uintptr_t block) const;

  std::optional<size_t> size_offset_;
  std::optional<size_t> handle_offset_;
  object_layout::Remainders remainders_;
};

}  // namespace memray_mocha

#endif  // NATIVE_JS_HEAP_SAMPLE_BLOCK_H_
