// A program's library: calls each intercepted function once, through its own
// slots. Compiled by itself, in several ways of linking; see binding.gyp.

#include <dlfcn.h>
#include <malloc.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>

#include <new>

#include "test/library/c23.h"

#define EXPORT extern "C" [[gnu::visibility("default")]]

EXPORT void* call_malloc(size_t size) { return malloc(size); }
EXPORT void* call_calloc(size_t count, size_t size) {
  return calloc(count, size);
}
EXPORT void* call_realloc(void* address, size_t size) {
  return realloc(address, size);
}
EXPORT void* call_reallocarray(void* address, size_t count, size_t size) {
  return reallocarray(address, count, size);
}
EXPORT void call_free(void* address) { free(address); }
EXPORT void call_free_sized(void* address, size_t size) {
  free_sized(address, size);
}
EXPORT void call_free_aligned_sized(void* address, size_t alignment,
                                    size_t size) {
  free_aligned_sized(address, alignment, size);
}
EXPORT int call_posix_memalign(void** result, size_t alignment, size_t size) {
  return posix_memalign(result, alignment, size);
}
EXPORT void* call_aligned_alloc(size_t alignment, size_t size) {
  return aligned_alloc(alignment, size);
}
EXPORT void* call_memalign(size_t alignment, size_t size) {
  return memalign(alignment, size);
}
EXPORT void* call_valloc(size_t size) { return valloc(size); }
EXPORT void* call_pvalloc(size_t size) { return pvalloc(size); }

EXPORT void* call_new(size_t size) { return ::operator new(size); }
EXPORT void* call_new_array(size_t size) { return ::operator new[](size); }
EXPORT void* call_new_nothrow(size_t size) {
  return ::operator new(size, std::nothrow);
}
EXPORT void* call_new_array_nothrow(size_t size) {
  return ::operator new[](size, std::nothrow);
}
EXPORT void* call_new_aligned(size_t size, size_t alignment) {
  return ::operator new(size, std::align_val_t(alignment));
}
EXPORT void* call_new_array_aligned(size_t size, size_t alignment) {
  return ::operator new[](size, std::align_val_t(alignment));
}
EXPORT void* call_new_aligned_nothrow(size_t size, size_t alignment) {
  return ::operator new(size, std::align_val_t(alignment), std::nothrow);
}
EXPORT void* call_new_array_aligned_nothrow(size_t size, size_t alignment) {
  return ::operator new[](size, std::align_val_t(alignment), std::nothrow);
}
EXPORT void call_delete(void* address) { ::operator delete(address); }
EXPORT void call_delete_aligned(void* address, size_t alignment) {
  ::operator delete(address, std::align_val_t(alignment));
}
EXPORT bool call_new_that_throws(size_t size) {
  try {
    return ::operator new(size) == nullptr;
  } catch (const std::bad_alloc&) {
    return true;
  }
}

EXPORT void* call_strdup(const char* text) { return strdup(text); }
/// @return the line, in place of a block that is too small for it.
EXPORT void* call_getline(void* block, size_t size, const char* text) {
  FILE* file = fmemopen(const_cast<char*>(text), strlen(text), "r");
  auto* line = static_cast<char*>(block);
  if (getline(&line, &size, file) < 0) return nullptr;
  fclose(file);
  return line;
}

EXPORT void* call_mmap(void* hint, size_t size, int protection, int flags) {
  return mmap(hint, size, protection, flags, -1, 0);
}
EXPORT void* call_mmap64(void* hint, size_t size, int protection, int flags) {
  return mmap64(hint, size, protection, flags, -1, 0);
}
EXPORT int call_munmap(void* address, size_t size) {
  return munmap(address, size);
}
EXPORT void* call_mremap(void* address, size_t old_size, size_t new_size,
                         int flags) {
  return mremap(address, old_size, new_size, flags);
}
EXPORT void* call_mremap_to(void* address, size_t size, void* new_address) {
  return mremap(address, size, size, MREMAP_MAYMOVE | MREMAP_FIXED,
                new_address);
}
EXPORT int call_mprotect(void* address, size_t size, int protection) {
  return mprotect(address, size, protection);
}
EXPORT void* call_dlopen(const char* file) { return dlopen(file, RTLD_LAZY); }
EXPORT int call_dlclose(void* library) { return dlclose(library); }

// Pointers in data, as OpenSSL and libuv keep them: R_X86_64_64 relocations.
using Allocate = void* (*)(size_t);
EXPORT Allocate const allocate_in_constant = malloc;
EXPORT Allocate allocate_in_variable = malloc;
EXPORT Allocate replaced_allocate = malloc;
EXPORT Allocate cleared_allocate = malloc;

EXPORT void* call_allocate_in_constant(size_t size) {
  const volatile Allocate allocate = allocate_in_constant;
  return allocate(size);
}
EXPORT void* call_allocate_in_variable(size_t size) {
  const volatile Allocate allocate = allocate_in_variable;
  return allocate(size);
}
// Through the GOT: R_X86_64_GLOB_DAT.
EXPORT Allocate address_of_malloc() { return malloc; }
