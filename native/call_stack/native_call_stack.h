#ifndef NATIVE_CALL_STACK_NATIVE_CALL_STACK_H_
#define NATIVE_CALL_STACK_NATIVE_CALL_STACK_H_

#include <array>
#include <cstddef>
#include <cstdint>

namespace memray_mocha {

/// Takes the native call stacks of one thread, by rules read from the unwind
/// tables once for each address.
///
/// A call stack has its outer frames in common with the one before, most often.
/// To follow them takes one rule and one load after the other. So each step of
/// the last walk is kept, with the words of the stack that it read: where the
/// walk comes upon one of them, and from there outwards the words are still the
/// same, the rest is as it was.
class NativeUnwinder {
 public:
  static constexpr size_t kMaxFrames = 128;

  /// Unwinds the native frames of this thread from the caller of the allocator
  /// to the first code without unwind tables, which is where V8 entered native
  /// code, or the thread's start.
  /// @param caller the address the allocator was called from; frames of the
  /// tracker above it are left out. 0 for all frames.
  /// @param frames return addresses, most recent first, at most `limit`.
  /// @return how many; at least 1, for `caller` itself, when there is one.
  size_t Unwind(uintptr_t caller, uintptr_t* frames, size_t limit);

 private:
  class Walk;

  /// The registers that unwinding hangs on, in one of the frames.
  struct Registers {
    uintptr_t pc;
    uintptr_t sp;
    uintptr_t rbp;

    bool operator==(const Registers&) const = default;
  };

  /// From a frame to its caller's.
  struct Step {
    Registers from;
    uintptr_t caller_sp;  // below which is the return address
    uintptr_t return_address;
    uintptr_t saved_rbp_at;
    uintptr_t saved_rbp;

    bool IsSame() const;
  };

  // Together with those of the tracker's own frames.
  static constexpr size_t kMaxSteps = kMaxFrames + 32;

  bool WalkByRules(Walk* walk);
  bool AreSame(size_t count) const;
  void Keep(size_t same_count, size_t new_count);

  // Of the last walk, outermost first.
  std::array<Step, kMaxSteps> steps_;
  size_t step_count_ = 0;
  uint64_t version_ = 0;  // of the rules
  // Of the walk under way, innermost first.
  std::array<Step, kMaxSteps> new_steps_;
};

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_NATIVE_CALL_STACK_H_
