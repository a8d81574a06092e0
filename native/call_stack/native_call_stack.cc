#include "call_stack/native_call_stack.h"

#include <unwind.h>

#include "call_stack/unwind_rule.h"

namespace memray_mocha {
namespace {

class Walk {
 public:
  Walk(uintptr_t caller, uintptr_t* frames, size_t limit)
      : caller_(caller),
        frames_(frames),
        limit_(limit),
        has_left_tracker_(caller == 0) {}

  /// @return whether to go on.
  bool Add(uintptr_t address) {
    if (address == caller_) has_left_tracker_ = true;
    if (!has_left_tracker_) return true;
    if (address == 0) return false;
    frames_[count_++] = address;
    return count_ < limit_;
  }

  size_t Finish() {
    if (count_ == 0 && caller_ != 0) frames_[count_++] = caller_;
    return count_;
  }

 private:
  const uintptr_t caller_;
  uintptr_t* const frames_;
  const size_t limit_;
  size_t count_ = 0;
  bool has_left_tracker_;
};

/// By the ABI's unwinder, which knows all that tables can say.
void WalkByLibrary(Walk* walk) {
  _Unwind_Backtrace(
      [](_Unwind_Context* context, void* data) {
        return static_cast<Walk*>(data)->Add(_Unwind_GetIP(context))
                   ? _URC_NO_REASON
                   : _URC_END_OF_STACK;
      },
      walk);
}

uintptr_t Load(uintptr_t address) {
  return *reinterpret_cast<const uintptr_t*>(address);
}

/// @return whether all rules on the way were known.
[[gnu::noinline]] bool WalkByRules(Walk* walk) {
  uintptr_t pc, sp, rbp;
  asm volatile("lea 0(%%rip), %0\n\tmov %%rsp, %1\n\tmov %%rbp, %2"
               : "=&r"(pc), "=&r"(sp), "=&r"(rbp));
  while (true) {
    // The call, not what follows it, which may be another function.
    const UnwindRule rule = UnwindRule::Find(pc - 1);
    if (rule.kind != UnwindRule::Kind::kFrame)
      return rule.kind == UnwindRule::Kind::kEnd;
    const uintptr_t caller_sp = (rule.is_from_rbp ? rbp : sp) + rule.caller_sp;
    if (caller_sp <= sp || caller_sp % sizeof caller_sp != 0) return false;
    if (rule.saved_rbp != 0) rbp = Load(caller_sp + rule.saved_rbp);
    pc = Load(caller_sp - sizeof pc);
    sp = caller_sp;
    if (!walk->Add(pc)) return true;
  }
}

}  // namespace

size_t UnwindNativeFrames(uintptr_t caller, uintptr_t* frames, size_t limit) {
  Walk walk(caller, frames, limit);
  if (WalkByRules(&walk)) return walk.Finish();
  Walk slow_walk(caller, frames, limit);
  WalkByLibrary(&slow_walk);
  return slow_walk.Finish();
}

}  // namespace memray_mocha
