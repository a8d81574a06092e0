#ifndef NATIVE_INTERPOSITION_HOOKS_H_
#define NATIVE_INTERPOSITION_HOOKS_H_

#include <dlfcn.h>
#include <malloc.h>
#include <stdlib.h>
#include <sys/mman.h>
#include <sys/types.h>

// C23's deallocators, which glibc has only from 2.43 on: weak, so that this
// module loads without them. Nothing calls the hooks where they are missing.
extern "C" {
[[gnu::weak]] void free_sized(void* address, size_t size);
[[gnu::weak]] void free_aligned_sized(void* address, size_t alignment,
                                      size_t size);
// operator new and new[], plain, aligned and nothrow, by their mangled names,
// which are what relocations know them by. The matching operator delete reaches
// free through libstdc++'s own slots; operator new would reach malloc and
// aligned_alloc, too, but then every C++ allocation's immediate caller would be
// libstdc++, which rounds the size of aligned ones up.
void* _Znwm(size_t size);
void* _Znam(size_t size);
void* _ZnwmRKSt9nothrow_t(size_t size, const void* tag);
void* _ZnamRKSt9nothrow_t(size_t size, const void* tag);
void* _ZnwmSt11align_val_t(size_t size, size_t alignment);
void* _ZnamSt11align_val_t(size_t size, size_t alignment);
void* _ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment,
                                         const void* tag);
void* _ZnamSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment,
                                         const void* tag);
}

/// The intercepted functions that give or take a block of the allocator.
/// V(return type, name, parameters)
#define MEMRAY_MOCHA_BLOCK_HOOKS(V)                                           \
  V(void*, malloc, (size_t size))                                             \
  V(void*, calloc, (size_t count, size_t size))                               \
  V(void*, realloc, (void* address, size_t size))                             \
  V(void*, reallocarray, (void* address, size_t count, size_t size))          \
  V(void, free, (void* address))                                              \
  V(void, free_sized, (void* address, size_t size))                           \
  V(void, free_aligned_sized, (void* address, size_t alignment, size_t size)) \
  V(int, posix_memalign, (void** result, size_t alignment, size_t size))      \
  V(void*, aligned_alloc, (size_t alignment, size_t size))                    \
  V(void*, memalign, (size_t alignment, size_t size))                         \
  V(void*, valloc, (size_t size))                                             \
  V(void*, pvalloc, (size_t size))                                            \
  V(void*, _Znwm, (size_t size))                                              \
  V(void*, _Znam, (size_t size))                                              \
  V(void*, _ZnwmRKSt9nothrow_t, (size_t size, const void* tag))               \
  V(void*, _ZnamRKSt9nothrow_t, (size_t size, const void* tag))               \
  V(void*, _ZnwmSt11align_val_t, (size_t size, size_t alignment))             \
  V(void*, _ZnamSt11align_val_t, (size_t size, size_t alignment))             \
  V(void*, _ZnwmSt11align_val_tRKSt9nothrow_t,                                \
    (size_t size, size_t alignment, const void* tag))                         \
  V(void*, _ZnamSt11align_val_tRKSt9nothrow_t,                                \
    (size_t size, size_t alignment, const void* tag))

/// The others.
#define MEMRAY_MOCHA_OTHER_HOOKS(V)                                \
  V(void*, mmap,                                                   \
    (void* hint, size_t size, int protection, int flags, int file, \
     off_t offset))                                                \
  V(void*, mmap64,                                                 \
    (void* hint, size_t size, int protection, int flags, int file, \
     off64_t offset))                                              \
  V(int, munmap, (void* address, size_t size))                     \
  V(void*, mremap,                                                 \
    (void* address, size_t old_size, size_t new_size, int flags,   \
     void* new_address))                                           \
  V(int, mprotect, (void* address, size_t size, int protection))   \
  V(void*, dlopen, (const char* filename, int flags))              \
  V(int, dlclose, (void* library))

/// The one list of intercepted functions: declared, defined and installed from
/// it. Those of blocks come first.
#define MEMRAY_MOCHA_HOOKS(V) \
  MEMRAY_MOCHA_BLOCK_HOOKS(V) \
  MEMRAY_MOCHA_OTHER_HOOKS(V)

namespace memray_mocha::hooks {

#define MEMRAY_MOCHA_DECLARE_HOOK(result, name, parameters) \
  result name parameters;
MEMRAY_MOCHA_HOOKS(MEMRAY_MOCHA_DECLARE_HOOK)
#undef MEMRAY_MOCHA_DECLARE_HOOK

}  // namespace memray_mocha::hooks

#endif  // NATIVE_INTERPOSITION_HOOKS_H_
