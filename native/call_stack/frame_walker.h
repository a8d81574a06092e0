#ifndef NATIVE_CALL_STACK_FRAME_WALKER_H_
#define NATIVE_CALL_STACK_FRAME_WALKER_H_

#include <emmintrin.h>

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <optional>
#include <utility>
#include <vector>

#include "call_stack/frame_layout.h"

namespace memray_mocha {

/// Takes the JS call stack of C++ that JavaScript called, some ten times faster
/// than v8::Isolate::GetStackSample, and gives what that gives: code for
/// machine code, and for bytecode its array and offset.
///
/// V8's frames are linked by frame pointers. What kind a frame is depends on
/// where its code is at, and this is learnt from V8: of compiled functions by
/// its code events. Else a stack with an address that was never seen is V8's to
/// take, and then compared frame by frame. On the way, all words of the stack
/// that the result hangs on are noted. While they are the same, so is the call
/// stack; the frames' own positions in bytecode are among them. Where only
/// inner ones differ, the walk ends where it comes upon the last one's way.
///
/// For the thread of one isolate. Reads nothing but the stack, between the
/// caller and its end.
class FrameWalker {
 public:
  static constexpr size_t kMaxFrames = 255;

  enum class Result : uint8_t {
    /// The frames are those of the last walk.
    kSame,
    kWalked,
    /// Only V8 can tell.
    kUnknown,
  };

  /// Where V8's interpreter carries out an instruction of bytecode.
  struct Interpreter {
    /// Of its own code for the instruction.
    uintptr_t frame_pointer;
    /// Where what that has called returns to.
    uintptr_t return_address;
    uintptr_t bytecode_array;
  };

  /// What V8 has told of the frames of an isolate, and how often it was asked.
  class Learnt {
   public:
    enum class Kind : uint8_t {
      kUnknown,
      kMachineCode,
      kBytecode,
      kNone,  // not part of the call stack
    };
    using KindOfFunction = std::function<Kind(uintptr_t return_address)>;

    /// @param kind_of_function as V8's code events tell.
    explicit Learnt(KindOfFunction kind_of_function)
        : kind_of_function(std::move(kind_of_function)) {}

    /// For where other kinds of code may have come to its addresses.
    void Forget() {
      frames.assign(kInitialFrames, {});
      count = 0;
    }

   private:
    friend class FrameWalker;

    struct Frame {
      uintptr_t pc = 0;
      uint64_t type = 0;
      Kind kind = Kind::kUnknown;
    };

    static constexpr size_t kInitialFrames = 1024;  // a power of two

    const KindOfFunction kind_of_function;
    // Open addressing with linear probing.
    std::vector<Frame> frames = std::vector<Frame>(kInitialFrames);
    size_t count = 0;
    uint32_t check_distance = 1;
    uint32_t until_check = 1;
  };

  /// @param layout nullptr when V8 alone is to be asked.
  /// @param isolate where the isolate begins.
  /// @param stack_end the upper end of this thread's stack; 0 when it is not
  /// known.
  /// @param learnt shared by the walkers of the isolate.
  FrameWalker(const FrameLayout* layout, uintptr_t isolate, uintptr_t stack_end,
              std::shared_ptr<Learnt> learnt);

  bool IsUsable() const {
    return layout_ && !has_failed.load(std::memory_order_relaxed);
  }

  /// What V8 is doing. Only if usable.
  int VmState() const { return *At<int>(isolate_ + layout_->vm_state); }

  /// Whether the frames are those of the last walk: then a walk need not be.
  bool IsSameAsLast() const;

  /// @param sp the stack pointer of a frame of the caller's.
  /// @param frames outermost first, the `limit` innermost at most, and no more
  /// than kMaxFrames; what the last walk wrote is still there.
  /// @return kWalked or kUnknown.
  Result Walk(uintptr_t sp, void** frames, size_t limit, size_t* count);

  /// @return who carries out the bytecode of the last walk's innermost frame,
  /// if it is one of bytecode, and that does not call JavaScript.
  const std::optional<Interpreter>& interpreter() const { return interpreter_; }

  /// @return the function of the last walk's innermost frame, or what stands in
  /// its place; 0 when there is none.
  uint64_t innermost_function() const {
    return innermost_function_ == 0 ? 0 : *At<uint64_t>(innermost_function_);
  }

  /// Reads one more word of the stack that the result of the last walk hangs
  /// on: another innermost frame may be put in its place for that.
  uint64_t WatchAlso(uintptr_t address);

  /// Has the next walk compare nothing with the last one: what addresses mean
  /// has changed.
  void Forget() {
    watched_count_ = step_count_ = same_steps_ = 0;
    innermost_function_ = 0;
  }

