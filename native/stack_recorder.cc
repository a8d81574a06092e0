#include "stack_recorder.h"

#include <cstdlib>
#include <set>
#include <string_view>

#include "call_stack/inline_allocation.h"
#include "call_stack/native_symbols.h"
#include "fibonacci_hash.h"

namespace memray_mocha {

using records::CodeType;

namespace {

CodeType TypeOf(const Code& code) {
  if (code.kind == Code::Kind::kWebAssembly) return CodeType::kWebAssembly;
  // V8's own code, builtins and regular expressions, belongs to no script.
  return code.script_id == 0 ? CodeType::kBuiltin : CodeType::kJavaScript;
}

bool IsOfNode(const std::string& script) { return script.starts_with("node:"); }

bool IsOfNode(const CodeMap& codes, const Code& code) {
  return code.script_id != 0 && IsOfNode(codes.GetScript(code.script_id).name);
}

/// Takes the number behind the last colon off a name.
uint32_t TakeNumber(std::string_view* name) {
  const size_t colon = name->rfind(':');
  if (colon == name->npos) return 0;
  const std::string digits(name->substr(colon + 1));
  name->remove_suffix(name->size() - colon);
  return static_cast<uint32_t>(std::strtoul(digits.c_str(), nullptr, 10));
}

/// Where a function begins, as its name says.
KeptScripts::Place BeginOf(const Code& code) {
  std::string_view name = code.name;
  const uint32_t column = TakeNumber(&name);
  return {TakeNumber(&name), column};
}

/// @param address of bytecode, or where the call that is under way returns to.
/// @return where in the code its position is to be looked up.
uint32_t OffsetOfPosition(const CodeMap::Location& location,
                          uintptr_t address) {
  const Code& code = *location.code;
  if (code.script_id == 0 || code.kind != Code::Kind::kMachineCode)
    return location.offset;
  const auto* begin =
      reinterpret_cast<const uint8_t*>(address - 1 - location.offset);
  const uint32_t offset = code.lazy_exits.FindReturn(location.offset + 1);
  if (JsCallStacks::kLosesAllocationPositions) {
    const auto after =
        FindAfterInlineAllocation(begin + offset, begin, code.size_bytes);
    if (after) return *after;
  }
  return offset - 1;
}

}  // namespace

std::optional<uint32_t> StackRecorder::Record(ThreadState* thread) {
  uint32_t stack = 0;
  if (thread->js_stack && thread->js_stack->count > 0)
    stack = RecordJs(thread, *thread->js_stack);
  if (stack_is_own_[stack]) return std::nullopt;
  return RecordNative(thread, stack);
}

void StackRecorder::RecordNativeFrames() {
  native_ = true;
  // Call stacks that threads know are found again without Record().
  for (NativeFrame& frame : native_frames_) frame.with_function = true;
}

/// Puts the native frames of a call stack on top of its JavaScript.
uint32_t StackRecorder::RecordNative(ThreadState* thread, uint32_t stack) {
  const bool with_function = native_ || stack == 0;
  for (size_t i = thread->native_count; i-- > 0;) {
    const uintptr_t frame = thread->native_frames[i];
    const uint32_t caller = stack;
    if (const uint32_t* known = thread->known_stacks.Find(frame, caller)) {
      stack = *known;
      continue;
    }
    stack = Stack(caller, NativeFrameAt(frame, with_function));
    thread->known_stacks.Add(frame, caller, stack);
  }
  return stack;
}

uint32_t StackRecorder::RecordJs(ThreadState* thread, const JsCallStack& js) {
  if (js.note.capture != thread->capture) {
    thread->js_call_stacks->code().WithMap(
        [&](const CodeMap& codes) { RecordFrames(thread, js, codes); });
    thread->NoteJsStack();
  }
  return js.note.stack;
}

void StackRecorder::RecordFrames(ThreadState* thread, const JsCallStack& js,
                                 const CodeMap& codes) {
  if (js_codes_ != codes.id() || js_version_ != codes.version()) {
    js_frames_by_address_.clear();
    js_frames_.clear();
    recent_js_frames_.fill({});
    js_codes_ = codes.id();
    js_version_ = codes.version();
  }
  if (thread->last_codes != codes.id() ||
      thread->last_version != codes.version()) {
    thread->last_count = 0;
    thread->known_stacks.Clear();
    thread->last_codes = codes.id();
    thread->last_version = codes.version();
  }
  // Most calls of the allocator come from under the same callers as the one
  // before: what both stacks share, from the outermost frame on, is known.
  size_t depth = thread->CountSameJsFrames();
  uint32_t stack = depth > 0 ? thread->last_stacks[depth - 1] : 0;
  for (; depth < js.count; ++depth) {
    void* address = js.frames[depth];
    const auto place = reinterpret_cast<uintptr_t>(address);
    const uint32_t caller = stack;
    for (const uint32_t frame : JsFrames(codes, place))
      stack = Stack(stack, frame);
    thread->known_stacks.Add(place, caller, stack);
    thread->last_frames[depth] = address;
    thread->last_stacks[depth] = stack;
  }
  thread->last_count = js.count;
}

std::span<const uint32_t> StackRecorder::JsFrames(const CodeMap& codes,
                                                  uintptr_t address) {
  auto& [recent, frames] =
      recent_js_frames_[FibonacciHash(address, kRecentJsFrameBits)];
  if (recent != address) {
    frames = FindJsFrames(codes, address);
    recent = frames.count == 0 ? 0 : address;
  }
  return std::span(js_frames_).subspan(frames.first, frames.count);
}

/// The same, among all.
StackRecorder::FrameRange StackRecorder::FindJsFrames(const CodeMap& codes,
                                                      uintptr_t address) {
  const auto known = js_frames_by_address_.find(address);
  if (known != js_frames_by_address_.end()) return known->second;
  CodeMap::Location location = codes.Find(address);
  // In machine code it is a return address, which may be the next line's, or
  // even the next function's. In bytecode it is the call itself.
  if (!location.code || location.code->kind != Code::Kind::kBytecode)
    location = codes.Find(address - 1);
  // A function that was just called is right before its own.
  if (!location.code) location = codes.Find(address + 1);
  if (!location.code) return {};
  FrameRange frames{static_cast<uint32_t>(js_frames_.size()), 0};
  for (const auto& [function, position] :
       location.code->FindPlaces(OffsetOfPosition(location, address))) {
    js_frames_.push_back(DefineJsFrame(codes, *function, position));
    ++frames.count;
  }
  return js_frames_by_address_[address] = frames;
}

uint32_t StackRecorder::DefineJsFrame(const CodeMap& codes, const Code& code,
                                      int64_t position) {
  // Node's internals are compiled before V8 is listened to, and some again
  // later: one line of the user's must not become two call stacks by that.
  if (IsOfNode(codes, code)) position = -1;
  uint32_t& frame = js_frames_by_position_[code.id][position + 1];
  if (frame != 0) return frame;
  frame = writer_->DefineJsFrame(DefineCode(codes, code), position + 1);
  SetOwner(frame, code.script_id == 0
                      ? Owner::kCaller
                      : OwnerOf(codes.GetScript(code.script_id).name));
  const bool has_source_map = codes.GetScript(code.script_id).has_source_map;
  if (code.script_id != 0 && (position >= 0 || has_source_map)) {
    positions_.push_back({codes.id(), code.script_id,
                          DefineScript(codes, code.script_id), position,
                          BeginOf(code), has_source_map});
  }
  return frame;
}

StackRecorder::Owner StackRecorder::OwnerOf(const std::string& script) const {
  if (IsOfNode(script)) return Owner::kCaller;
  return script.starts_with(own_directory_) ? Owner::kThisPackage
                                            : Owner::kProgram;
}

void StackRecorder::SetOwner(uint32_t frame, Owner owner) {
  frame_owners_.resize(frame + 1, Owner::kCaller);
  frame_owners_[frame] = owner;
}

uint32_t StackRecorder::DefineCode(const CodeMap& codes, const Code& code) {
  uint32_t& id = codes_[code.id];
  if (id != 0) return id;
  const uint32_t script = DefineScript(codes, code.script_id);
  const CodeType type = TypeOf(code);
  const auto [line, column] =
      type == CodeType::kJavaScript ? BeginOf(code) : KeptScripts::Place{0, 0};
  id = writer_->DefineCode(writer_->DefineString(code.name), script, type, line,
                           column);
  return id;
}

uint32_t StackRecorder::DefineScript(const CodeMap& codes, int script_id) {
  if (script_id == 0) return 0;
  uint32_t& id = scripts_[{codes.id(), script_id}];
  if (id != 0) return id;
  const ScriptInfo& info = codes.GetScript(script_id);
  id = writer_->DefineScript(writer_->DefineString(info.name),
                             info.has_source_map);
  return id;
}

std::vector<std::optional<uint32_t>> StackRecorder::RecordFunctions(
    const std::vector<object_sampler::FunctionNode>& nodes) {
  const IsolateCode& code = JsCallStacks::OfThisThread()->code();
  return code.WithMap([&](const CodeMap& codes) {
    std::vector<uint32_t> stacks;
    std::vector<std::optional<uint32_t>> of_program;
    for (const auto& [function, caller, live] : nodes) {
      uint32_t stack = stacks.empty() ? 0 : stacks[caller];
      // The others are V8's own, and states in which no function runs.
      if (function.script_id != 0)
        stack = Stack(stack, FunctionFrame(codes, function));
      stacks.push_back(stack);
      of_program.push_back(stack_is_own_[stack] ? std::nullopt
                                                : std::optional(stack));
    }
    return of_program;
  });
}

uint32_t StackRecorder::FunctionFrame(
    const CodeMap& codes, const object_sampler::Function& function) {
  const auto& [name, script, script_id, line, column] = function;
  // As V8 names a function's code.
  const std::string code_name = "JS:~" + name + " " + script + ":" +
                                std::to_string(line) + ":" +
                                std::to_string(column);
  uint32_t& frame = function_frames_[{script_id, code_name}];
  if (frame != 0) return frame;
  const uint32_t script_of_capture = DefineScript(codes, script_id);
  const uint32_t code =
      writer_->DefineCode(writer_->DefineString(code_name), script_of_capture,
                          CodeType::kJavaScript, line, column);
  frame = writer_->DefineJsFrame(code, 0);
  SetOwner(frame, OwnerOf(script));
  if (codes.GetScript(script_id).has_source_map) {
    positions_.push_back({codes.id(), script_id, script_of_capture, -1,
                          KeptScripts::Place{line, column}, true});
  }
  return frame;
}

uint32_t StackRecorder::CompilerStack() {
  if (compiler_stack_ == 0)
    compiler_stack_ = DefineStateStack("V8: compiled code");
  return compiler_stack_;
}

uint32_t StackRecorder::WorkerHeapStack() {
  if (worker_heap_stack_ == 0)
    worker_heap_stack_ = DefineStateStack("V8: JS heap of a worker");
  return worker_heap_stack_;
}

uint32_t StackRecorder::DefineStateStack(const char* name) {
  const uint32_t code = writer_->DefineCode(writer_->DefineString(name), 0,
                                            CodeType::kVmState, 0, 0);
  return Stack(0, writer_->DefineJsFrame(code, 0));
}

uint32_t StackRecorder::NativeFrameAt(uintptr_t address, bool with_function) {
  const auto [found, is_new] =
      native_frames_by_address_.try_emplace(address, native_frames_.size());
  if (is_new) {
    // The call, not what follows it, which may be another function.
    native_frames_.push_back(
        {writer_->DefineNativeFrame(address - 1), address - 1, false});
  }
  NativeFrame& frame = native_frames_[found->second];
  frame.with_function |= with_function;
  return frame.id;
}

uint32_t StackRecorder::Stack(uint32_t parent, uint32_t frame) {
  uint32_t stack = stacks_.Find(parent, frame);
  if (stack != 0) return stack;
  stack = stacks_.Insert(parent, frame);
  writer_->DefineStack(parent, frame);
  const Owner owner =
      frame < frame_owners_.size() ? frame_owners_[frame] : Owner::kCaller;
  stack_is_own_.push_back(owner == Owner::kCaller
                              ? stack_is_own_[parent]
                              : owner == Owner::kThisPackage);
  return stack;
}

std::set<int> StackRecorder::FindScripts(uint64_t codes) const {
  std::set<int> found;
  for (auto script = scripts_.lower_bound({codes, 0});
       script != scripts_.end() && script->first.first == codes; ++script) {
    found.insert(script->first.second);
  }
  return found;
}

void StackRecorder::WriteSymbols(JsCallStacks* js_call_stacks,
                                 const FindOriginals& find_originals) {
  js_call_stacks->code().FindLostScripts(
      FindScripts(js_call_stacks->code().id()));
  std::set<std::pair<uint32_t, uint32_t>> done;
  // Of scripts with a source map; by the capture's id and V8's.
  std::map<std::pair<uint32_t, int>, std::vector<KeptScripts::Place>> generated;
  for (const Position& position : positions_) {
    if (position.codes != js_call_stacks->code().id()) continue;
    KeptScripts::Place place = position.begin;
    if (position.offset >= 0) {
      const auto offset = static_cast<uint32_t>(position.offset);
      if (!done.emplace(position.script, offset).second) continue;
      place =
          js_call_stacks->code().scripts().Locate(position.script_id, offset);
      if (place.line == 0) continue;
      writer_->WritePosition(position.script, offset, place.line, place.column);
    }
    if (position.has_source_map)
      generated[{position.script, position.script_id}].push_back(place);
  }
  for (const auto& [script, places] : generated) {
    const auto originals = find_originals(script.second, places);
    for (size_t i = 0; i < originals.size(); ++i) {
      const auto& [file, original] = originals[i];
      if (original.line == 0) continue;
      writer_->WriteOriginal(script.first, places[i].line, places[i].column,
                             DefineString(file), original.line,
                             original.column);
    }
  }
  WriteNativeSymbols();
}

void StackRecorder::WriteNativeSymbols() {
  for (const NativeFrame& frame : native_frames_) {
    const auto symbol =
        NativeSymbols::OfProcess().Find(frame.address, frame.with_function);
    const uint32_t function = DefineString(symbol.function);
    writer_->WriteSymbol(frame.id, function, DefineString(symbol.module));
  }
}

uint32_t StackRecorder::DefineString(const std::string& text) {
  const auto [found, is_new] = strings_.try_emplace(text, 0);
  if (is_new) found->second = writer_->DefineString(text);
  return found->second;
}

}  // namespace memray_mocha
