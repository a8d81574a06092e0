#ifndef NATIVE_TEST_LIBRARY_C23_H_
#define NATIVE_TEST_LIBRARY_C23_H_

#include <stdlib.h>

// glibc has them from 2.43 on; with an older one c23.cc stands in.
extern "C" {
void free_sized(void* address, size_t size);
void free_aligned_sized(void* address, size_t alignment, size_t size);
}

#endif  // NATIVE_TEST_LIBRARY_C23_H_
