#ifndef NATIVE_CALL_STACK_ISOLATE_CODE_H_
#define NATIVE_CALL_STACK_ISOLATE_CODE_H_

#include <v8.h>

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <string_view>

#include "call_stack/code_layout.h"
#include "call_stack/code_map.h"

namespace memray_mocha {

/// The code of one isolate, and the scripts it came from, as V8's own code
/// events tell.
///
/// Made and destroyed on the isolate's thread; the code changes on any.
class IsolateCode {
 public:
  /// A line and column of a script, 1-based; 0 when it is not known.
  struct Place {
    uint32_t line;
    uint32_t column;
  };

  /// What a script says of itself; empty is what it does not say.
  struct ScriptDescription {
    std::string name;  // a path or URL
    std::string source_mapping_url;
  };

  explicit IsolateCode(v8::Isolate* isolate);
  ~IsolateCode();
  IsolateCode(const IsolateCode&) = delete;
  IsolateCode& operator=(const IsolateCode&) = delete;

  /// Calls `visit(const CodeMap&)` while nothing can change the map.
  template <typename Visit>
  auto WithMap(Visit visit) const {
    std::lock_guard lock(mutex_);
    return visit(codes_);
  }

  /// Only to tell isolates apart: that of the code map.
  uint64_t id() const { return codes_.id(); }
  /// See CodeMap::version.
  uint64_t version() const { return codes_.version(); }

  /// Whether an address is in code that V8 has told of, or right behind it.
  bool Has(uintptr_t address) const;

  /// Whether there is, or was, a copy of the interpreter for a function.
  bool HasInterpreterCode() const { return has_interpreter_code_; }

  /// @return the kind of code that V8 has made of a function and a call returns
  /// to; nothing when it is no function's own.
  std::optional<Code::Kind> KindOfFunction(uintptr_t return_address) const;

  /// Where a position of a script is. Touches V8's heap: only where JavaScript
  /// could run.
  Place Locate(int script_id, uint32_t position) const;

  /// From here on scripts are new.
  void MarkScripts() { last_old_script_ = last_script_; }
  /// Lets new scripts die that only this keeps: what a collection of garbage
  /// finds live is not to be ours. Until KeepScripts.
  /// @param needed those whose places will be asked for.
  void ReleaseScripts(const std::set<int>& needed);
  /// Touches V8's heap, and takes long where some are not there any more.
  void KeepScripts();

  /// @return nothing of a script that the program is done with. Touches V8's
  /// heap, as Locate does.
  ScriptDescription Describe(int script_id) const;

 private:
  static void OnCodeEvent(const v8::JitCodeEvent* event);
  void OnCodeAdded(const v8::JitCodeEvent& event);
  std::string NameOf(v8::Local<v8::UnboundScript> script,
                     std::string_view code_name) const;
  PositionTable FindSparkplugPositions(uintptr_t address) const;
  void FindInlinedCalls(uintptr_t address, Code* code);
  std::optional<InlinedCalls> Decode(const CodeLayout::Inlining& inlining,
                                     const PositionTable& positions) const;
  static void OnExistingCode(const v8::JitCodeEvent* event);
  void KeepScript(const std::string& name, int script_id,
                  v8::Local<v8::UnboundScript> script);
  v8::Local<v8::UnboundScript> FindScript(int script_id) const;
  void ForgetDeadScripts();

  v8::Isolate* const isolate_;
  // Found out here, not while a code event is handled.
  const CodeLayout& code_layout_ = CodeLayout::OfProcess();
  mutable std::mutex mutex_;
  CodeMap codes_;
  std::atomic<bool> has_interpreter_code_{false};
  std::map<int, v8::Global<v8::UnboundScript>> scripts_;
  std::map<std::string, int> newest_scripts_;  // by name
  int last_script_ = 0;                        // V8 counts up
  int last_old_script_ = 0;
  std::set<int> released_scripts_;
  size_t scripts_to_prune_at_ = 1024;
};

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_ISOLATE_CODE_H_
