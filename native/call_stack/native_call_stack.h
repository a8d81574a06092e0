#ifndef NATIVE_CALL_STACK_NATIVE_CALL_STACK_H_
#define NATIVE_CALL_STACK_NATIVE_CALL_STACK_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <memory>

namespace memray_mocha {

/// Takes the native call stacks of one thread, by rules read from the unwind
/// tables once for each address.
///
/// A stack has to end in what the tables, or that there are none, tell to be
/// its end, as every unwinder expects it. One that a program has made by hand,
/// and begun in the midst of a function that has a caller, is read beyond:
/// nothing cheap tells where the memory of any stack ends.
///
/// A call stack has its outer frames in common with the one before, most often.
/// To follow them takes one rule and one load after the other. So each step of
/// the last walk is kept, with the words of the stack that it read: where the
/// walk comes upon one of them, and from there outwards the words are still the
/// same, the rest is as it was.
///
/// And a loop comes by the same places again and again, by the same way. So
/// some whole walks are known, too, by where they begin: while all words that
/// one has read are the same, it need not be walked: where they are is known,
/// so that the processor need not wait for one to read the next.
class NativeUnwinder {
 public:
  static constexpr size_t kMaxFrames = 128;

  /// What who unwinds has noted of a call stack, to have it again with it.
  struct Note {
    uint64_t capture = 0;
    uint32_t js_stack = 0;
    uint32_t stack = 0;
  };

  /// Unwinds the native frames of this thread from the caller of the allocator
  /// to the first code without unwind tables, which is where V8 entered native
  /// code, or the thread's start.
  /// @param caller the address the allocator was called from; frames of the
  /// tracker above it are left out. 0 for all frames.
  /// @param frames return addresses, most recent first, at most `limit`.
  /// @return how many; at least 1, for `caller` itself, when there is one.
  size_t Unwind(uintptr_t caller, uintptr_t* frames, size_t limit);

  /// @return the note of the call stack that was unwound last; nullptr when it
  /// will not be known again.
  Note* note() { return note_; }

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

  /// A word of the stack.
  struct Word {
    uintptr_t address;
    uintptr_t value;
  };

  struct KnownWalk {
    static constexpr size_t kMaxKnownFrames = 24;
    static constexpr size_t kMaxWords = 64;

    uintptr_t caller = 0;
    Registers begin{};
    uint64_t version = 0;
    size_t word_count = 0;
    size_t frame_count = 0;
    Note note;
    Word words[kMaxWords];  // innermost first
    uintptr_t frames[kMaxKnownFrames];

    bool AreWordsSame() const;
  };
  /// Those whose beginnings have the same hash: loops come from there by
  /// different ways.
  struct KnownWalks {
    std::array<KnownWalk, 4> walks;
    size_t oldest = 0;
  };
  static constexpr int kKnownWalksBits = 4;

  KnownWalks& KnownWalksOf(uintptr_t caller, const Registers& begin);
  bool WalkByRules(Walk* walk);
  void Know(KnownWalk* known, const Walk& walk, const Registers& begin);
  bool AreSame(size_t count) const;
  void Keep(size_t same_count, size_t new_count);

  // Of the last walk, outermost first.
  std::array<Step, kMaxSteps> steps_;
  size_t step_count_ = 0;
  uint64_t version_ = 0;  // of the rules
  // Of the walk under way, innermost first.
  std::array<Step, kMaxSteps> new_steps_;
  // Made by the first walk: 83 KB.
  std::unique_ptr<std::array<KnownWalks, size_t{1} << kKnownWalksBits>>
      known_walks_;
  Note* note_ = nullptr;
};

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_NATIVE_CALL_STACK_H_
