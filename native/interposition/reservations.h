#ifndef NATIVE_INTERPOSITION_RESERVATIONS_H_
#define NATIVE_INTERPOSITION_RESERVATIONS_H_

#include <cstddef>
#include <cstdint>
#include <map>
#include <mutex>
#include <vector>

namespace memray_mocha {

/// The address space that is reserved (mapped PROT_NONE) to be made accessible
/// bit by bit: a WebAssembly.Memory reserves 8 to 10 GiB and uses a few
/// megabytes. Memory counts from the moment it is accessible, so this ledger
/// tells which part of an mprotect() is new.
///
/// Kept up to date also while nobody listens, for a memory may be made before
/// a test and grow in it.
class Reservations {
 public:
  struct Range {
    uintptr_t begin;
    uintptr_t end;
    bool IsEmpty() const { return begin >= end; }
    size_t size_bytes() const { return end - begin; }
  };

  /// A range is reserved from here on, and inaccessible, whatever it was.
  void Add(Range range);
  /// Takes a range out again: munmap, or a mapping made over it.
  void Remove(Range range);
  /// @return whether all of a range was reserved and not accessible: then it is
  /// taken out.
  bool RemoveInaccessible(Range range);
  /// @return the parts of `range` that were reserved and become accessible now,
  /// by address.
  std::vector<Range> MakeAccessible(Range range);
  /// @return whether `range` is reserved: then it is inaccessible now.
  bool MakeInaccessible(Range range);

 private:
  /// Addresses, as few ranges as possible: those that touch are one.
  class Set {
   public:
    void Add(Range range);
    /// @return what was in it of that, by address.
    std::vector<Range> Remove(Range range);
    /// @return whether it has all of that.
    bool Has(Range range) const;

   private:
    using Ends = std::map<uintptr_t, uintptr_t>;  // of the ranges, by begin
    Ends::iterator FirstEndingAt(uintptr_t address);

    Ends ends_;
  };

  std::mutex mutex_;
  Set reserved_;
  Set inaccessible_;  // of what is reserved
};

}  // namespace memray_mocha

#endif  // NATIVE_INTERPOSITION_RESERVATIONS_H_
