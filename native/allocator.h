#ifndef NATIVE_ALLOCATOR_H_
#define NATIVE_ALLOCATOR_H_

#include <cstdint>

namespace memray_mocha {

/// How a piece of memory came to be. The values are those of
/// docs/capture-format.md.
enum class Allocator : uint8_t {
  kMalloc = 1,
  kCalloc = 2,
  kRealloc = 3,
  kReallocarray = 4,
  kPosixMemalign = 5,
  kAlignedAlloc = 6,
  kMemalign = 7,
  kValloc = 8,
  kPvalloc = 9,
  kOperatorNew = 10,
  kMmap = 16,
  kMremap = 17,
  kMprotect = 18,
};

}  // namespace memray_mocha

#endif  // NATIVE_ALLOCATOR_H_
