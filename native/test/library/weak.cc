// Asks whether a function is there before calling it, as programs do that are
// to run with an older glibc as well.

#include <stddef.h>

extern "C" [[gnu::weak]] void free_sized(void* address, size_t size);

extern "C" [[gnu::visibility("default")]] bool has_free_sized() {
  return free_sized != nullptr;
}