  /// Learns from what V8 says of a stack that Walk did not know; or finds that
  /// it was wrong about another one.
  /// @param frames most recent first, as V8 gives them.
  /// @param is_whole whether these are all frames.
  /// @param is_code whether V8 has told of code at an address: where JavaScript
  /// called C++ that called it, V8 may give a frame of the C++, too.
  void Learn(uintptr_t sp, void* const* frames, size_t count, bool is_whole,
             const std::function<bool(void*)>& is_code);

  /// Whether it is time to ask V8 again about a stack that Walk knows: often at
  /// first, then every 16,384th time or so.
  bool IsCheckDue() {
    if (--learnt_->until_check > 0) [[likely]]
      return false;
    PutOffCheck();
    return true;
  }

  /// For all threads, and for good: to be called at the first disagreement.
  static void Fail() { has_failed = true; }
  static bool HasFailed() { return has_failed; }

 private:
  using Kind = Learnt::Kind;
  using KnownFrame = Learnt::Frame;

  struct Frame {
    uintptr_t pointer;
    uintptr_t pc;
    uint64_t context_or_type;
    /// Whether C++ is between this one and the one before.
    bool is_below_cpp;
  };

  /// What called C++ without an exit frame; 0 for none.
  struct FastCaller {
    uintptr_t frame;
    uintptr_t pc;
    bool operator==(const FastCaller&) const = default;
  };

  /// Two words, side by side.
  struct WatchedWords {
    const __m128i* address;
    __m128i value;

    static WatchedWords At(uintptr_t address) {
      const auto* words = reinterpret_cast<const __m128i*>(address);
      return {words, _mm_loadu_si128(words)};
    }
    __m128i Compare() const {
      return _mm_cmpeq_epi8(_mm_loadu_si128(address), value);
    }
    bool AreSame() const { return _mm_movemask_epi8(Compare()) == kAllSame; }
  };

  /// From one frame to the next.
  struct Step {
    uintptr_t frame;  // from where; 0 to what made a fast call
    bool is_below_cpp;
    // How many words were watched, and frames given. In steps_ up to the end
    // of this step, from the outermost one on; in new_steps_ up to its begin.
    uint32_t watched;
    uint32_t frames;
  };

  static constexpr int kAllSame = 0xFFFF;
  static constexpr size_t kMaxSteps = 512;
  static constexpr size_t kMaxWatchedByStep = 3;
  static inline std::atomic<bool> has_failed{false};

  template <typename T>
  static const T* At(uintptr_t address) {
    return reinterpret_cast<const T*>(address);
  }

  static bool IsSmi(uint64_t word) { return (word & 1) == 0; }

  void PutOffCheck();
  /// Calls `visit(const Frame&)` for each frame, until it gives false.
  /// @return whether the frames could be followed to where `visit` stopped, or
  /// to their end.
  template <typename Visit>
  bool VisitFrames(uintptr_t sp, Visit visit);
  static bool AreSeveralSame(const WatchedWords* words);
  size_t CountSameSteps() const;
  bool IsOnLastWay(uintptr_t frame, bool is_below_cpp);
  void KeepWalk();
  void FillUpWatched();
  FastCaller ReadFastCaller() const;
  bool IsOnStack(uintptr_t frame, uintptr_t below) const;
  void Watch(uintptr_t address);
  void* PlaceInBytecode(const Frame& frame) const;
  bool IsFunction(const Frame& frame) const;
  static uint64_t TypeOf(const Frame& frame);
  KnownFrame& Find(const Frame& frame);
  Kind KindOf(const Frame& frame);
  void Remember(const Frame& frame, Kind kind);

  const FrameLayout* const layout_;
  const uintptr_t isolate_;
  const uintptr_t stack_end_;
  // What the last walk is told by comes first, side by side.
  uintptr_t last_exit_frame_ = 0;
  FastCaller last_fast_caller_{};
  size_t watched_count_ = 0;
  size_t step_count_ = 0;
  /// How many steps are still as they were.
  size_t same_steps_ = 0;
  bool is_whole_ = false;  // did not end at the limit
  void* innermost_ = nullptr;
  uintptr_t innermost_function_ = 0;  // where it is
  std::optional<Interpreter> interpreter_;
  // Its steps and the words that they read, outermost first.
  std::array<WatchedWords, kMaxSteps * kMaxWatchedByStep> watched_;
  std::array<Step, kMaxSteps> steps_;

  // Of the walk under way, innermost first.
  std::array<WatchedWords, kMaxSteps * kMaxWatchedByStep> new_watched_;
  uint32_t new_watched_count_ = 0;
  std::array<Step, kMaxSteps> new_steps_;
  size_t new_step_count_ = 0;
  uint32_t new_frame_count_ = 0;

  const std::shared_ptr<Learnt> learnt_;
};

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_FRAME_WALKER_H_
