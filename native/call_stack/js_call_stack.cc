#include "call_stack/js_call_stack.h"

#include <pthread.h>

#include <algorithm>
#include <utility>

#include "call_stack/code_layout.h"
#include "call_stack/interrupt_budget.h"
#include "fibonacci_hash.h"
#include "notices.h"
#include "recursion_guard.h"

namespace memray_mocha {
namespace {

/// At so many new call stacks one makes room that was long not taken.
constexpr uint64_t kMissesToForget = 16;

VmState StateOfTag(v8::StateTag state) {
#if V8_MAJOR_VERSION >= 13
  // Of code that it compiles or moves (--perf-basic-prof): V8 tells no call
  // stack then, nor whether it was collecting garbage.
  if (state == v8::LOGGING) return VmState::kOwnWork;
#endif
  return state == v8::GC || state == v8::PARSER ||
                 state == v8::BYTECODE_COMPILER || state == v8::COMPILER
             ? VmState::kOwnWork
             : VmState::kProgram;
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

}  // namespace

JsCallStacks::Walk::Walk(v8::Isolate* isolate,
                         const std::shared_ptr<FrameWalker::Learnt>& learnt)
    : walker(FrameLayout::OfProcess(isolate),
             reinterpret_cast<uintptr_t>(isolate), EndOfStack(), learnt) {}

JsCallStacks::JsCallStacks()
    : isolate_(v8::Isolate::GetCurrent()),
      walks_{Walk(isolate_, learnt_), Walk(isolate_, learnt_),
             Walk(isolate_, learnt_), Walk(isolate_, learnt_)},
      code_(isolate_) {
  std::transform(walks_.begin(), walks_.end(), by_use_.begin(),
                 [](Walk& walk) { return &walk; });
  if (!FrameLayout::OfProcess(isolate_)) notices::frames_unknown.Raise();
  of_this_thread_ = this;
}

JsCallStacks::~JsCallStacks() { of_this_thread_ = nullptr; }

void JsCallStacks::RestrictCompilers() {
  const RecursionGuard guard;
  // V8 tells positions in bytecode and in TurboFan's code, not in Sparkplug's,
  // nor in Maglev's, and not which function an inlined position belongs to;
  // CodeLayout may find it out, but for Maglev. With all of them a line would
  // be reported as several call stacks, some of them wrong.
  const CodeLayout& layout = CodeLayout::OfProcess();
  if (!layout.KnowsSparkplug()) v8::V8::SetFlagsFromString("--no-sparkplug");
  if (!layout.KnowsInlining())
    v8::V8::SetFlagsFromString("--no-turbo-inlining");
  // Where TurboFan is all that follows on Sparkplug, what it saves by inlining
  // more than small functions, it does not make up for the time it takes to
  // compile. See docs/performance.md. Not --max-inlined-bytecode-size: V8 ends
  // the process when that becomes less while another thread compiles.
  v8::V8::SetFlagsFromString("--max-inlined-bytecode-size-cumulative=60");
  v8::V8::SetFlagsFromString("--no-maglev");
#if V8_MAJOR_VERSION >= 13
  // V8's sampler does not see what other threads allocate.
  v8::V8::SetFlagsFromString("--no-concurrent-sparkplug");
  // TurboFan takes Maglev's place. V8 makes 3,000 calls of --no-maglev on its
  // command line, but not later; it has 10,000 and more. See
  // docs/performance.md.
  v8::V8::SetFlagsFromString("--invocation-count-for-turbofan=8000");
  v8::V8::SetFlagsFromString("--no-maglev-overwrite-budget");
#endif
  // Nor does V8 tell whose the objects are that TurboFan allocates in one go:
  // they would all be the first line's.
  v8::V8::SetFlagsFromString("--no-turbo-allocation-folding");
}

VmState JsCallStacks::StateOf(v8::Isolate* isolate) {
  const FrameLayout* layout = FrameLayout::OfProcess(isolate);
  if (!layout) return VmState::kProgram;
  const auto* state = reinterpret_cast<const int*>(
      reinterpret_cast<uintptr_t>(isolate) + layout->vm_state);
  return StateOfTag(static_cast<v8::StateTag>(*state));
}

const JsCallStack& JsCallStacks::Take() {
  if (v8::Isolate::TryGetCurrent() != isolate_) {
    last().walker.Forget();
    last().stack.count = 0;
    last().stack.vm_state = VmState::kProgram;
    last().stack.ForgetNotes();
  } else if (last().walker.IsUsable()) {
    TakeFrames();
  } else {
    JsCallStack& told = last().stack;
    told.count = SampleFrames(told.frames, &told.vm_state);
    std::reverse(told.frames, told.frames + told.count);
    told.ForgetNotes();
  }
  return last().stack;
}

uint64_t JsCallStacks::InnermostBudget() {
  auto& [walker, stack, told_innermost] = last();
  if (!walker.IsUsable() || stack.count == 0 ||
      !HasBudget(reinterpret_cast<uintptr_t>(stack.innermost()))) {
    return 0;
  }
  return ReadInterruptBudget(walker.innermost_function());
}

/// @param address of the innermost frame.
bool JsCallStacks::HasBudget(uintptr_t address) {
  if (std::exchange(budgets_version_, walked_version_) != walked_version_)
    known_budgets_.fill({});
  KnownBudget& known = known_budgets_[FibonacciHash(address, kKnownBudgetBits)];
  if (known.address != address) {
    const auto kind = code_.KindOfFunction(address);
    known = {address, kind == Code::Kind::kBytecode ||
                          kind == Code::Kind::kSparkplugCode};
  }
  return known.has_budget;
}

FrameWalker::Learnt::Kind JsCallStacks::KindOfFunction(
    uintptr_t return_address) const {
  using Kind = FrameWalker::Learnt::Kind;
  const auto kind = code_.KindOfFunction(return_address);
  if (kind == Code::Kind::kMachineCode || kind == Code::Kind::kSparkplugCode)
    return Kind::kMachineCode;
  return kind == Code::Kind::kInterpreterCode ? Kind::kBytecode
                                              : Kind::kUnknown;
}

void JsCallStacks::TakeFrames() {
  const auto state =
      StateOfTag(static_cast<v8::StateTag>(last().walker.VmState()));
  last().stack.vm_state = state;
  // Nobody asks who called, and while garbage is collected, nobody can tell.
  if (state == VmState::kOwnWork) return;
  const uint64_t version = code_.version();
  if (version != walked_version_) {
    for (Walk& walk : walks_) walk.walker.Forget();
    // Where a function's copy of the interpreter was, its machine code may be.
    if (code_.HasInterpreterCode()) learnt_->Forget();
  }
  walked_version_ = version;
  const auto sp = reinterpret_cast<uintptr_t>(__builtin_frame_address(0));
  auto result = FrameWalker::Result::kSame;
  if (!FindSameWalk()) result = TakeWalk(sp);
  last().stack.vm_state = state;
  if (result == FrameWalker::Result::kUnknown ||
      // Where functions have copies of the interpreter, V8 does not always find
      // all frames.
      (last().walker.IsCheckDue() && !code_.HasInterpreterCode())) {
    result = Verify(sp, result);
  }
  if (result == FrameWalker::Result::kSame) return;
  last().stack.ForgetNotes();
  const auto& interpreter = last().walker.interpreter();
  if (result != FrameWalker::Result::kWalked || !interpreter) return;
  const auto told = reinterpret_cast<uintptr_t>(last().told_innermost);
  last().stack.innermost() = reinterpret_cast<void*>(
      interpreter_calls_.FindInstruction(*interpreter, told, &last().walker));
}

/// Makes the walk the last one that was of the same call stack; else one in
/// whose place another is to be taken.
bool JsCallStacks::FindSameWalk() {
  if (last().walker.IsSameAsLast()) return true;
  for (size_t i = 1; i < kWalks; ++i) {
    std::swap(by_use_[0], by_use_[i]);
    if (last().walker.IsSameAsLast()) return true;
  }
  // The way of the one before it is most like its own. But to know all places
  // of a loop, some time those have to go that were used longest ago.
  if (++misses_ % kMissesToForget != 0) std::swap(by_use_[0], by_use_[2]);
  return false;
}

FrameWalker::Result JsCallStacks::TakeWalk(uintptr_t sp) {
  auto& [walker, stack, told_innermost] = last();
  const auto result =
      walker.Walk(sp, stack.frames, JsCallStack::kMaxFrames, &stack.count);
  if (stack.count > 0) told_innermost = stack.innermost();
  return result;
}

/// Has V8 take the call stack, too.
/// @return kUnknown where V8's is taken.
FrameWalker::Result JsCallStacks::Verify(uintptr_t sp,
                                         FrameWalker::Result result) {
  auto& [walker, stack, told_innermost] = last();
  void* frames[JsCallStack::kMaxFrames];
  VmState state;
  size_t count = SampleFrames(frames, &state);
  const bool is_whole = count < JsCallStack::kMaxFrames;
  if (result == FrameWalker::Result::kUnknown) {
    walker.Learn(sp, frames, count, is_whole, [this](void* frame) {
      return code_.Has(reinterpret_cast<uintptr_t>(frame));
    });
    // That it was wrong about another stack may be all that it has learnt.
    if (walker.IsUsable())
      result = TakeWalk(sp);
    else
      notices::frames_wrong.Raise();
    if (result == FrameWalker::Result::kWalked) return result;
  } else {
    void* known[JsCallStack::kMaxFrames];
    std::reverse_copy(stack.frames, stack.frames + stack.count, known);
    known[0] = told_innermost;
    size_t known_count = KeepCode(known, stack.count);
    const size_t kept_count = KeepCode(frames, count);
    if (!is_whole) known_count = std::min(known_count, kept_count);
    if (state == stack.vm_state &&
        std::equal(frames, frames + kept_count, known, known + known_count)) {
      return result;
    }
    count = kept_count;
    FrameWalker::Fail();
    notices::frames_wrong.Raise();
  }
  std::reverse_copy(frames, frames + count, stack.frames);
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
  *state = StateOfTag(info.vm_state);
  return info.frames_count;
}

/// Leaves out what is no code that V8 has told of: C++ that JavaScript called.
size_t JsCallStacks::KeepCode(void** frames, size_t count) const {
  return std::remove_if(frames, frames + count,
                        [this](void* frame) {
                          return !code_.Has(reinterpret_cast<uintptr_t>(frame));
                        }) -
         frames;
}

}  // namespace memray_mocha
