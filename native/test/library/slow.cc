// Takes its time while it is relocated, when malloc's slot is filled in
// already.

#include <stdlib.h>
#include <sys/syscall.h>
#include <time.h>

extern "C" {

static int ReturnOne() { return 1; }

/// Run by the dynamic linker, which has not bound all functions yet.
static int (*Resolve())() {
  const timespec time{0, 200'000'000};
  long result;
  asm volatile("syscall"
               : "=a"(result)
               : "a"(SYS_nanosleep), "D"(&time), "S"(nullptr)
               : "rcx", "r11", "memory");
  return ReturnOne;
}

[[gnu::ifunc("Resolve")]] static int Resolved();

[[gnu::visibility("default")]] int call_resolved() { return Resolved(); }

[[gnu::visibility("default")]] void* call_malloc_slow(size_t size) {
  return malloc(size);
}
}
