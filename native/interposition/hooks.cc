#include "interposition/hooks.h"

#include <pthread.h>

#include <cerrno>
#include <cstdint>
#include <mutex>
#include <new>
#include <string>

#include "interposition/block_provider.h"
#include "interposition/hook_switches.h"
#include "interposition/installer.h"
#include "interposition/listener.h"
#include "interposition/reservations.h"
#include "recursion_guard.h"

// The calls to ::malloc and so on in this file are the real ones: the installer
// never patches the module it is in.

namespace memray_mocha {

void HookSwitches::TurnOn() {
  static std::once_flag is_prepared;
  std::call_once(is_prepared, [this] {
    if (::madvise(this, sizeof *this, MADV_WIPEONFORK) == 0) return;
    // Before Linux 4.14. Then it works for fork() only.
    pthread_atfork(nullptr, nullptr, [] { new (&hook_switches) HookSwitches; });
  });
  is_on = true;
}

namespace hooks {
namespace {

[[gnu::cold]] void TellOutOfMemory() {
  if (AllocationListener* listener = allocation_listener)
    listener->OnOutOfMemory();
}

/// Runs what is the tracker's work. The program must not see that it ran: errno
/// stays as it was, and where memory runs out the program may know what to do,
/// but not what to do about an exception of malloc.
template <typename Work>
[[gnu::always_inline]] inline void RunUnseen(Work work) {
  const int saved_errno = errno;
  {
    const RecursionGuard guard;
    try {
      work();
    } catch (const std::bad_alloc&) {
      TellOutOfMemory();
    }
  }
  errno = saved_errno;
}

/// Runs `report` with the listener in force, if there is one and this thread is
/// not working for the tracker itself.
template <typename Report>
[[gnu::always_inline]] inline void Notify(Report report) {
  AllocationListener* listener =
      allocation_listener.load(std::memory_order_acquire);
  if (listener == nullptr || RecursionGuard::IsActive()) [[likely]]
    return;
  RunUnseen([=] { report(listener); });
}

/// Whether to keep account of what this thread does now, listener or not.
bool IsOfProgram() {
  return hook_switches.is_on.load(std::memory_order_relaxed) &&
         !RecursionGuard::IsActive();
}

uintptr_t Value(const void* address) {
  return reinterpret_cast<uintptr_t>(address);
}

[[gnu::always_inline]] inline void* NotifyAllocation(void* address, size_t size,
                                                     Allocator allocator,
                                                     const void* caller) {
  const uintptr_t value = Value(address);
  Notify([=](AllocationListener* listener) {
    if (value) listener->OnAllocation(value, size, allocator, Value(caller));
  });
  return address;
}

/// Reported before the real deallocation: afterwards the address may be another
/// thread's.
[[gnu::always_inline]] inline void NotifyDeallocation(const void* address,
                                                      const void* caller) {
  Notify([=](AllocationListener* listener) {
    if (address) listener->OnDeallocation(Value(address), Value(caller));
  });
}

/// A reallocation is a deallocation and an allocation. When it fails the old
/// block, already reported gone, is reported again at its usable size: the
/// alternative, a lock held over the allocator's work, would cost every program
/// for what practically never happens.
template <typename Reallocate>
[[gnu::always_inline]] inline void* NotifyReallocation(void* address,
                                                       size_t size,
                                                       Allocator allocator,
                                                       const void* caller,
                                                       Reallocate reallocate) {
  NotifyDeallocation(address, caller);
  void* result = reallocate();
  if (!result && address && size != 0) {
    NotifyAllocation(address, malloc_usable_size(address), allocator, caller);
    return result;
  }
  return NotifyAllocation(result, size, allocator, caller);
}

/// For what calls another allocator by its slot, whose hook must not report the
/// block again.
template <typename Allocate>
[[gnu::always_inline]] inline void* AllocateQuietly(Allocate allocate) {
  if (allocation_listener.load(std::memory_order_relaxed) == nullptr) [[likely]]
    return allocate();
  RecursionGuard guard;
  return allocate();
}

/// libstdc++'s operator new calls malloc or aligned_alloc.
template <typename Allocate>
[[gnu::always_inline]] inline void* NotifyNew(size_t size, const void* caller,
                                              Allocate allocate) {
  return NotifyAllocation(AllocateQuietly(allocate), size,
                          Allocator::kOperatorNew, caller);
}

/// @return a block in place of the allocator's; nullptr for none.
[[gnu::always_inline]] inline void* Provide(size_t size, const void* caller) {
  BlockProvider* provider = block_provider.load(std::memory_order_acquire);
  if (provider == nullptr || RecursionGuard::IsActive()) [[likely]]
    return nullptr;
  void* block = nullptr;
  RunUnseen([&] { block = provider->Provide(size, Value(caller)); });
  return block;
}

/// @return whether it was a provided block. Whoever provides blocks knows when
/// they end: no listener is told.
[[gnu::always_inline]] inline bool TakeBack(void* address) {
  if (!BlockProvider::IsProvided(address)) [[likely]]
    return false;
  RunUnseen([=] { BlockProvider::Owner()->TakeBack(address); });
  return true;
}

// Never destroyed: other threads may still map memory while the process exits.
Reservations& ReservationLedger() {
  static Reservations& ledger = *new Reservations;
  return ledger;
}

constexpr size_t kPage = 4096;

/// Else munmap and mremap fail. The program has its memory still: a leak.
bool IsOfPage(const void* address) { return Value(address) % kPage == 0; }

Reservations::Range RangeOf(const void* address, size_t size) {
  const uintptr_t begin = Value(address);
  return {begin, begin + ((size + kPage - 1) & ~(kPage - 1))};
}

/// V8 gives every page of its heap and of its code a random address as a hint,
/// or maps its built-in code from Node's file, and nothing else in Node's
/// binary does either: these are the JS heap, not native memory.
bool IsPageOfV8Heap(const void* hint, int flags, const void* caller) {
  const bool is_file = !(flags & MAP_ANONYMOUS);
  return hint && (is_file || !(flags & MAP_FIXED)) &&
         installer::IsInV8Module(caller);
}

/// Whether a mapping is address space only. Allocators that use theirs bit by
/// bit, without mprotect, take a GiB or more at once: mimalloc, in many addons
/// written in Rust. Others, as jemalloc, map what they use with the same flag.
bool IsReservation(size_t size, int protection, int flags) {
  constexpr size_t kTooMuchToUse = size_t{1} << 30;
  return protection == PROT_NONE ||
         ((flags & MAP_NORESERVE) && size >= kTooMuchToUse);
}

/// Pages are reserved or accessible from here on, whatever they were.
void NotifyPages(const Reservations::Range& range, bool is_reserved,
                 Allocator allocator, const void* caller) {
  RunUnseen([=] {
    if (is_reserved) {
      ReservationLedger().Add(range);
    } else {
      ReservationLedger().Remove(range);
    }
  });
  Notify([=](AllocationListener* listener) {
    if (is_reserved) {
      listener->OnUnmapping(range.begin, range.size_bytes());
    } else {
      listener->OnMapping(range.begin, range.size_bytes(), allocator,
                          Value(caller));
    }
  });
}

void* NotifyMapping(void* result, const void* hint, size_t size, int protection,
                    int flags, const void* caller) {
  if (result == MAP_FAILED || !IsOfProgram()) return result;
  if (IsPageOfV8Heap(hint, flags, caller)) {
    Notify([](AllocationListener* listener) { listener->OnHeapPage(); });
    return result;
  }
  NotifyPages(RangeOf(result, size), IsReservation(size, protection, flags),
              Allocator::kMmap, caller);
  return result;
}

void NotifyUnmapping(void* address, size_t size) {
  if (!IsOfProgram() || !IsOfPage(address)) return;
  const Reservations::Range range = RangeOf(address, size);
  RunUnseen([=] { ReservationLedger().Remove(range); });
  Notify([=](AllocationListener* listener) {
    listener->OnUnmapping(range.begin, range.size_bytes());
  });
}

}  // namespace

void* malloc(size_t size) {
  return NotifyAllocation(::malloc(size), size, Allocator::kMalloc,
                          __builtin_return_address(0));
}

void* calloc(size_t count, size_t size) {
  return NotifyAllocation(::calloc(count, size), count * size,
                          Allocator::kCalloc, __builtin_return_address(0));
}

void* realloc(void* address, size_t size) {
  return NotifyReallocation(address, size, Allocator::kRealloc,
                            __builtin_return_address(0),
                            [=] { return ::realloc(address, size); });
}

void* reallocarray(void* address, size_t count, size_t size) {
  size_t total;
  if (__builtin_mul_overflow(count, size, &total))
    return ::reallocarray(address, count, size);  // fails, and frees nothing
  // glibc's calls realloc, whose hook must not report the block again.
  return NotifyReallocation(address, total, Allocator::kReallocarray,
                            __builtin_return_address(0), [=] {
                              return AllocateQuietly([=] {
                                return ::reallocarray(address, count, size);
                              });
                            });
}

void free(void* address) {
  if (TakeBack(address)) return;
  NotifyDeallocation(address, __builtin_return_address(0));
  ::free(address);
}

void free_sized(void* address, size_t size) {
  if (TakeBack(address)) return;
  NotifyDeallocation(address, __builtin_return_address(0));
  ::free_sized(address, size);
}

void free_aligned_sized(void* address, size_t alignment, size_t size) {
  NotifyDeallocation(address, __builtin_return_address(0));
  ::free_aligned_sized(address, alignment, size);
}

int posix_memalign(void** result, size_t alignment, size_t size) {
  const int error = ::posix_memalign(result, alignment, size);
  if (error == 0) {
    NotifyAllocation(*result, size, Allocator::kPosixMemalign,
                     __builtin_return_address(0));
  }
  return error;
}

void* aligned_alloc(size_t alignment, size_t size) {
  return NotifyAllocation(::aligned_alloc(alignment, size), size,
                          Allocator::kAlignedAlloc,
                          __builtin_return_address(0));
}

void* memalign(size_t alignment, size_t size) {
  return NotifyAllocation(::memalign(alignment, size), size,
                          Allocator::kMemalign, __builtin_return_address(0));
}

void* valloc(size_t size) {
  return NotifyAllocation(::valloc(size), size, Allocator::kValloc,
                          __builtin_return_address(0));
}

void* pvalloc(size_t size) {
  return NotifyAllocation(::pvalloc(size), size, Allocator::kPvalloc,
                          __builtin_return_address(0));
}

void* _Znwm(size_t size) {
  if (void* block = Provide(size, __builtin_return_address(0))) return block;
  return NotifyNew(size, __builtin_return_address(0),
                   [=] { return ::_Znwm(size); });
}

void* _Znam(size_t size) {
  return NotifyNew(size, __builtin_return_address(0),
                   [=] { return ::_Znam(size); });
}

void* _ZnwmRKSt9nothrow_t(size_t size, const void* tag) {
  return NotifyNew(size, __builtin_return_address(0),
                   [=] { return ::_ZnwmRKSt9nothrow_t(size, tag); });
}

void* _ZnamRKSt9nothrow_t(size_t size, const void* tag) {
  return NotifyNew(size, __builtin_return_address(0),
                   [=] { return ::_ZnamRKSt9nothrow_t(size, tag); });
}

void* _ZnwmSt11align_val_t(size_t size, size_t alignment) {
  return NotifyNew(size, __builtin_return_address(0),
                   [=] { return ::_ZnwmSt11align_val_t(size, alignment); });
}

void* _ZnamSt11align_val_t(size_t size, size_t alignment) {
  return NotifyNew(size, __builtin_return_address(0),
                   [=] { return ::_ZnamSt11align_val_t(size, alignment); });
}

void* _ZnwmSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment,
                                         const void* tag) {
  return NotifyNew(size, __builtin_return_address(0), [=] {
    return ::_ZnwmSt11align_val_tRKSt9nothrow_t(size, alignment, tag);
  });
}

void* _ZnamSt11align_val_tRKSt9nothrow_t(size_t size, size_t alignment,
                                         const void* tag) {
  return NotifyNew(size, __builtin_return_address(0), [=] {
    return ::_ZnamSt11align_val_tRKSt9nothrow_t(size, alignment, tag);
  });
}

void* mmap(void* hint, size_t size, int protection, int flags, int file,
           off_t offset) {
  return NotifyMapping(::mmap(hint, size, protection, flags, file, offset),
                       hint, size, protection, flags,
                       __builtin_return_address(0));
}

void* mmap64(void* hint, size_t size, int protection, int flags, int file,
             off64_t offset) {
  return NotifyMapping(::mmap64(hint, size, protection, flags, file, offset),
                       hint, size, protection, flags,
                       __builtin_return_address(0));
}

int munmap(void* address, size_t size) {
  NotifyUnmapping(address, size);
  return ::munmap(address, size);
}

/// Reported as a reallocation is, but where there was nothing, and what is
/// reserved is still reserved.
void* mremap(void* address, size_t old_size, size_t new_size, int flags,
             void* new_address) {
  const auto remap = [=] {
    return ::mremap(address, old_size, new_size, flags, new_address);
  };
  if (!IsOfProgram() || !IsOfPage(address)) return remap();
  bool is_reserved = false;
  RunUnseen([&] {
    is_reserved =
        ReservationLedger().RemoveInaccessible(RangeOf(address, old_size));
  });
  if (!is_reserved) NotifyUnmapping(address, old_size);
  void* result = remap();
  if (result == MAP_FAILED && errno == EFAULT) return result;
  NotifyPages(result == MAP_FAILED ? RangeOf(address, old_size)
                                   : RangeOf(result, new_size),
              is_reserved, Allocator::kMremap, __builtin_return_address(0));
  return result;
}

int mprotect(void* address, size_t size, int protection) {
  const int result = ::mprotect(address, size, protection);
  if (result != 0 || !IsOfProgram()) return result;
  const void* caller = __builtin_return_address(0);
  const Reservations::Range range = RangeOf(address, size);
  RunUnseen([=] {
    AllocationListener* listener = allocation_listener;
    if (protection == PROT_NONE) {
      const bool is_reserved = ReservationLedger().MakeInaccessible(range);
      if (is_reserved && listener)
        listener->OnUnmapping(range.begin, range.size_bytes());
      return;
    }
    for (const auto& part : ReservationLedger().MakeAccessible(range)) {
      if (!listener) continue;
      listener->OnMapping(part.begin, part.size_bytes(), Allocator::kMprotect,
                          Value(caller));
    }
  });
  return result;
}

void* dlopen(const char* filename, int flags) {
  const void* caller = __builtin_return_address(0);
  std::string path;
  RunUnseen([&] { path = installer::FindLibrary(filename, flags, caller); });
  void* library = ::dlopen(path.empty() ? filename : path.c_str(), flags);
  if (library && IsOfProgram()) {
    RunUnseen([] { installer::Install(); });
    Notify([](AllocationListener* listener) { listener->OnLibrary(); });
  }
  return library;
}

int dlclose(void* library) {
  const int result = ::dlclose(library);
  // At once: the constructors of one that is loaded in its place may allocate.
  Notify([](AllocationListener* listener) { listener->OnLibrary(); });
  return result;
}

}  // namespace hooks
}  // namespace memray_mocha
