#ifndef NATIVE_KNOWN_STACKS_H_
#define NATIVE_KNOWN_STACKS_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "fibonacci_hash.h"

namespace memray_mocha {

/// Call stacks of the capture by their innermost frame and the call stack of
/// its caller: those recorded last, to be found again without the lock. Two in
/// each set: were there one, in every third process two call stacks of a loop
/// would drive out each other.
class KnownStacks {
 public:
  /// @param frame an address, not 0.
  /// @param caller a call stack, or 0 for none.
  /// @return the call stack, or nullptr when it is not known.
  const uint32_t* Find(uintptr_t frame, uint32_t caller) const {
    for (const Known& known : sets_[SetOf(frame, caller)]) {
      if (known.Is(frame, caller)) return &known.stack;
    }
    return nullptr;
  }

  /// In the place of the older one of its set.
  void Add(uintptr_t frame, uint32_t caller, uint32_t stack) {
    auto& [newest, other] = sets_[SetOf(frame, caller)];
    if (!newest.Is(frame, caller)) other = newest;
    newest = {frame, caller, stack};
  }

  void Clear() { sets_.fill({}); }

 private:
  struct Known {
    uintptr_t frame;
    uint32_t caller;
    uint32_t stack;

    bool Is(uintptr_t a_frame, uint32_t a_caller) const {
      return frame == a_frame && caller == a_caller;
    }
  };
  using Set = std::array<Known, 2>;
  static constexpr int kSetBits = 8;

  static size_t SetOf(uintptr_t frame, uint32_t caller) {
    const uint64_t key = frame ^ uint64_t { caller } << 32;
    return FibonacciHash(key, kSetBits);
  }

  std::array<Set, size_t{1} << kSetBits> sets_{};
};

}  // namespace memray_mocha

#endif  // NATIVE_KNOWN_STACKS_H_
