#ifndef NATIVE_CALL_STACK_UNWIND_RULE_H_
#define NATIVE_CALL_STACK_UNWIND_RULE_H_

#include <cstdint>

namespace memray_mocha {

/// How to get from a frame of native code to its caller's, as far as it takes
/// to follow return addresses: the part of the code's unwind tables that tells
/// of rsp and rbp. Distances are in bytes.
struct UnwindRule {
  enum class Kind : uint8_t {
    kUnknown,  // the tables say it in a way that is not read here
    kEnd,      // a thread begins here, or there are no tables
    kFrame,
  };

  Kind kind = Kind::kUnknown;
  /// Whether the caller's rsp is found from rbp, or else from rsp.
  bool is_from_rbp = false;
  /// From there to the caller's rsp, below which is the return address.
  int32_t caller_sp = 0;
  /// From the caller's rsp to where its rbp was saved; 0 when it was not.
  int32_t saved_rbp = 0;

  /// Reads the rule for an address of an instruction. Remembers it, for all
  /// threads and without a lock.
  static UnwindRule Find(uintptr_t pc);
  /// To be called when an address may have come to be other code.
  static void ForgetAll();
};

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_UNWIND_RULE_H_
