// Loaded while the hooks are in place already.

#include <stdlib.h>

extern "C" [[gnu::visibility("default")]] void* call_malloc_late(size_t size) {
  return malloc(size);
}
