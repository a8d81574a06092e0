#include "call_stack/frame_layout.h"

#include <v8.h>

#include <array>
#include <cstring>
#include <optional>
#include <utility>
#include <vector>

#include "v8_constants.h"

namespace memray_mocha {
namespace {

using v8::internal::Internals;

constexpr size_t kSlots = Internals::kThreadLocalTopSize / sizeof(uint64_t);

uint64_t Load(uint64_t address) {
  uint64_t value;
  std::memcpy(&value, reinterpret_cast<const void*>(address), sizeof value);
  return value;
}

/// What V8 keeps of the thread that runs an isolate: the exit frame and the
/// state are in there, at places that differ from version to version.
using ThreadWords = std::array<uint64_t, kSlots>;

ThreadWords ThreadWordsOf(v8::Isolate* isolate) {
  ThreadWords words;
  std::memcpy(words.data(),
              reinterpret_cast<const char*>(isolate) +
                  Internals::kIsolateThreadLocalTopOffset,
              sizeof words);
  return words;
}

int64_t OffsetOfSlot(size_t slot) {
  return Internals::kIsolateThreadLocalTopOffset +
         static_cast<int64_t>(slot * sizeof(uint64_t));
}

bool ReadFrameType(const char* name, uint64_t* marker) {
  int64_t type = 0;
  if (!ReadV8Constant(name, &type)) return false;
  *marker = static_cast<uint64_t>(type) << 1;
  return true;
}

/// Looks at what changes in the thread's words.
class Calibration {
 public:
  Calibration(v8::Isolate* isolate, FrameLayout* layout)
      : isolate_(isolate), layout_(layout), outer_(ThreadWordsOf(isolate)) {}

  bool Run() {
    const v8::HandleScope scope(isolate_);
    const v8::TryCatch try_catch(isolate_);
    running = this;
    v8::Local<v8::Value> function;
    const bool was_called = Compile().ToLocal(&function) && CallBack(function);
    running = nullptr;
    // Two candidates are none: a wrong one would be a wrong call stack.
    if (!was_called || exit_frames_.size() != 1 || states_seen_ < 2)
      return false;
    layout_->exit_frame = OffsetOfSlot(exit_frames_[0].first);
    layout_->outer_exit_frame = exit_frames_[0].second;
    std::optional<size_t> state;
    for (size_t slot = 0; slot < kSlots; ++slot) {
      if (!is_state_[slot]) continue;
      if (state) return false;
      state = slot;
    }
    if (state) layout_->vm_state = OffsetOfSlot(*state);
    return state.has_value();
  }

 private:
  /// V8 tells of code while it compiles, which is another state.
  v8::MaybeLocal<v8::Value> Compile() {
    isolate_->SetJitCodeEventHandler(v8::kJitCodeEventDefault,
                                     [](const v8::JitCodeEvent*) {
                                       if (running) running->NarrowStates();
                                     });
    const v8::Local<v8::String> source = v8::String::NewFromUtf8Literal(
        isolate_, "(function calibrate(callBack) { callBack(); })");
    const v8::Local<v8::Context> context = isolate_->GetCurrentContext();
    v8::Local<v8::Script> script;
    const bool is_compiled =
        v8::Script::Compile(context, source).ToLocal(&script);
    isolate_->SetJitCodeEventHandler(v8::kJitCodeEventDefault, nullptr);
    if (!is_compiled) return {};
    return script->Run(context);
  }

  bool CallBack(v8::Local<v8::Value> script_function) {
    const v8::Local<v8::Context> context = isolate_->GetCurrentContext();
    v8::Local<v8::Function> callback;
    const auto look = [](const v8::FunctionCallbackInfo<v8::Value>&) {
      running->FindExitFrame();
      running->NarrowStates();
    };
    if (!v8::Function::New(context, look).ToLocal(&callback)) return false;
    v8::Local<v8::Value> arguments[] = {callback};
    return !script_function.As<v8::Function>()
                ->Call(context, v8::Undefined(isolate_), 1, arguments)
                .IsEmpty();
  }

