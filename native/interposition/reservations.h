#ifndef NATIVE_INTERPOSITION_RESERVATIONS_H_
#define NATIVE_INTERPOSITION_RESERVATIONS_H_

#include <cstddef>
#include <cstdint>
#include <mutex>
#include <vector>

namespace memray_mocha {

/// The address space that is reserved (mapped PROT_NONE) to be made accessible
/// bit by bit: a WebAssembly.Memory reserves 8 to 10 GiB and uses a few
/// megabytes. Memory counts from the moment it is accessible, so this ledger
/// tells which part of an mprotect() is new.
///
/// Kept up to date also while nobody listens, for a memory may be made before
/// a test and grow in it. There are few; a flat list is enough.
class Reservations {
 public:
  struct Range {
    uintptr_t begin;
    uintptr_t end;
    bool IsEmpty() const { return begin >= end; }
    size_t size_bytes() const { return end - begin; }
  };

  void Add(Range range);
  /// Takes a range out again: munmap, or a mapping made over it.
  void Remove(Range range);
  /// @return the part of `range` that was reserved and becomes accessible now;
  /// empty when it lies in no reservation or was accessible before.
  Range MakeAccessible(Range range);
  /// @return whether `range` lies in a reservation, whose accessible part now
  /// ends before it.
  bool MakeInaccessible(Range range);

 private:
  struct Reservation {
    Range range;
    uintptr_t accessible_end;  // [range.begin, accessible_end) is accessible
  };
  Reservation* Find(Range range);

  std::mutex mutex_;
  std::vector<Reservation> reservations_;
};

}  // namespace memray_mocha

#endif  // NATIVE_INTERPOSITION_RESERVATIONS_H_
