#ifndef NATIVE_INTERPOSITION_LISTENER_H_
#define NATIVE_INTERPOSITION_LISTENER_H_

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "allocator.h"
#include "interposition/hook_switches.h"

namespace memray_mocha {

/// Told of every allocation and deallocation of the process while it is set.
///
/// Called on whichever thread allocates, with the RecursionGuard held, so an
/// implementation may allocate. It must not throw anything but std::bad_alloc,
/// and must not touch V8's heap.
class AllocationListener {
 public:
  /// A block now exists. Called after the allocator returned it.
  /// @param caller the address the allocator was called from.
  virtual void OnAllocation(uintptr_t address, size_t size_bytes,
                            Allocator allocator, uintptr_t caller) = 0;
  /// A block is about to go. Called before the allocator gets it back: after
  /// that another thread could be given, and report, the same address.
  virtual void OnDeallocation(uintptr_t address, uintptr_t caller) = 0;
  /// The pages of [address, address + size) are now accessible memory.
  virtual void OnMapping(uintptr_t address, size_t size_bytes,
                         Allocator allocator, uintptr_t caller) = 0;
  /// The pages of [address, address + size) no longer are.
  virtual void OnUnmapping(uintptr_t address, size_t size_bytes) = 0;
  /// A library is loaded, maybe where another one was, or unloaded.
  virtual void OnLibrary() {}
  /// V8 has mapped a page of this thread's isolate's heap.
  virtual void OnHeapPage() {}
  /// One of these has thrown std::bad_alloc: what it was told is lost.
  virtual void OnOutOfMemory() {}

 protected:
  ~AllocationListener() = default;
};

/// The listener in force, or nullptr: then every hook is one load, one
/// predictable branch and a jump to the allocator.
inline constexpr std::atomic<AllocationListener*>& allocation_listener =
    hook_switches.listener;

}  // namespace memray_mocha

#endif  // NATIVE_INTERPOSITION_LISTENER_H_
