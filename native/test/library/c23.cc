// C23's deallocators for a glibc that lacks them: part of the test program,
// whose hooks call them, and a library, in which others find them.

#include "test/library/c23.h"

void free_sized(void* address, size_t) { free(address); }
void free_aligned_sized(void* address, size_t, size_t) { free(address); }
