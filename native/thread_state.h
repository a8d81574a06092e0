#ifndef NATIVE_THREAD_STATE_H_
#define NATIVE_THREAD_STATE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>
#include <optional>

#include "call_stack/js_call_stack.h"
#include "event_queue.h"

namespace memray_mocha {

/// What the tracker keeps for each thread that allocates: room to take a call
/// stack without the tracker's lock, and the last one, of which the next shares
/// most.
struct ThreadState {
  static constexpr size_t kMaxJsFrames = JsCallStack::kMaxFrames;
  static constexpr size_t kMaxNativeFrames = 128;

  /// The state of this thread. Freed when the thread ends, made again if it
  /// allocates even after that.
  static ThreadState& Get();

  /// Run when a thread ends, and its isolate has.
  static inline std::atomic<void (*)(ThreadState*)> at_end{nullptr};

  ThreadState();

  /// Whether this is one of the threads on which V8 compiles and collects
  /// garbage.
  const bool is_v8_helper;

  /// Which capture `id` and the last call stack belong to.
  uint64_t capture = 0;
  /// The thread's number in that capture.
  uint32_t id = 0;

  /// Of a worker's thread: what of its isolate's JS heap the capture knows.
  struct WorkerHeap {
    uint64_t capture = 0;
    uint64_t base_bytes = 0;
    uint64_t bytes = 0;
  } worker_heap;
  /// Whether garbage collections of its isolate are followed.
  bool is_worker = false;

  // The call stack just taken; most recent first.
  const JsCallStack* js_stack = nullptr;
  uintptr_t native_frames[kMaxNativeFrames];
  size_t native_count = 0;
  VmState vm_state = VmState::kProgram;
  JsCallStacks* js_call_stacks = nullptr;

  // The JS frames of the call stack before it, outermost first, with the call
  // stack's id up to and including each; valid for one version of the code map.
  void* last_frames[kMaxJsFrames];
  uint32_t last_stacks[kMaxJsFrames];
  size_t last_count = 0;
  uint64_t last_version = 0;
  uint64_t last_js_stack = 0;  // the id of the JsCallStack

  // The call stack of the last sampled object, for that of the JsCallStack.
  uint64_t last_sample_js = 0;
  uint32_t last_sample_stack;

  // Call stacks of the capture by the one of their JavaScript and the
  // allocator's caller, who are few.
  struct KnownStack {
    uintptr_t caller;
    uint32_t js;
    uint32_t stack;
  };
  static constexpr size_t kKnownStacks = 64;  // a power of two
  std::array<KnownStack, kKnownStacks> known_stacks;

  /// The place among known_stacks of what the allocator's caller makes of the
  /// call stack of its JavaScript.
  KnownStack& KnownStackOf(uint32_t js) {
    return known_stacks[(native_frames[0] >> 2 ^ js) % kKnownStacks];
  }
  /// @return the id of the call stack just taken, if this thread knows it.
  std::optional<uint32_t> FindKnownStack() {
    if (native_count != 1) return {};
    uint32_t js = 0;
    if (js_stack && js_stack->count > 0) {
      if (js_stack->id != last_js_stack) return {};
      js = last_stacks[js_stack->count - 1];
    }
    const KnownStack& known = KnownStackOf(js);
    if (known.caller != native_frames[0] || known.js != js) return {};
    return known.stack;
  }

  // What is not in the capture yet.
  EventQueue queue;
};

}  // namespace memray_mocha

#endif  // NATIVE_THREAD_STATE_H_
