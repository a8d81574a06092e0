#ifndef NATIVE_CALL_STACK_FRAME_LAYOUT_H_
#define NATIVE_CALL_STACK_FRAME_LAYOUT_H_

#include <cstdint>

namespace v8 {
class Isolate;
}

namespace memray_mocha {

/// Where V8 keeps what it takes to follow the frames of JavaScript on a stack.
/// Distances are in bytes.
struct FrameLayout {
  // From the isolate.
  /// The frame pointer of the frame through which JavaScript called C++; 0
  /// while JavaScript runs.
  int64_t exit_frame = 0;
  /// The frame pointer of what called C++ without such a frame, and where in
  /// its code; 0 at other times, and then the other one means nothing.
  int64_t fast_caller_frame = 0;
  int64_t fast_caller_pc = 0;
  /// A v8::StateTag, which may be narrower than an int.
  int64_t vm_state = 0;

  // From a frame pointer.
  /// The frame's type, a Smi, or a function's context, a heap object.
  int64_t context_or_type = 0;
  int64_t function = 0;
  int64_t bytecode_array = 0;
  int64_t bytecode_offset = 0;
  /// In a frame through which C++ called JavaScript: the value of exit_frame
  /// before.
  int64_t outer_exit_frame = 0;

  // Types of such frames, as they stand there.
  uint64_t entry = 0;
  uint64_t construct_entry = 0;

  /// Finds it out once for the process, by V8's metadata for debuggers and by
  /// looking at a call from JavaScript to C++ to JavaScript to C++. On the
  /// isolate's thread, where JavaScript has called C++.
  /// @return nullptr when this V8 is not as expected.
  static const FrameLayout* OfProcess(v8::Isolate* isolate);
};

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_FRAME_LAYOUT_H_