  /// The exit frame is what leads, by frame pointers, to the frame through
  /// which C++ called JavaScript, where the outer one is kept.
  void FindExitFrame() {
    constexpr int64_t kMaxWords = 20;
    const auto sp = reinterpret_cast<uint64_t>(__builtin_frame_address(0));
    const ThreadWords inner = ThreadWordsOf(isolate_);
    for (size_t slot = 0; slot < kSlots; ++slot) {
      const uint64_t entry = FindEntryFrame(inner[slot], sp, outer_[slot]);
      for (int64_t word = 2; entry != 0 && word <= kMaxWords; ++word) {
        if (Load(entry - word * 8) == outer_[slot])
          exit_frames_.emplace_back(slot, -word * 8);
      }
    }
  }

  /// @return the first frame between `sp` and `end`, from `frame` on, through
  /// which C++ called JavaScript; 0 when it leads to none.
  uint64_t FindEntryFrame(uint64_t frame, uint64_t sp, uint64_t end) const {
    constexpr int kMaxFrames = 16;
    if (end > sp + kMaxCalibrationBytes) return 0;
    for (int i = 0; i < kMaxFrames; ++i) {
      if (frame <= sp || frame >= end || frame % sizeof(uint64_t) != 0)
        return 0;
      if (Load(frame + layout_->context_or_type) == layout_->entry)
        return frame;
      const uint64_t caller = Load(frame);
      if (caller <= frame) return 0;
      frame = caller;
    }
    return 0;
  }

  void NarrowStates() {
    v8::RegisterState registers;
    registers.fp = registers.sp = __builtin_frame_address(0);
    registers.pc = __builtin_return_address(0);
    v8::SampleInfo info;
    void* frame;
    isolate_->GetStackSample(registers, &frame, 1, &info);
    const ThreadWords words = ThreadWordsOf(isolate_);
    // It may be narrower than a word, and what is beside it anything.
    for (size_t slot = 0; slot < kSlots; ++slot)
      is_state_[slot] &=
          static_cast<v8::StateTag>(words[slot]) == info.vm_state;
    if (states_seen_ == 0 || info.vm_state != last_state_) ++states_seen_;
    last_state_ = info.vm_state;
  }

  /// Between the outer exit frame and the inner one there are few frames of
  /// C++.
  static constexpr uint64_t kMaxCalibrationBytes = 64 << 10;
  static inline thread_local Calibration* running = nullptr;

  v8::Isolate* const isolate_;
  FrameLayout* const layout_;
  const ThreadWords outer_;
  std::vector<std::pair<size_t, int64_t>> exit_frames_;
  std::array<bool, kSlots> is_state_ = [] {
    std::array<bool, kSlots> all;
    all.fill(true);
    return all;
  }();
  int states_seen_ = 0;
  v8::StateTag last_state_{};
};

std::optional<FrameLayout> Find(v8::Isolate* isolate) {
  FrameLayout layout;
  layout.fast_caller_frame = Internals::kIsolateFastCCallCallerFpOffset;
  layout.fast_caller_pc = Internals::kIsolateFastCCallCallerPcOffset;
  const bool has_constants =
      ReadV8Constant("v8dbg_off_fp_context_or_frame_type",
                     &layout.context_or_type) &&
      ReadV8Constant("v8dbg_off_fp_function", &layout.function) &&
      ReadV8Constant("v8dbg_off_fp_bytecode_array", &layout.bytecode_array) &&
      ReadV8Constant("v8dbg_off_fp_bytecode_offset", &layout.bytecode_offset) &&
      ReadFrameType("v8dbg_frametype_EntryFrame", &layout.entry) &&
      ReadFrameType("v8dbg_frametype_ConstructEntryFrame",
                    &layout.construct_entry);
  if (!has_constants || !isolate->InContext()) return std::nullopt;
  // FrameWalker compares both at once.
  if (layout.bytecode_array != layout.bytecode_offset + 8) return std::nullopt;
  if (!Calibration(isolate, &layout).Run()) return std::nullopt;
  return layout;
}

}  // namespace

const FrameLayout* FrameLayout::OfProcess(v8::Isolate* isolate) {
  static const std::optional<FrameLayout> layout = Find(isolate);
  return layout ? &*layout : nullptr;
}

}  // namespace memray_mocha
