#include "call_stack/native_call_stack.h"

#include <unwind.h>

namespace memray_mocha {
namespace {

struct Walk {
  const uintptr_t caller;
  uintptr_t* const frames;
  const size_t limit;
  size_t count;
  bool has_left_tracker;
};

_Unwind_Reason_Code OnFrame(_Unwind_Context* context, void* data) {
  auto* walk = static_cast<Walk*>(data);
  const uintptr_t address = _Unwind_GetIP(context);
  if (address == walk->caller) walk->has_left_tracker = true;
  if (!walk->has_left_tracker) return _URC_NO_REASON;
  if (address == 0) return _URC_END_OF_STACK;
  walk->frames[walk->count++] = address;
  return walk->count == walk->limit ? _URC_END_OF_STACK : _URC_NO_REASON;
}

}  // namespace

size_t UnwindNativeFrames(uintptr_t caller, uintptr_t* frames, size_t limit) {
  Walk walk{caller, frames, limit, 0, caller == 0};
  _Unwind_Backtrace(OnFrame, &walk);
  if (walk.count == 0 && caller != 0) frames[walk.count++] = caller;
  return walk.count;
}

}  // namespace memray_mocha
