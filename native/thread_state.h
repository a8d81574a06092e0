#ifndef NATIVE_THREAD_STATE_H_
#define NATIVE_THREAD_STATE_H_

#include <array>
#include <cstddef>
#include <cstdint>

#include "call_stack/js_call_stack.h"

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
  /// Run when the thread ends, and its isolate has.
  void (*at_end)(ThreadState*) = nullptr;

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
};

}  // namespace memray_mocha

#endif  // NATIVE_THREAD_STATE_H_
