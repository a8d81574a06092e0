#ifndef NATIVE_JS_HEAP_SAMPLE_BLOCK_H_
#define NATIVE_JS_HEAP_SAMPLE_BLOCK_H_

#include <cstddef>
#include <cstdint>
#include <optional>
#include <vector>

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
    /// arrays and strings shorter, and gives arrays that grow other elements.
    size_t dropped_bytes;
  };
  /// The object must live, and this be its isolate's thread.
  ObjectSize SizeOf(uintptr_t block) const;
  /// The object has died, and its handle may be another's by now.
  void ForgetObject(uintptr_t block) const;
  /// @return whether V8 made the object for its compilers: code, what belongs
  /// to code, and what V8 learns in order to compile. Where a function has run
  /// often enough, V8 does that in the midst of the program's work. As above.
  bool IsOfCompilers(uintptr_t block) const;

 private:
  /// @return 0 when it is not known.
  uintptr_t ObjectOf(uintptr_t block) const;

  std::optional<size_t> size_offset_;
  std::optional<size_t> handle_offset_;
};

}  // namespace memray_mocha

#endif  // NATIVE_JS_HEAP_SAMPLE_BLOCK_H_
