#ifndef NATIVE_CALL_STACK_JS_CALL_STACK_H_
#define NATIVE_CALL_STACK_JS_CALL_STACK_H_

#include <v8.h>

#include <array>
#include <cstdint>
#include <memory>

#include "call_stack/frame_walker.h"
#include "call_stack/interpreter_calls.h"
#include "call_stack/isolate_code.h"

namespace memray_mocha {

/// What V8 was doing when a call stack was taken: running the program and what
/// it calls, or working for itself, compiling or collecting garbage.
enum class VmState : uint8_t { kProgram, kOwnWork };

/// Where JavaScript was called from in JavaScript.
struct JsCallStack {
  static constexpr size_t kMaxFrames = FrameWalker::kMaxFrames;
  /// Addresses in code, outermost first.
  void* frames[kMaxFrames];
  size_t count = 0;
  /// When there is one.
  void*& innermost() { return frames[count - 1]; }
  VmState vm_state = VmState::kProgram;

  /// The call stack of a capture that it is.
  struct Note {
    uint64_t capture = 0;
    uint32_t stack = 0;
  };
  /// Of who records it, to have it again with it: gone when the frames, or the
  /// code at their addresses, become others.
  mutable Note note;
  /// The same, for objects.
  mutable Note object_note;

  void ForgetNotes() { note = object_note = {}; }
};

/// The JS call stacks of one isolate, taken anywhere, even inside malloc.
///
/// Made, used and destroyed on the isolate's thread.
class JsCallStacks {
 public:
  /// Whether optimized code has no positions where it allocates: see
  /// inline_allocation.h.
  static constexpr bool kLosesAllocationPositions = V8_MAJOR_VERSION < 12;

  /// Starts to follow the code of the isolate of this thread.
  JsCallStacks();
  ~JsCallStacks();
  JsCallStacks(const JsCallStacks&) = delete;
  JsCallStacks& operator=(const JsCallStacks&) = delete;

  /// Has V8 compile, from here on, only to code that tells its lines, in the
  /// whole process. What it has compiled before stays.
  static void RestrictCompilers();

  /// @return the call stacks of this thread's isolate; nullptr when it has
  /// none.
  static JsCallStacks* OfThisThread() { return of_this_thread_; }

  /// @return what an isolate does that this thread runs, and that may have no
  /// call stacks. Does not touch V8's heap.
  static VmState StateOf(v8::Isolate* isolate);

  /// Takes this thread's call stack; valid until the next one. Does not touch
  /// V8's heap.
  const JsCallStack& Take();

  /// @return V8's count of what the innermost function of the latest call stack
  /// runs: see ReadInterruptBudget. 0 in optimized code, where it does not
  /// count.
  uint64_t InnermostBudget();

  /// What their addresses stand for.
  const IsolateCode& code() const { return code_; }
  IsolateCode& code() { return code_; }

 private:
  struct Walk;

  FrameWalker::Learnt::Kind KindOfFunction(uintptr_t return_address) const;
  bool HasBudget(uintptr_t address);
  Walk& last() { return *by_use_.front(); }
  void TakeFrames();
  bool FindSameWalk();
  FrameWalker::Result TakeWalk(uintptr_t sp);
  FrameWalker::Result Verify(uintptr_t sp, FrameWalker::Result result);
  size_t SampleFrames(void** frames, VmState* state) const;
  size_t KeepCode(void** frames, size_t count) const;

  [[gnu::tls_model(
      "initial-exec")]] static inline constinit thread_local JsCallStacks*
      of_this_thread_ = nullptr;

  /// A call stack and what found it.
  struct Walk {
    Walk(v8::Isolate* isolate,
         const std::shared_ptr<FrameWalker::Learnt>& learnt);

    FrameWalker walker;
    JsCallStack stack;
    /// What V8 says of the innermost frame.
    void* told_innermost = nullptr;
  };

  v8::Isolate* const isolate_;
  const std::shared_ptr<FrameWalker::Learnt> learnt_ =
      std::make_shared<FrameWalker::Learnt>([this](uintptr_t return_address) {
        return KindOfFunction(return_address);
      });
  static constexpr size_t kWalks = 4;
  std::array<Walk, kWalks> walks_;
  /// Made after them: to find out V8's frame layout they listen to code events
  /// too, and V8 has one listener.
  IsolateCode code_;
  /// Programs allocate at some places in turn.
  std::array<Walk*, kWalks> by_use_;  // the last one first
  uint64_t misses_ = 0;               // of call stacks that none was of
  uint64_t walked_version_ = 0;       // of the code map
  /// Of addresses that were asked about last: where a call stack is new, its
  /// innermost frame mostly is not. Valid for that version of the code map.
  static constexpr int kKnownBudgetBits = 8;
  struct KnownBudget {
    uintptr_t address;
    bool has_budget;
  };
  std::array<KnownBudget, size_t{1} << kKnownBudgetBits> known_budgets_{};
  uint64_t budgets_version_ = 0;
  InterpreterCalls interpreter_calls_{&code_};
};

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_JS_CALL_STACK_H_
