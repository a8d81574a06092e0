#ifndef NATIVE_JS_HEAP_OBJECT_LAYOUT_H_
#define NATIVE_JS_HEAP_OBJECT_LAYOUT_H_

#include <cstddef>
#include <cstdint>
#include <optional>

namespace memray_mocha {

/// How V8 lays objects out, as far as it tells debuggers (`v8dbg_...`). All by
/// reading alone: also while V8 allocates, or collects garbage. An object is
/// its address as V8 has it, with its tag.
namespace object_layout {

constexpr int kNoType = -2;
/// @return as V8 numbers them; kNoType when it cannot be told.
int TypeOf(uintptr_t object);

/// @return the size that the object's map says; 0 where each object has its
/// own, or it cannot be told.
size_t InstanceBytes(uintptr_t object);

// For an object and its type.

/// @return what the object takes now: V8 makes arrays, strings, numbers and
/// objects smaller where they are. Nothing when it cannot be told.
std::optional<size_t> BytesOf(uintptr_t object, int type);

/// @return an array's; 0 for other objects.
uintptr_t ElementsOf(uintptr_t object, int type);
bool IsArrayBuffer(int type);
bool IsByteArray(int type);
/// Whether objects of that type are strings whose characters another string
/// has: the collector puts that one in their place.
bool IsIndirectString(int type);
/// Whether V8 made the object for its compilers: code, what belongs to code,
/// and what V8 learns in order to compile.
bool IsOfCompilers(uintptr_t object, int type);

/// What stands behind an object that V8 has made smaller.
class Remainders {
 public:
  Remainders() = default;
  /// Has V8 make some, to know them by.
  static Remainders Find();

  /// @param address where an object ends, with its tag, in the same allocation,
  /// which is none of V8's large objects: behind those there is none.
  bool IsUnused(uintptr_t address) const;
  /// Whether there is a number, of two words. As above.
  bool IsNumber(uintptr_t address) const;
  /// JSON.parse allocates the numbers of an object as one array of bytes, then
  /// makes that empty, with them behind it, and leaves it to die.
  /// @param object with bytes behind its first two words.
  /// @return the address of the first number; 0 where there is none.
  uintptr_t FindJsonNumbers(uintptr_t object) const;

 private:
  uintptr_t one_word_map_ = 0;
  uintptr_t two_words_map_ = 0;
  uintptr_t more_words_map_ = 0;
  uintptr_t number_map_ = 0;
};

/// What is allocated at once is no larger but for one object alone.
constexpr size_t kMaxRegularBytes = size_t{128} << 10;

}  // namespace object_layout
}  // namespace memray_mocha

#endif  // NATIVE_JS_HEAP_OBJECT_LAYOUT_H_
