#ifndef NATIVE_STACK_RECORDER_H_
#define NATIVE_STACK_RECORDER_H_

#include <array>
#include <cstddef>
#include <cstdint>
#include <functional>
#include <map>
#include <optional>
#include <set>
#include <span>
#include <string>
#include <unordered_map>
#include <utility>
#include <vector>

#include "capture/record_writer.h"
#include "capture/stack_table.h"
#include "js_heap/object_sampler.h"
#include "thread_state.h"

namespace memray_mocha {

/// Where a source map says that a place was written; a line of 0: nowhere.
struct OriginalPlace {
  std::string file;
  KeptScripts::Place place;
};

/// Gives the original of each place of a script, which V8's id names.
using FindOriginals = std::function<std::vector<OriginalPlace>(
    int script_id, const std::vector<KeptScripts::Place>& places)>;

/// Turns the addresses of a call stack into a call stack of the capture, and
/// defines on the way what the capture does not know yet: strings, scripts,
/// code objects, frames. An address is looked up while the call stack is
/// recorded, since V8 moves code and uses its addresses again. Not thread-safe.
class StackRecorder {
 public:
  /// @param native whether native frames stand in the stacks, or only the
  /// allocator's caller.
  /// @param own_directory where this package's JavaScript is, with a slash at
  /// its end.
  StackRecorder(RecordWriter* writer, bool native, std::string own_directory)
      : writer_(writer),
        native_(native),
        own_directory_(std::move(own_directory)) {}

  /// @return the id of the call stack that `thread` has just taken; nothing
  /// when it is this package's own JavaScript that allocates, which is not the
  /// program's memory.
  std::optional<uint32_t> Record(ThreadState* thread);

  /// Has native frames stand in the stacks from here on.
  void RecordNativeFrames();

  /// The same as Record() for call stacks of functions that V8 tells.
  /// @return the call stack of each node.
  std::vector<std::optional<uint32_t>> RecordFunctions(
      const std::vector<object_sampler::FunctionNode>& nodes);

  /// @return the id of the call stack of what V8 allocates while it compiles.
  uint32_t CompilerStack();

  /// @return the id of the call stack of the JS heap of another isolate.
  uint32_t WorkerHeapStack();

  /// See Tracker::FindScripts.
  std::set<int> FindScripts(uint64_t codes) const;

  /// Writes where the positions and native addresses of the frames are. Touches
  /// V8's heap.
  /// @param js_call_stacks the isolate's that calls; positions of other
  /// isolates' scripts stay unknown.
  /// @param find_originals asked once for each script with a source map.
  void WriteSymbols(JsCallStacks* js_call_stacks,
                    const FindOriginals& find_originals);

 private:
  /// Whose a frame is. Node's internals and V8's builtins belong to who called
  /// them.
  enum class Owner : uint8_t { kCaller, kProgram, kThisPackage };

  struct NativeFrame {
    uint32_t id;
    uintptr_t address;
    bool with_function;
  };
  struct Position {
    uint64_t codes;            // the code map's id
    int script_id;             // V8's
    uint32_t script;           // the capture's
    int64_t offset;            // -1: not known
    KeptScripts::Place begin;  // of the function
    bool has_source_map;
  };
  /// The frames of an address, in js_frames_: its code's own function's, and
  /// then those of the functions that are inlined there. None for an address of
  /// code that V8 has not told of.
  struct FrameRange {
    uint32_t first;
    uint32_t count;
  };
  uint32_t RecordJs(ThreadState* thread, const JsCallStack& js);
  uint32_t RecordNative(ThreadState* thread, uint32_t stack);
  void RecordFrames(ThreadState* thread, const JsCallStack& js,
                    const CodeMap& codes);
  std::span<const uint32_t> JsFrames(const CodeMap& codes, uintptr_t address);
  FrameRange FindJsFrames(const CodeMap& codes, uintptr_t address);
  uint32_t DefineJsFrame(const CodeMap& codes, const Code& code,
                         int64_t position);
  uint32_t FunctionFrame(const CodeMap& codes,
                         const object_sampler::Function& function);
  Owner OwnerOf(const std::string& script) const;
  void SetOwner(uint32_t frame, Owner owner);
  uint32_t DefineCode(const CodeMap& codes, const Code& code);
  uint32_t DefineScript(const CodeMap& codes, int script_id);
  void WriteNativeSymbols();
  uint32_t DefineString(const std::string& text);
  uint32_t DefineStateStack(const char* name);
  uint32_t NativeFrameAt(uintptr_t address, bool with_function);
  uint32_t Stack(uint32_t parent, uint32_t frame);

  RecordWriter* const writer_;
  bool native_;
  const std::string own_directory_;
  StackTable stacks_;  // numbered as the capture numbers them
  std::vector<Owner> frame_owners_{Owner::kCaller};  // by frame
  std::vector<bool> stack_is_own_{false};            // by call stack
  // By address: valid for js_version_ of the code map.
  std::unordered_map<uintptr_t, FrameRange> js_frames_by_address_;
  std::vector<uint32_t> js_frames_;
  // Of these, some that were looked up last: for most it is one of them.
  static constexpr int kRecentJsFrameBits = 10;
  std::array<std::pair<uintptr_t, FrameRange>, size_t{1} << kRecentJsFrameBits>
      recent_js_frames_{};
  uint64_t js_codes_ = 0;  // the code map's id
  uint64_t js_version_ = 0;
  // By id of the code object, and position + 1.
  std::unordered_map<uint64_t, std::unordered_map<uint64_t, uint32_t>>
      js_frames_by_position_;
  std::unordered_map<uint64_t, uint32_t> codes_;
  // By script and name, which has the place.
  std::map<std::pair<int, std::string>, uint32_t> function_frames_;
  // By id of the code map, and V8's of the script.
  std::map<std::pair<uint64_t, int>, uint32_t> scripts_;
  std::vector<Position> positions_;
  // Of what WriteSymbols writes.
  std::unordered_map<std::string, uint32_t> strings_;
  uint32_t compiler_stack_ = 0;
  uint32_t worker_heap_stack_ = 0;
  std::unordered_map<uintptr_t, size_t> native_frames_by_address_;
  std::vector<NativeFrame> native_frames_;
};

}  // namespace memray_mocha

#endif  // NATIVE_STACK_RECORDER_H_
