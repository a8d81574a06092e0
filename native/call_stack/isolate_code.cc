#include "call_stack/isolate_code.h"

#include <atomic>
#include <map>
#include <string>
#include <string_view>
#include <utility>

#include "call_stack/inlined_positions.h"
#include "call_stack/script_text.h"
#include "recursion_guard.h"

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

/// What leads from WebAssembly to an import is V8's own code: a builtin until
/// it is compiled for imports that are called often.
bool IsImportCode(std::string_view name) {
  return name.starts_with("JS:wasm-to-js-<anonymous>-") ||
         name.starts_with("JS:wasm-to-js:");
}

Code::Kind KindOf(const v8::JitCodeEvent& event, std::string_view name) {
  switch (event.code_type) {
    case v8::JitCodeEvent::BYTE_CODE:
      return Code::Kind::kBytecode;
    case v8::JitCodeEvent::WASM_CODE:
      return IsImportCode(name) ? Code::Kind::kMachineCode
                                : Code::Kind::kWebAssembly;
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

IsolateCode::IsolateCode(v8::Isolate* isolate)
    : isolate_(isolate), scripts_(isolate) {
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
  const std::string script = NameOfScript(isolate_, event.script, name);
  codes_.AddScript(script_id, {script, HasSourceMap(event.script)});
  for (const int dead : scripts_.Keep(script, event.script))
    codes_.ForgetScript(dead);
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

void IsolateCode::FindLostScripts(const std::set<int>& needed) {
  if (!scripts_.BeginSearch(needed)) return;
  const RecursionGuard guard;
  const v8::HandleScope scope(isolate_);
  // A handle holds one function of a script. Others may have stayed.
  isolate_->SetJitCodeEventHandler(v8::kJitCodeEventEnumExisting,
                                   OnExistingCode);
  isolate_->SetJitCodeEventHandler(v8::kJitCodeEventDefault, OnCodeEvent);
  scripts_.EndSearch();
}

void IsolateCode::OnExistingCode(const v8::JitCodeEvent* event) {
  if (event->type != v8::JitCodeEvent::CODE_ADDED || event->script.IsEmpty())
    return;
  const RecursionGuard guard;
  Registry& registry = GetRegistry();
  std::lock_guard registry_lock(registry.mutex);
  const auto found = registry.by_isolate.find(event->isolate);
  if (found != registry.by_isolate.end())
    found->second->scripts_.Restore(event->script);
}

}  // namespace memray_mocha
