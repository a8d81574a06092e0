#include "call_stack/js_call_stack.h"

#include <pthread.h>

#include <algorithm>
#include <atomic>
#include <memory>
#include <string>
#include <string_view>
#include <vector>

#include "recursion_guard.h"

namespace memray_mocha {
namespace {

/// Code events name their isolate, and may come from V8's helper threads when
/// the garbage collector moves code.
struct Registry {
  std::mutex mutex;
  std::map<v8::Isolate*, JsCallStacks*> by_isolate;
};

Registry& GetRegistry() {
  static Registry& registry = *new Registry;
  return registry;
}

void AppendUtf8(std::string* text, uint32_t code_point) {
  const auto put = [text](uint32_t byte) {
    text->push_back(static_cast<char>(byte));
  };
  if (code_point < 0x80) return put(code_point);
  if (code_point < 0x800) {
    put(0xC0 | code_point >> 6);
  } else {
    if (code_point < 0x10000) {
      put(0xE0 | code_point >> 12);
    } else {
      put(0xF0 | code_point >> 18);
      put(0x80 | (code_point >> 12 & 0x3F));
    }
    put(0x80 | (code_point >> 6 & 0x3F));
  }
  put(0x80 | (code_point & 0x3F));
}

/// The UTF-8 of a string without flattening it, for flattening allocates on
/// V8's heap and this runs in code event handlers. V8's own UTF-8 functions
/// flatten.
std::string ToUtf8(v8::Isolate* isolate, v8::Local<v8::Value> value) {
  if (value.IsEmpty() || !value->IsString()) return "";
  v8::Local<v8::String> string = value.As<v8::String>();
  std::vector<uint16_t> units(string->Length());
#if V8_MAJOR_VERSION >= 13
  string->WriteV2(isolate, 0, static_cast<uint32_t>(units.size()),
                  units.data());
#else
  string->Write(isolate, units.data(), 0, static_cast<int>(units.size()),
                v8::String::NO_NULL_TERMINATION);
#endif
  std::string text;
  text.reserve(units.size());
  for (size_t i = 0; i < units.size(); ++i) {
    uint32_t code_point = units[i];
    const bool is_pair = (code_point & 0xFC00) == 0xD800 &&
                         i + 1 < units.size() &&
                         (units[i + 1] & 0xFC00) == 0xDC00;
    if (is_pair)
      code_point =
          0x10000 + ((code_point & 0x3FF) << 10) + (units[++i] & 0x3FF);
    AppendUtf8(&text, code_point);
  }
  return text;
}

Code::Kind KindOf(v8::JitCodeEvent::CodeType type) {
  switch (type) {
    case v8::JitCodeEvent::BYTE_CODE:
      return Code::Kind::kBytecode;
    case v8::JitCodeEvent::WASM_CODE:
      return Code::Kind::kWebAssembly;
    default:
      return Code::Kind::kMachineCode;
  }
}

VmState StateOf(v8::StateTag state) {
  return state == v8::GC || state == v8::PARSER ||
                 state == v8::BYTECODE_COMPILER || state == v8::COMPILER
             ? VmState::kOwnWork
             : VmState::kProgram;
}

/// V8's code that only leads from JavaScript to C++ is no function of anyone's.
bool IsExitCode(std::string_view name) {
  return name.starts_with("Builtin:CEntry") ||
         name.starts_with("Builtin:DirectCEntry") ||
         name.starts_with("Builtin:CallApi");
}

uintptr_t EndOfStack() {
  pthread_attr_t attributes;
  if (pthread_getattr_np(pthread_self(), &attributes) != 0) return 0;
  void* begin = nullptr;
  size_t size_bytes = 0;
  pthread_attr_getstack(&attributes, &begin, &size_bytes);
  pthread_attr_destroy(&attributes);
  return reinterpret_cast<uintptr_t>(begin) + size_bytes;
}

uint64_t NextCodeId() {
  static std::atomic<uint64_t> last_id{0};
  return ++last_id;
}

}  // namespace

JsCallStacks::Walk::Walk(v8::Isolate* isolate,
                         const std::shared_ptr<FrameWalker::Learnt>& learnt)
    : walker(FrameLayout::OfProcess(isolate),
             reinterpret_cast<uintptr_t>(isolate), EndOfStack(), learnt) {}

JsCallStacks::JsCallStacks()
    : isolate_(v8::Isolate::GetCurrent()),
      walks_{Walk(isolate_, learnt_), Walk(isolate_, learnt_)} {
  const RecursionGuard guard;
  of_this_thread_ = this;
  {
    Registry& registry = GetRegistry();
    std::lock_guard lock(registry.mutex);
    registry.by_isolate[isolate_] = this;
  }
  isolate_->SetJitCodeEventHandler(v8::kJitCodeEventEnumExisting, OnCodeEvent);
}

JsCallStacks::~JsCallStacks() {
  const RecursionGuard guard;
  isolate_->SetJitCodeEventHandler(v8::kJitCodeEventDefault, nullptr);
  of_this_thread_ = nullptr;
  Registry& registry = GetRegistry();
  std::lock_guard lock(registry.mutex);
  registry.by_isolate.erase(isolate_);
}

void JsCallStacks::RestrictCompilers() {
  const RecursionGuard guard;
  // V8 tells positions in bytecode and in TurboFan's code, not in Sparkplug's
  // and Maglev's, and not which function an inlined position belongs to. With
  // all of them a line would be reported as several call stacks, some of them
  // wrong.
  v8::V8::SetFlagsFromString("--no-sparkplug");
  v8::V8::SetFlagsFromString("--no-maglev");
  v8::V8::SetFlagsFromString("--no-turbo-inlining");
  // Nor whose the objects are that TurboFan allocates in one go: they would all
  // be the first line's.
  v8::V8::SetFlagsFromString("--no-turbo-allocation-folding");
}

const char* JsCallStacks::TakeNotice() {
  static std::atomic<bool> was_told{false};
  if (!FrameWalker::HasFailed() || was_told.exchange(true)) return "";
  return "memray-mocha takes call stacks in V8's own, slower way from here on: "
         "the frames it had read from the stack were not those V8 tells. "
         "Please report this, with the version of Node.";
}

const JsCallStack& JsCallStacks::Take() {
  JsCallStack& stack = last_->stack;
  if (v8::Isolate::TryGetCurrent() != isolate_) {
    stack.count = 0;
    stack.vm_state = VmState::kProgram;
    stack.id = ++last_id_;
    last_->walker.Forget();
  } else if (last_->walker.IsUsable()) {
    TakeFrames();
  } else {
    stack.count = SampleFrames(stack.frames, &stack.vm_state);
    stack.id = ++last_id_;
  }
  return last_->stack;
}

void JsCallStacks::TakeFrames() {
  const auto state =
      StateOf(static_cast<v8::StateTag>(last_->walker.VmState()));
  last_->stack.vm_state = state;
  // Nobody asks who called, and while garbage is collected, nobody can tell.
  if (state == VmState::kOwnWork) return;
  const uint64_t version = codes_.version();
  if (version != walked_version_) {
    for (Walk& walk : walks_) walk.walker.Forget();
  }
  walked_version_ = version;
  const auto sp = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  auto result = FrameWalker::Result::kSame;
  if (!last_->walker.IsSameAsLast()) {
    // Programs allocate at two places in turn: it may be the one before. Else
    // the new one takes that one's place.
    std::swap(last_, former_);
    last_->stack.vm_state = state;
    result = TakeWalk(sp);
  }
  if (result == FrameWalker::Result::kUnknown || last_->walker.IsCheckDue())
    result = Verify(sp, result);
  if (result == FrameWalker::Result::kSame) return;
  last_->stack.id = ++last_id_;
  const auto& interpreter = last_->walker.interpreter();
  if (result != FrameWalker::Result::kWalked || !interpreter) return;
  const auto told = reinterpret_cast<uintptr_t>(last_->told_innermost);
  last_->stack.frames[0] = reinterpret_cast<void*>(
      interpreter_calls_.FindInstruction(*interpreter, told, &last_->walker));
}

FrameWalker::Result JsCallStacks::TakeWalk(uintptr_t sp) {
  JsCallStack& stack = last_->stack;
  const auto result = last_->walker.Walk(sp, stack.frames,
                                         JsCallStack::kMaxFrames, &stack.count);
  if (result != FrameWalker::Result::kSame)
    last_->told_innermost = stack.frames[0];
  return result;
}

/// Has V8 take the call stack, too.
/// @return kUnknown where V8's is taken.
FrameWalker::Result JsCallStacks::Verify(uintptr_t sp,
                                         FrameWalker::Result result) {
  JsCallStack& stack = last_->stack;
  void* frames[JsCallStack::kMaxFrames];
  VmState state;
  size_t count = SampleFrames(frames, &state);
  const bool is_whole = count < JsCallStack::kMaxFrames;
  if (result == FrameWalker::Result::kUnknown) {
    last_->walker.Learn(sp, frames, count, is_whole,
                        [this](void* frame) { return IsCode(frame); });
    // That it was wrong about another stack may be all that it has learnt.
    if (last_->walker.IsUsable()) result = TakeWalk(sp);
    if (result == FrameWalker::Result::kWalked) return result;
  } else {
    void* known[JsCallStack::kMaxFrames];
    std::copy_n(stack.frames, stack.count, known);
    known[0] = last_->told_innermost;
    size_t known_count = KeepCode(known, stack.count);
    const size_t kept_count = KeepCode(frames, count);
    if (!is_whole) known_count = std::min(known_count, kept_count);
    if (state == stack.vm_state &&
        std::equal(frames, frames + kept_count, known, known + known_count)) {
      return result;
    }
    count = kept_count;
    FrameWalker::Fail();
  }
  std::copy_n(frames, count, stack.frames);
  stack.count = count;
  stack.vm_state = state;
  return FrameWalker::Result::kUnknown;
}

/// Asks V8.
size_t JsCallStacks::SampleFrames(void** frames, VmState* state) const {
  v8::RegisterState registers;
  registers.fp = __builtin_frame_address(0);
  registers.sp = registers.fp;
  registers.pc = __builtin_return_address(0);
  v8::SampleInfo info;
  isolate_->GetStackSample(registers, frames, JsCallStack::kMaxFrames, &info);
  *state = StateOf(info.vm_state);
  return info.frames_count;
}

/// Leaves out what is no code that V8 has told of: C++ that JavaScript called.
size_t JsCallStacks::KeepCode(void** frames, size_t count) const {
  return std::remove_if(frames, frames + count,
                        [this](void* frame) { return !IsCode(frame); }) -
         frames;
}

bool JsCallStacks::IsCode(void* frame) const {
  const auto address = reinterpret_cast<uintptr_t>(frame);
  std::lock_guard lock(mutex_);
  return codes_.Find(address).code || codes_.Find(address - 1).code;
}

JsCallStacks::Place JsCallStacks::Locate(int script_id,
                                         uint32_t position) const {
  v8::HandleScope scope(isolate_);
  const v8::Local<v8::UnboundScript> script = FindScript(script_id);
  if (script.IsEmpty()) return {0, 0};
  // Not under the lock: V8 may collect garbage here and report code it moves.
  const auto offset = static_cast<int>(position);
  return {static_cast<uint32_t>(script->GetLineNumber(offset) + 1),
          static_cast<uint32_t>(script->GetColumnNumber(offset) + 1)};
}

JsCallStacks::ScriptDescription JsCallStacks::Describe(int script_id) const {
  v8::HandleScope scope(isolate_);
  const v8::Local<v8::UnboundScript> script = FindScript(script_id);
  if (script.IsEmpty()) return {};
  return {ToUtf8(isolate_, script->GetScriptName()),
          ToUtf8(isolate_, script->GetSourceMappingURL())};
}

/// @return empty when the program is done with it.
v8::Local<v8::UnboundScript> JsCallStacks::FindScript(int script_id) const {
  std::lock_guard lock(mutex_);
  const auto found = scripts_.find(script_id);
  if (found == scripts_.end()) return {};
  return found->second.Get(isolate_);
}

void JsCallStacks::OnCodeEvent(const v8::JitCodeEvent* event) {
  const RecursionGuard guard;
  using Event = v8::JitCodeEvent;
  // A table has no isolate until it is complete; V8 carries it in user_data.
  if (event->type == Event::CODE_START_LINE_INFO_RECORDING) {
    const_cast<Event*>(event)->user_data = new PositionTable;
    return;
  }
  if (event->type == Event::CODE_ADD_LINE_POS_INFO) {
    // POSITION entries include every STATEMENT_POSITION.
    if (event->line_info.position_type == Event::POSITION) {
      static_cast<PositionTable*>(event->user_data)
          ->Add(static_cast<uint32_t>(event->line_info.offset),
                static_cast<uint32_t>(event->line_info.pos));
    }
    return;
  }
  std::unique_ptr<PositionTable> positions(
      event->type == Event::CODE_END_LINE_INFO_RECORDING
          ? static_cast<PositionTable*>(event->user_data)
          : nullptr);
  Registry& registry = GetRegistry();
  std::lock_guard registry_lock(registry.mutex);
  const auto found = registry.by_isolate.find(event->isolate);
  if (found == registry.by_isolate.end()) return;
  JsCallStacks& stacks = *found->second;
  const auto address = reinterpret_cast<uintptr_t>(event->code_start);
  std::lock_guard lock(stacks.mutex_);
  switch (event->type) {
    case Event::CODE_ADDED:
      stacks.OnCodeAdded(*event);
      break;
    case Event::CODE_MOVED:
      stacks.codes_.Move(address,
                         reinterpret_cast<uintptr_t>(event->new_code_start));
      break;
    case Event::CODE_REMOVED:
      stacks.codes_.Remove(address);
      break;
    case Event::CODE_END_LINE_INFO_RECORDING:
      stacks.codes_.SetPositions(address, std::move(*positions));
      break;
    default:
      break;
  }
}

void JsCallStacks::OnCodeAdded(const v8::JitCodeEvent& event) {
  if (IsExitCode({event.name.str, event.name.len})) return;
  const int script_id = event.script.IsEmpty() ? 0 : event.script->GetId();
  auto code = std::make_unique<Code>(
      Code{NextCodeId(), KindOf(event.code_type),
           static_cast<uint32_t>(event.code_len), script_id,
           std::string(event.name.str, event.name.len), PositionTable()});
  codes_.Add(reinterpret_cast<uintptr_t>(event.code_start), std::move(code));
  if (script_id == 0 || codes_.HasScript(script_id)) return;
  const v8::HandleScope scope(isolate_);
  const v8::Local<v8::Value> map = event.script->GetSourceMappingURL();
  const std::string name = ToUtf8(isolate_, event.script->GetScriptName());
  codes_.AddScript(
      script_id, {name, map->IsString() && map.As<v8::String>()->Length() > 0});
  KeepScript(name, script_id, event.script);
}

void JsCallStacks::KeepScript(const std::string& name, int script_id,
                              v8::Local<v8::UnboundScript> script) {
  if (scripts_.size() >= scripts_to_prune_at_) ForgetDeadScripts();
  v8::Global<v8::UnboundScript>& handle = scripts_[script_id];
  handle.Reset(isolate_, script);
  if (name.empty()) {
    handle.SetWeak();
    return;
  }
  // The handle holds the script's outermost function, which dies when it has
  // run, long before the functions in it are called. So it is kept, but only
  // that of the newest script of a name: a module that is loaded again and
  // again must not pile up because of us.
  const auto [newest, is_first] = newest_scripts_.try_emplace(name, script_id);
  if (!is_first) scripts_[newest->second].SetWeak();
  newest->second = script_id;
}

/// A program that evaluates text for ever must not make this grow for ever.
void JsCallStacks::ForgetDeadScripts() {
  std::erase_if(scripts_, [this](const auto& script) {
    if (!script.second.IsEmpty()) return false;
    codes_.ForgetScript(script.first);
    return true;
  });
  scripts_to_prune_at_ = 2 * scripts_.size() + 1024;
}

}  // namespace memray_mocha
