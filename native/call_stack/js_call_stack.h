#ifndef NATIVE_CALL_STACK_JS_CALL_STACK_H_
#define NATIVE_CALL_STACK_JS_CALL_STACK_H_

#include <v8.h>

#include <array>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <string>

#include "call_stack/code_map.h"
#include "call_stack/frame_walker.h"
#include "call_stack/interpreter_calls.h"

namespace memray_mocha {

/// What V8 was doing when a call stack was taken: running the program and what
/// it calls, or working for itself, compiling or collecting garbage.
enum class VmState : uint8_t { kProgram, kOwnWork };

/// Where JavaScript was called from in JavaScript.
struct JsCallStack {
  static constexpr size_t kMaxFrames = 255;
  /// Addresses in code, most recent first.
  void* frames[kMaxFrames];
  size_t count = 0;
  VmState vm_state = VmState::kProgram;
  /// The same as long as the frames are, and the code at their addresses.
  uint64_t id = 0;
};

/// The JS call stacks of one isolate: takes them anywhere, even inside malloc,
/// and knows what code their addresses stand for, from V8's own code events.
///
/// Made, sampled and destroyed on the isolate's thread; its code map changes on
/// any.
class JsCallStacks {
 public:
  /// Whether optimized code has no positions where it allocates: see
  /// inline_allocation.h.
  static constexpr bool kLosesAllocationPositions = V8_MAJOR_VERSION < 12;

  /// A line and column of a script, 1-based; 0 when it is not known.
  struct Place {
    uint32_t line;
    uint32_t column;
  };

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

  /// @return what the user should know of how call stacks are taken, once in
  /// the process; empty when there is nothing.
  static const char* TakeNotice();

  /// Takes this thread's call stack; valid until the next one. Does not touch
  /// V8's heap.
  const JsCallStack& Take();

  /// Calls `visit(const CodeMap&)` while nothing can change the map.
  template <typename Visit>
  auto WithCodeMap(Visit visit) const {
    std::lock_guard lock(mutex_);
    return visit(codes_);
  }

  /// Only to tell isolates apart.
  uint64_t code_map_id() const { return codes_.id(); }
  /// See CodeMap::version.
  uint64_t code_map_version() const { return codes_.version(); }

  /// Where a position of a script is. Touches V8's heap: only where JavaScript
  /// could run.
  Place Locate(int script_id, uint32_t position) const;

  /// What a script says of itself; empty is what it does not say.
  struct ScriptDescription {
    std::string name;  // a path or URL
    std::string source_mapping_url;
  };

  /// @return nothing of a script that the program is done with. Touches V8's
  /// heap, as Locate does.
  ScriptDescription Describe(int script_id) const;

 private:
  static void OnCodeEvent(const v8::JitCodeEvent* event);
  void OnCodeAdded(const v8::JitCodeEvent& event);
  void KeepScript(const std::string& name, int script_id,
                  v8::Local<v8::UnboundScript> script);
  v8::Local<v8::UnboundScript> FindScript(int script_id) const;

  void ForgetDeadScripts();
  void TakeFrames();
  FrameWalker::Result TakeWalk(uintptr_t sp);
  FrameWalker::Result Verify(uintptr_t sp, FrameWalker::Result result);
  size_t SampleFrames(void** frames, VmState* state) const;
  size_t KeepCode(void** frames, size_t count) const;
  bool IsCode(void* frame) const;

  [[gnu::tls_model(
      "initial-exec")]] static inline constinit thread_local JsCallStacks*
      of_this_thread_ = nullptr;

  /// A call stack and what found it.
  struct Walk {
    Walk(v8::Isolate* isolate,
         const std::shared_ptr<FrameWalker::Learnt>& learnt);

    FrameWalker walker;
    JsCallStack stack;
    /// What V8 says of the first frame.
    void* told_innermost = nullptr;
  };

  v8::Isolate* const isolate_;
  const std::shared_ptr<FrameWalker::Learnt> learnt_ =
      std::make_shared<FrameWalker::Learnt>();
  std::array<Walk, 2> walks_;
  Walk* last_ = &walks_[0];
  Walk* former_ = &walks_[1];    // the one before
  uint64_t walked_version_ = 0;  // of the code map
  mutable std::mutex mutex_;
  CodeMap codes_;
  // Told from the ids of an ended environment's.
  uint64_t last_id_ = codes_.id() << 40;
  InterpreterCalls interpreter_calls_{&codes_, &mutex_};
  std::map<int, v8::Global<v8::UnboundScript>> scripts_;
  std::map<std::string, int> newest_scripts_;  // by name
  size_t scripts_to_prune_at_ = 1024;
};

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_JS_CALL_STACK_H_
