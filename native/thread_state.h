#ifndef NATIVE_THREAD_STATE_H_
#define NATIVE_THREAD_STATE_H_

#include <algorithm>
#include <atomic>
#include <bit>
#include <cstddef>
#include <cstdint>
#include <iterator>
#include <optional>

#include "call_stack/helper_threads.h"
#include "call_stack/js_call_stack.h"
#include "call_stack/native_call_stack.h"
#include "event_queue.h"
#include "known_stacks.h"

namespace memray_mocha {

/// What the tracker keeps for each thread that allocates: room to take a call
/// stack without the tracker's lock, and the last one, of which the next shares
/// most.
struct ThreadState {
  /// The state of this thread. Freed when the thread ends, made again if it
  /// allocates even after that, and freed then when another one ends.
  static ThreadState& Get() {
    if (!of_this_thread_) [[unlikely]]
      return Make();
    return *of_this_thread_;
  }
  /// Finds out what tells V8's helper threads: else the first of them would,
  /// while the program waits for it.
  static void ReadSymbols() { helper_threads::Prepare(); }

  /// Run when a thread ends, and its isolate has.
  static inline std::atomic<void (*)(ThreadState*)> at_end{nullptr};

  ThreadState();

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
  /// Of a worker's thread: whether garbage collections of its isolate are
  /// followed, or are about to be.
  bool is_followed = false;
  bool is_to_follow = false;

  // The call stack just taken. Native frames are most recent first.
  const JsCallStack* js_stack = nullptr;
  uintptr_t native_frames[NativeUnwinder::kMaxFrames];
  size_t native_count = 0;
  NativeUnwinder native_unwinder;
  /// Of the call stack, if it is one that is known; else nullptr.
  NativeUnwinder::Note* note = nullptr;
  /// Whether this is one of the threads on which V8 compiles and collects
  /// garbage. Found out by what stands above.
  const bool is_v8_helper;
  VmState vm_state = VmState::kProgram;
  JsCallStacks* js_call_stacks = nullptr;

  // The JS frames of the call stack before it, outermost first, with the call
  // stack's id up to and including each; valid for one version of a code map.
  void* last_frames[JsCallStack::kMaxFrames];
  uint32_t last_stacks[JsCallStack::kMaxFrames];
  size_t last_count = 0;
  uint64_t last_codes = 0;  // the code map's id
  uint64_t last_version = 0;

  // Of native frames and, for the same version of the code map, of frames of
  // JavaScript.
  KnownStacks known_stacks;

  // The native frames of the last call stack that was found there, outermost
  // first, with the call stack's id up to and including each.
  uintptr_t last_native_frames[NativeUnwinder::kMaxFrames];
  uint32_t last_native_stacks[NativeUnwinder::kMaxFrames];
  size_t last_native_count = 0;
  uint32_t last_native_js = 0;  // the call stack of its JavaScript

  /// Puts the JS frames of the call stack just taken in the place of the last
  /// one's, as far as this thread knows the call stacks.
  /// @return whether that is all of them.
  bool FindKnownJsFrames() {
    if (last_codes != js_call_stacks->code().id() ||
        last_version != js_call_stacks->code().version()) {
      return false;
    }
    return FindKnownFrames(&js_stack->frames[0], js_stack->count, 0,
                           last_frames, last_stacks, &last_count);
  }

  /// How many JS frames the call stack just taken shares with the one before,
  /// from the outermost on.
  size_t CountSameJsFrames() const {
    return CountSame(js_stack->frames, last_frames,
                     std::min(js_stack->count, last_count));
  }

  /// @return the id of the call stack just taken, if this thread knows it.
  /// Inlined everywhere: GCC else returns it by way of memory, writes it in two
  /// parts and reads it as one, for which the processor has to write out all
  /// that the program wrote before.
  [[gnu::always_inline]] std::optional<uint32_t> FindKnownStack() {
    // Of JavaScript alone it is not known whose it is.
    if (native_count == 0) return {};
    uint32_t js = 0;
    if (js_stack && js_stack->count > 0) {
      if (js_stack->note.capture != capture) {
        if (!FindKnownJsFrames()) return {};
        NoteJsStack();
      }
      js = js_stack->note.stack;
    }
    if (note && note->capture == capture && note->js_stack == js)
      return note->stack;
    if (js != last_native_js) last_native_count = 0;
    last_native_js = js;
    // Without `native` that is all there is.
    if (native_count == 1 && last_native_count > 0 &&
        native_frames[0] == last_native_frames[0]) {
      last_native_count = 1;
      return last_native_stacks[0];
    }
    const auto outermost = std::reverse_iterator(native_frames + native_count);
    if (!FindKnownFrames(outermost, native_count, js, last_native_frames,
                         last_native_stacks, &last_native_count)) {
      return {};
    }
    return last_native_stacks[native_count - 1];
  }

  /// Has the call stack just taken found again by its note.
  void NoteStack(uint32_t stack) {
    const bool has_js = js_stack && js_stack->count > 0;
    if (note) *note = {capture, has_js ? js_stack->note.stack : 0, stack};
  }

  /// The same of its JS frames, which are the last ones by now.
  void NoteJsStack() {
    js_stack->note = {capture, last_stacks[js_stack->count - 1]};
  }

  // What is not in the capture yet.
  EventQueue queue;

 private:
  /// @param limit how many frames there are, of whichever has less.
  template <typename Frames, typename Frame>
  [[gnu::always_inline]] static size_t CountSame(Frames frames,
                                                 const Frame* last,
                                                 size_t limit) {
    size_t depth = 0;
    // Most are the same: no branch for each.
    for (; depth + 4 <= limit; depth += 4) {
      if ((frames[depth] != last[depth]) |
          (frames[depth + 1] != last[depth + 1]) |
          (frames[depth + 2] != last[depth + 2]) |
          (frames[depth + 3] != last[depth + 3])) {
        break;
      }
    }
    while (depth < limit && frames[depth] == last[depth]) ++depth;
    return depth;
  }

  /// Puts frames in the place of the last ones, as far as their call stacks are
  /// among known_stacks.
  /// @param frames outermost first.
  /// @param caller the call stack of the outermost one's caller.
  /// @return whether that is all of them.
  template <typename Frames, typename Frame>
  [[gnu::always_inline]] bool FindKnownFrames(Frames frames, size_t count,
                                              uint32_t caller, Frame* last,
                                              uint32_t* stacks,
                                              size_t* last_count) {
    size_t depth = CountSame(frames, last, std::min(count, *last_count));
    uint32_t stack = depth == 0 ? caller : stacks[depth - 1];
    for (*last_count = depth; depth < count; *last_count = ++depth) {
      const Frame frame = frames[depth];
      const uint32_t* known =
          known_stacks.Find(std::bit_cast<uintptr_t>(frame), stack);
      if (!known) return false;
      stack = *known;
      last[depth] = frame;
      stacks[depth] = stack;
    }
    return true;
  }

  static ThreadState& Make();
  static void Delete(void* state);

  [[gnu::tls_model(
      "initial-exec")]] static inline constinit thread_local ThreadState*
      of_this_thread_ = nullptr;
  /// Whether this thread's state was deleted once.
  [[gnu::tls_model(
      "initial-exec")]] static inline constinit thread_local bool has_ended_ =
      false;
};

}  // namespace memray_mocha

#endif  // NATIVE_THREAD_STATE_H_
