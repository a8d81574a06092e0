// Two libraries of one layout, so that the second fits where the first was: one
// has a slot of malloc, the other, compiled without it, its own function there.

#include <stdlib.h>

#ifdef CALLS_MALLOC
#define ALLOCATE malloc
#else
extern "C" [[gnu::visibility("default")]] void* own_malloc(size_t) {
  return nullptr;
}
#define ALLOCATE own_malloc
#endif

extern "C" [[gnu::visibility("default")]] void* allocate(size_t size) {
  return ALLOCATE(size);
}
extern "C" [[gnu::visibility("default")]] char padding[65536] = {1};
