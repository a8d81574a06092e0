#ifndef NATIVE_CALL_STACK_ISOLATE_CODE_H_
#define NATIVE_CALL_STACK_ISOLATE_CODE_H_

#include <v8.h>

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <set>

#include "call_stack/code_layout.h"
#include "call_stack/code_map.h"
#include "call_stack/kept_scripts.h"

namespace memray_mocha {

/// The code of one isolate, and the scripts it came from, as V8's own code
/// events tell.
///
/// Made and destroyed on the isolate's thread; the code changes on any.
class IsolateCode {
 public:
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

  KeptScripts& scripts() { return scripts_; }
  const KeptScripts& scripts() const { return scripts_; }
  /// Has KeptScripts know those that are needed, where the program has them.
  /// Touches V8's heap, and takes long where some are lost.
  void FindLostScripts(const std::set<int>& needed);

 private:
  static void OnCodeEvent(const v8::JitCodeEvent* event);
  void OnCodeAdded(const v8::JitCodeEvent& event);
  PositionTable FindSparkplugPositions(uintptr_t address) const;
  void FindInlinedCalls(uintptr_t address, Code* code);
  std::optional<InlinedCalls> Decode(const CodeLayout::Inlining& inlining,
                                     const PositionTable& positions) const;
  static void OnExistingCode(const v8::JitCodeEvent* event);

  v8::Isolate* const isolate_;
  // Found out here, not while a code event is handled.
  const CodeLayout& code_layout_ = CodeLayout::OfProcess();
  mutable std::mutex mutex_;
  CodeMap codes_;
  std::atomic<bool> has_interpreter_code_{false};
  KeptScripts scripts_;
};

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_ISOLATE_CODE_H_
