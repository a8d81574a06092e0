#include "call_stack/isolate_code.h"

#include <algorithm>
#include <atomic>
#include <string_view>
#include <utility>
#include <vector>

#include "recursion_guard.h"
#include "v8_constants.h"

namespace memray_mocha {
namespace {

/// Code events name their isolate, and may come from V8's helper threads when
/// the garbage collector moves code.
struct Registry {
  std::mutex mutex;
  std::map<v8::Isolate*, IsolateCode*> by_isolate;
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

/// Whether V8 can read a string without flattening it: that allocates on V8's
/// heap, which may collect garbage, and tell that it moves code.
bool IsFlat(v8::Local<v8::String> string) {
  static const auto mask = FindV8Constant("v8dbg_StringRepresentationMask");
  static const auto concatenated = FindV8Constant("v8dbg_ConsStringTag");
  if (!mask || !concatenated) return false;
  using v8::internal::Internals;
  const auto object = *reinterpret_cast<const uintptr_t*>(*string);
  return (Internals::GetInstanceType(object) & *mask) != *concatenated;
}

/// @return empty for what is no string.
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

/// As V8 names it in call stacks: by `//# sourceURL=`, or else as it was
/// loaded.
v8::Local<v8::Value> UrlOrNameOf(v8::Local<v8::UnboundScript> script) {
  const v8::Local<v8::Value> url = script->GetSourceURL();
  const bool is_given = url->IsString() && url.As<v8::String>()->Length() > 0;
  return is_given ? url : script->GetScriptName();
}

/// @param code_name V8's, of code of the script: it ends in the script's name,
/// and the line and column of the function; at 512 bytes it is cut.
/// @param length of the script's name, in units of UTF-16.
/// @return the script's name; empty when it is not all there.
std::string TakeScriptName(std::string_view code_name, int length) {
  for (int numbers = 0; numbers < 2; ++numbers) {
    const size_t colon = code_name.rfind(':');
    const size_t digit = code_name.find_first_not_of("0123456789", colon + 1);
    if (colon == code_name.npos || digit != code_name.npos) return "";
    code_name.remove_suffix(code_name.size() - colon);
  }
  size_t begin = code_name.size();
  while (length > 0 && begin > 0) {
    const auto byte = static_cast<uint8_t>(code_name[--begin]);
    const bool is_first = (byte & 0xC0) != 0x80;
    // From 0xF0 on it is a pair in UTF-16.
    if (is_first) length -= byte >= 0xF0 ? 2 : 1;
  }
  return length == 0 ? std::string(code_name.substr(begin)) : "";
}

Code::Kind KindOf(const v8::JitCodeEvent& event, std::string_view name) {
  switch (event.code_type) {
    case v8::JitCodeEvent::BYTE_CODE:
      return Code::Kind::kBytecode;
    case v8::JitCodeEvent::WASM_CODE:
      return Code::Kind::kWebAssembly;
    default:
      break;
  }
  // The mark of the compiler; but WebAssembly may name its functions so.
  const size_t mark = name.find(':') + 1;
  if (event.script.IsEmpty() || mark >= name.size())
    return Code::Kind::kMachineCode;
  switch (name[mark]) {
    case '^':
      return Code::Kind::kSparkplugCode;
    case '~':
      return Code::Kind::kInterpreterCode;
    default:
      return Code::Kind::kMachineCode;
  }
}

/// V8's code that only leads from JavaScript to C++ is no function of anyone's.
bool IsExitCode(std::string_view name) {
  return name.starts_with("Builtin:CEntry") ||
         name.starts_with("Builtin:DirectCEntry") ||
         name.starts_with("Builtin:CallApi");
}

uint64_t NextCodeId() {
  static std::atomic<uint64_t> last_id{0};
  return ++last_id;
}

}  // namespace

IsolateCode::IsolateCode(v8::Isolate* isolate) : isolate_(isolate) {
  const RecursionGuard guard;
  {
    Registry& registry = GetRegistry();
    std::lock_guard lock(registry.mutex);
    registry.by_isolate[isolate_] = this;
  }
  isolate_->SetJitCodeEventHandler(v8::kJitCodeEventEnumExisting, OnCodeEvent);
}

IsolateCode::~IsolateCode() {
  const RecursionGuard guard;
  isolate_->SetJitCodeEventHandler(v8::kJitCodeEventDefault, nullptr);
  Registry& registry = GetRegistry();
  std::lock_guard lock(registry.mutex);
  registry.by_isolate.erase(isolate_);
}

bool IsolateCode::Has(uintptr_t address) const {
  std::lock_guard lock(mutex_);
  return codes_.Find(address).code || codes_.Find(address - 1).code;
}

std::optional<Code::Kind> IsolateCode::KindOfFunction(
    uintptr_t return_address) const {
  std::lock_guard lock(mutex_);
  const Code* code = codes_.Find(return_address - 1).code;
  if (!code || code->script_id == 0) return std::nullopt;
  return code->kind;
}

IsolateCode::Place IsolateCode::Locate(int script_id, uint32_t position) const {
  v8::HandleScope scope(isolate_);
  const v8::Local<v8::UnboundScript> script = FindScript(script_id);
  if (script.IsEmpty()) return {0, 0};
  // Not under the lock: V8 may collect garbage here and report code it moves.
  const auto offset = static_cast<int>(position);
  return {static_cast<uint32_t>(script->GetLineNumber(offset) + 1),
          static_cast<uint32_t>(script->GetColumnNumber(offset) + 1)};
}

IsolateCode::ScriptDescription IsolateCode::Describe(int script_id) const {
  v8::HandleScope scope(isolate_);
  const v8::Local<v8::UnboundScript> script = FindScript(script_id);
  if (script.IsEmpty()) return {};
  return {ToUtf8(isolate_, UrlOrNameOf(script)),
          ToUtf8(isolate_, script->GetSourceMappingURL())};
}

/// @return empty when the program is done with it.
v8::Local<v8::UnboundScript> IsolateCode::FindScript(int script_id) const {
  std::lock_guard lock(mutex_);
  const auto found = scripts_.find(script_id);
  if (found == scripts_.end()) return {};
  return found->second.Get(isolate_);
}

void IsolateCode::OnCodeEvent(const v8::JitCodeEvent* event) {
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
  IsolateCode& code = *found->second;
  const auto address = reinterpret_cast<uintptr_t>(event->code_start);
  std::lock_guard lock(code.mutex_);
  switch (event->type) {
    case Event::CODE_ADDED:
      code.OnCodeAdded(*event);
      break;
    case Event::CODE_MOVED:
      code.codes_.Move(address,
                       reinterpret_cast<uintptr_t>(event->new_code_start));
      break;
    case Event::CODE_REMOVED:
      code.codes_.Remove(address);
      break;
    case Event::CODE_END_LINE_INFO_RECORDING:
      code.codes_.SetPositions(address, std::move(*positions));
      break;
    default:
      break;
  }
}

void IsolateCode::OnCodeAdded(const v8::JitCodeEvent& event) {
  const std::string_view name(event.name.str, event.name.len);
  if (IsExitCode(name)) return;
  const int script_id = event.script.IsEmpty() ? 0 : event.script->GetId();
  const auto address = reinterpret_cast<uintptr_t>(event.code_start);
  auto code = std::make_unique<Code>(Code{
      NextCodeId(), KindOf(event, name), static_cast<uint32_t>(event.code_len),
      script_id, std::string(name), PositionTable()});
  if (code->kind == Code::Kind::kInterpreterCode) has_interpreter_code_ = true;
  if (code->kind == Code::Kind::kSparkplugCode)
    codes_.SetPositions(address, FindSparkplugPositions(address));
  if (code->kind == Code::Kind::kMachineCode && script_id != 0)
    FindInlinedCalls(address, code.get());
  codes_.Add(address, std::move(code));
  if (script_id == 0 || codes_.HasScript(script_id)) return;
  const v8::HandleScope scope(isolate_);
  const v8::Local<v8::Value> map = event.script->GetSourceMappingURL();
  const std::string script = NameOf(event.script, name);
  codes_.AddScript(script_id, {script, map->IsString() &&
                                           map.As<v8::String>()->Length() > 0});
  KeepScript(script, script_id, event.script);
}

/// Does not allocate on V8's heap.
std::string IsolateCode::NameOf(v8::Local<v8::UnboundScript> script,
                                std::string_view code_name) const {
  const v8::Local<v8::Value> name = UrlOrNameOf(script);
  if (name->IsString() && !IsFlat(name.As<v8::String>()))
    return TakeScriptName(code_name, name.As<v8::String>()->Length());
  return ToUtf8(isolate_, name);
}

/// V8 hands over no table for Sparkplug's code.
PositionTable IsolateCode::FindSparkplugPositions(uintptr_t address) const {
  if (!code_layout_.KnowsSparkplug()) return {};
  const auto source = code_layout_.FindSparkplugSource(address);
  if (source) {
    const auto [bytecode, offset] =
        codes_.Find(reinterpret_cast<uintptr_t>(source->bytecode.data()));
    // Of what was compiled before, V8 may tell the code before the bytecode.
    if (!bytecode || offset != 0 || bytecode->kind != Code::Kind::kBytecode ||
        bytecode->size_bytes != source->bytecode.size()) {
      return {};
    }
    const auto positions = TranslatePositions(bytecode->positions, *source,
                                              code_layout_.instruction_sizes());
    if (positions) return *positions;
  }
  // This V8 keeps it otherwise. Better slow than a wrong line.
  v8::V8::SetFlagsFromString("--no-sparkplug");
  return {};
}

/// V8 tells the positions of TurboFan's code, and not whose they are.
void IsolateCode::FindInlinedCalls(uintptr_t address, Code* code) {
  const PositionTable& positions = codes_.GetPositions(address);
  if (!code_layout_.KnowsInlining() || positions.IsEmpty()) return;
  const auto inlining = code_layout_.FindInlining(address);
  auto inlined = inlining ? Decode(*inlining, positions) : std::nullopt;
  if (inlined) {
    code->lazy_exits = inlining->lazy_exits;
    if (!inlined->by_offset.IsEmpty())
      code->inlined = std::make_unique<const InlinedCalls>(std::move(*inlined));
    return;
  }
  // Better no line than a wrong one.
  codes_.SetPositions(address, PositionTable());
  // Maglev's code has none: they were of code that V8 dropped before it was
  // added. Else this V8 keeps it otherwise.
  if (!inlining || !inlining->positions.empty())
    v8::V8::SetFlagsFromString("--no-turbo-inlining");
}

/// @return nothing when it is not as expected.
std::optional<InlinedCalls> IsolateCode::Decode(
    const CodeLayout::Inlining& inlining,
    const PositionTable& positions) const {
  auto by_offset = DecodeCallsByOffset(inlining.positions, positions);
  const auto calls =
      DecodeInlinedCalls(inlining.calls, inlining.functions.size());
  if (!by_offset || !calls) return std::nullopt;
  InlinedCalls inlined;
  if (by_offset->IsEmpty()) return inlined;
  inlined.by_offset = std::move(*by_offset);
  for (const auto& [position, caller, function] : *calls) {
    auto bytecode =
        function < 0 ? nullptr : codes_.Share(inlining.functions[function]);
    if (bytecode && bytecode->kind != Code::Kind::kBytecode) bytecode = nullptr;
    inlined.calls.push_back(
        {std::move(bytecode), function < 0, position, caller});
  }
  return inlined;
}

void IsolateCode::KeepScript(const std::string& name, int script_id,
                             v8::Local<v8::UnboundScript> script) {
  if (scripts_.size() >= scripts_to_prune_at_) ForgetDeadScripts();
  last_script_ = std::max(last_script_, script_id);
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

void IsolateCode::ReleaseScripts(const std::set<int>& needed) {
  const RecursionGuard guard;
  std::lock_guard lock(mutex_);
  for (auto script = scripts_.upper_bound(last_old_script_);
       script != scripts_.end(); ++script) {
    auto& [id, handle] = *script;
    if (handle.IsEmpty() || handle.IsWeak() || needed.contains(id)) continue;
    handle.SetWeak();
    released_scripts_.insert(id);
  }
}

void IsolateCode::KeepScripts() {
  const RecursionGuard guard;
  const v8::HandleScope scope(isolate_);
  bool are_missing = false;
  {
    std::lock_guard lock(mutex_);
    std::erase_if(released_scripts_, [&](int id) {
      auto& handle = scripts_[id];
      if (handle.IsEmpty()) return false;
      handle.ClearWeak();
      return true;
    });
    are_missing = !released_scripts_.empty();
  }
  // The handle holds one function. Others may have stayed.
  if (are_missing) {
    isolate_->SetJitCodeEventHandler(v8::kJitCodeEventEnumExisting,
                                     OnExistingCode);
    isolate_->SetJitCodeEventHandler(v8::kJitCodeEventDefault, OnCodeEvent);
  }
  std::lock_guard lock(mutex_);
  std::erase_if(newest_scripts_, [this](const auto& newest) {
    return released_scripts_.contains(newest.second);
  });
  for (const int id : released_scripts_) {
    scripts_.erase(id);
    codes_.ForgetScript(id);
  }
  released_scripts_.clear();
}

void IsolateCode::OnExistingCode(const v8::JitCodeEvent* event) {
  if (event->type != v8::JitCodeEvent::CODE_ADDED || event->script.IsEmpty())
    return;
  const RecursionGuard guard;
  Registry& registry = GetRegistry();
  std::lock_guard registry_lock(registry.mutex);
  const auto found = registry.by_isolate.find(event->isolate);
  if (found == registry.by_isolate.end()) return;
  IsolateCode& code = *found->second;
  std::lock_guard lock(code.mutex_);
  const int id = event->script->GetId();
  if (code.released_scripts_.erase(id) > 0)
    code.scripts_[id].Reset(code.isolate_, event->script);
}

/// A program that evaluates text for ever must not make this grow for ever.
void IsolateCode::ForgetDeadScripts() {
  std::erase_if(scripts_, [this](const auto& script) {
    if (!script.second.IsEmpty()) return false;
    codes_.ForgetScript(script.first);
    return true;
  });
  scripts_to_prune_at_ = 2 * scripts_.size() + 1024;
}

}  // namespace memray_mocha
