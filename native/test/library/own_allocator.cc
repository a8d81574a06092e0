// An allocator that only who is opened with RTLD_DEEPBIND calls.

#include <stddef.h>

extern "C" {

void* malloc(size_t) {
  static char block[64];
  return block;
}
void free(void*) {}
}
