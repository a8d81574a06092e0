#include "call_stack/frame_walker.h"

#include <algorithm>
#include <memory>
#include <random>
#include <vector>

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

using Result = FrameWalker::Result;

constexpr uint64_t kEntry = 1 << 1;
constexpr uint64_t kStub = 9 << 1;
constexpr uint64_t kContext = 0x5001;

constexpr FrameLayout kLayout = {.exit_frame = 8,
                                 .fast_caller_frame = 16,
                                 .fast_caller_pc = 24,
                                 .vm_state = 32,
                                 .context_or_type = -8,
                                 .function = -16,
                                 .bytecode_array = -32,
                                 .bytecode_offset = -40,
                                 .outer_exit_frame = -64,
                                 .entry = kEntry,
                                 .construct_entry = 2 << 1};

/// A stack as V8 leaves it: frames are pushed from the outermost on.
class FakeStack {
 public:
  FakeStack() : words_(1000), top_(words_.size() - 2) {}

  /// JavaScript calls JavaScript or C++; `pc` is in the new frame.
  uint64_t* Call(uint64_t pc, uint64_t context_or_type = kContext) {
    Push(context_or_type);
    pc_ = pc;
    return &words_[frame_];
  }
  void CallBytecode(uint64_t pc, uint64_t array, uint64_t offset) {
    uint64_t* frame = Call(pc);
    frame[-4] = array;
    frame[-5] = offset << 32;
  }
  void Enter() {
    const uint64_t outer = isolate_[1];
    Call(0x100, kEntry)[-8] = outer;
  }
  void Clear() {
    top_ = words_.size() - 2;
    frame_ = 0;
    pc_ = 0;
    isolate_[1] = 0;
  }
  /// JavaScript calls C++ without a frame for that, or is back from it.
  void CallFast(uint64_t frame, uint64_t pc) {
    isolate_[1] = 0;
    isolate_[2] = frame;
    isolate_[3] = pc;
  }
  /// JavaScript calls C++.
  void CallCpp() {
    Push(kStub);
    isolate_[1] = Address(frame_);
  }

  uintptr_t isolate() const { return reinterpret_cast<uintptr_t>(isolate_); }
  uintptr_t sp() const { return Address(0); }
  uintptr_t end() const { return Address(words_.size()); }
  uint64_t* isolate_words() { return isolate_; }

 private:
  uintptr_t Address(size_t i) const {
    return reinterpret_cast<uintptr_t>(words_.data() + i);
  }
  void Push(uint64_t context_or_type) {
    const uint64_t caller = frame_ ? Address(frame_) : 0;
    frame_ = top_;
    words_[frame_] = caller;
    words_[frame_ + 1] = pc_;
    words_[frame_ - 1] = context_or_type;
    words_[frame_ - 2] = 0x7001;  // a function
    top_ -= 16;
  }

  std::vector<uint64_t> words_;
  size_t top_;
  size_t frame_ = 0;
  uint64_t pc_ = 0;
  uint64_t isolate_[5] = {};
};

struct Walked {
  Result result;
  // Most recent first, as V8 gives them.
  std::vector<uintptr_t> frames;
};

/// The address of C++.
constexpr uintptr_t kCpp = 0x600;
/// From here on V8 has told of functions.
constexpr uintptr_t kCompiledFunctions = 0x10000;

class Walking {
 public:
  explicit Walking(const FakeStack& stack)
      : stack_(stack),
        walker_(&kLayout, stack.isolate(), stack.end(), learnt_) {}

  Walked Walk(size_t limit = 255) {
    const Result result =
        walker_.IsSameAsLast()
            ? Result::kSame
            : walker_.Walk(stack_.sp(), frames_, limit, &count_);
    Walked walked{result, {}};
    for (size_t i = 0; i < count_; ++i)
      walked.frames.insert(walked.frames.begin(),
                           reinterpret_cast<uintptr_t>(frames_[i]));
    return walked;
  }
  void Learn(const std::vector<uintptr_t>& frames, bool is_whole = true) {
    std::vector<void*> pointers;
    for (const uintptr_t frame : frames)
      pointers.push_back(reinterpret_cast<void*>(frame));
    walker_.Learn(
        stack_.sp(), pointers.data(), pointers.size(), is_whole,
        [](void* frame) { return reinterpret_cast<uintptr_t>(frame) != kCpp; });
  }
  void ForgetKinds() {
    walker_.Forget();
    learnt_->Forget();
  }
  FrameWalker* operator->() { return &walker_; }

 private:
  const FakeStack& stack_;
  const std::shared_ptr<FrameWalker::Learnt> learnt_ =
      std::make_shared<FrameWalker::Learnt>([](uintptr_t pc) {
        return pc >= kCompiledFunctions
                   ? FrameWalker::Learnt::Kind::kMachineCode
                   : FrameWalker::Learnt::Kind::kUnknown;
      });
  FrameWalker walker_;
  void* frames_[255];
  size_t count_ = 0;
};

constexpr uint64_t kTrampoline = 0x200;
constexpr uint64_t kArray = 0x9001;

/// Bytecode that optimized code called through a stub.
void PushProgram(FakeStack* stack, uint64_t offset = 7) {
  stack->Enter();
  stack->Call(0x400);
  stack->Call(0x300, kStub);
  stack->CallBytecode(kTrampoline, kArray, offset);
  stack->CallCpp();
}

TEST("FrameWalker: what was never seen is V8's to tell") {
  FakeStack stack;
  PushProgram(&stack);
  Walking walking(stack);
  EXPECT(walking.Walk().result == Result::kUnknown);
  walking.Learn({kArray + 7, 0x400});
  const Walked walked = walking.Walk();
  EXPECT(walked.result == Result::kWalked);
  EXPECT(walked.frames == std::vector<uintptr_t>({kArray + 7, 0x400}));
  EXPECT(!FrameWalker::HasFailed());
}

TEST("FrameWalker: of compiled functions V8's code events are enough") {
  FakeStack stack;
  stack.Enter();
  stack.Call(kCompiledFunctions);
  stack.Call(kCompiledFunctions + 9);
  stack.CallCpp();
  const Walked walked = Walking(stack).Walk();
  EXPECT(walked.result == Result::kWalked);
  EXPECT(walked.frames ==
         std::vector<uintptr_t>({kCompiledFunctions + 9, kCompiledFunctions}));
  // A stub's frame at such an address is none of a function.
  stack.Clear();
  stack.Enter();
  stack.Call(kCompiledFunctions, kStub);
  stack.CallCpp();
  EXPECT(Walking(stack).Walk().result == Result::kUnknown);
}

TEST("FrameWalker: the same stack is told from one that differs in bytecode") {
  FakeStack stack;
  stack.Enter();
  stack.CallBytecode(kTrampoline, kArray, 7);
  uint64_t* inner = stack.Call(0x400);
  stack.CallCpp();
  Walking walking(stack);
  walking.Learn({0x400, kArray + 7});
  EXPECT(walking.Walk().result == Result::kWalked);
  EXPECT(walking.Walk().result == Result::kSame);
  uint64_t* outer = reinterpret_cast<uint64_t*>(*inner);
  outer[-5] = uint64_t{8} << 32;
  const Walked walked = walking.Walk();
  EXPECT(walked.result == Result::kWalked);
  EXPECT(walked.frames == std::vector<uintptr_t>({0x400, kArray + 8}));
  walking->Forget();
  EXPECT(walking.Walk().result == Result::kWalked);
}

TEST("FrameWalker: only what differs is walked again, and all of it") {
  // Calls and returns at random; most leave the outer frames as they are.
  struct Call {
    uint64_t pc;
    uint64_t offset;  // in bytecode; 0 for machine code
    bool is_from_cpp;
  };
  std::mt19937 random(1);
  const auto pick = [&](uint32_t count) { return random() % count; };
  constexpr size_t kLimit = 20;  // some stacks are deeper
  FakeStack stack;
  Walking walking(stack);
  std::vector<Call> calls;
  size_t walked = 0;
  for (int round = 0; round < 20'000; ++round) {
    calls.resize(calls.size() - std::min<size_t>(calls.size(), pick(4)));
    for (uint32_t more = pick(4); more > 0 && calls.size() < 30; --more) {
      const bool is_bytecode = pick(2) == 0;
      calls.push_back({is_bytecode ? kTrampoline : 0x400 + pick(3),
                       is_bytecode ? 1 + pick(3) : 0, pick(8) == 0});
    }
    for (Call& call : calls) {
      if (call.offset != 0 && pick(50) == 0) call.offset = 1 + pick(9);
    }

    stack.Clear();
    stack.Enter();
    std::vector<uintptr_t> expected;
    for (const auto& [pc, offset, is_from_cpp] : calls) {
      if (is_from_cpp) {
        stack.CallCpp();
        stack.Enter();
      }
      if (offset != 0) {
        stack.CallBytecode(pc, kArray, offset);
      } else {
        stack.Call(pc);
      }
      expected.insert(expected.begin(), offset != 0 ? kArray + offset : pc);
    }
    stack.CallCpp();
    expected.resize(std::min(expected.size(), kLimit));
    Walked found = walking.Walk(kLimit);
    if (found.result == Result::kUnknown) {
      walking.Learn(expected, calls.size() <= kLimit);
      found = walking.Walk(kLimit);
    }
    walked += found.result == Result::kWalked;
    EXPECT(found.frames == expected);
  }
  EXPECT(walked > 10'000);
  EXPECT(!FrameWalker::HasFailed());
}

TEST("FrameWalker: JavaScript that C++ called that JavaScript called") {
  FakeStack stack;
  PushProgram(&stack);
  stack.Enter();
  stack.CallBytecode(kTrampoline, kArray, 9);
  stack.CallCpp();
  Walking walking(stack);
  walking.Learn({kArray + 9, kCpp, kArray + 7, 0x400});
  EXPECT(walking.Walk().frames ==
         std::vector<uintptr_t>({kArray + 9, kArray + 7, 0x400}));
  EXPECT_EQUAL(walking.Walk(2).frames.size(), size_t{3});  // the same
  walking->Forget();
  EXPECT_EQUAL(walking.Walk(2).frames.size(), size_t{2});
}

TEST("FrameWalker: who carries out the innermost bytecode") {
  FakeStack stack;
  PushProgram(&stack);
  Walking walking(stack);
  walking.Learn({kArray + 7, 0x400});
  EXPECT(walking.Walk().result == Result::kWalked);
  EXPECT(!walking->interpreter());  // it has called C++
  stack.Enter();
  stack.CallBytecode(kTrampoline, kArray, 9);
  uint64_t* frame = stack.Call(0x700, kStub);
  frame[-3] = 12;
  stack.CallCpp();
  walking.Learn({kArray + 9, kArray + 7, 0x400});
  EXPECT(walking.Walk().result == Result::kWalked);
  const auto& interpreter = walking->interpreter();
  EXPECT(interpreter.has_value());
  EXPECT_EQUAL(interpreter->frame_pointer, reinterpret_cast<uintptr_t>(frame));
  EXPECT_EQUAL(interpreter->return_address, uintptr_t{0x700});
  EXPECT_EQUAL(interpreter->bytecode_array, kArray);
  EXPECT_EQUAL(walking->WatchAlso(interpreter->frame_pointer - 24),
               uint64_t{12});
  EXPECT(walking.Walk().result == Result::kSame);
  frame[-3] = 13;
  EXPECT(walking.Walk().result == Result::kWalked);
}

TEST("FrameWalker: the innermost function") {
  FakeStack stack;
  PushProgram(&stack);
  stack.Enter();
  uint64_t* frame = stack.Call(kCompiledFunctions);
  stack.Call(0x300, kStub);
  stack.CallCpp();
  frame[-2] = 0x7101;
  Walking walking(stack);
  EXPECT(walking.Walk().result == Result::kUnknown);
  EXPECT_EQUAL(walking->innermost_function(), uint64_t{0});
  walking.Learn({kCompiledFunctions, kArray + 7, 0x400});
  EXPECT(walking.Walk().result == Result::kWalked);
  EXPECT_EQUAL(walking->innermost_function(), uint64_t{0x7101});
  frame[-2] = 0x7201;
  EXPECT_EQUAL(walking->innermost_function(), uint64_t{0x7201});
}

TEST("FrameWalker: where JavaScript called without an exit frame") {
  FakeStack stack;
  stack.Enter();
  stack.Call(0x400);
  const auto frame =
      reinterpret_cast<uint64_t>(stack.Call(0x450));  // runs what calls C++
  stack.CallFast(frame, 0x800);
  Walking walking(stack);
  EXPECT(walking.Walk().result == Result::kUnknown);
  walking.Learn({0x800, 0x400});
  const Walked walked = walking.Walk();
  EXPECT(walked.result == Result::kWalked);
  EXPECT(walked.frames == std::vector<uintptr_t>({0x800, 0x400}));
  EXPECT(walking.Walk().result == Result::kSame);
  stack.CallFast(frame, 0x810);
  EXPECT(walking.Walk().result == Result::kUnknown);
  walking.Learn({0x810, 0x400});
  EXPECT(walking.Walk().frames == std::vector<uintptr_t>({0x810, 0x400}));
  stack.CallFast(frame, 0x800);
  EXPECT(walking.Walk().frames == std::vector<uintptr_t>({0x800, 0x400}));
  // The other word is left as it was.
  stack.CallFast(0, 0x800);
  stack.CallCpp();
  EXPECT(walking.Walk().result == Result::kUnknown);
  walking.Learn({0x450, 0x400});
  EXPECT(walking.Walk().frames == std::vector<uintptr_t>({0x450, 0x400}));
  stack.isolate_words()[3] = 0x820;
  EXPECT(walking.Walk().result == Result::kSame);
  EXPECT(!FrameWalker::HasFailed());
}

TEST("FrameWalker: V8 is asked where JavaScript has called nothing") {
  FakeStack stack;
  PushProgram(&stack);
  Walking walking(stack);
  walking.Learn({kArray + 7, 0x400});
  EXPECT(walking.Walk().result == Result::kWalked);
  stack.isolate_words()[1] = 0;
  EXPECT(walking.Walk().result == Result::kUnknown);
}

TEST("FrameWalker: frames that lead off the stack are not followed") {
  for (const uint64_t wrong : {uint64_t{0}, uint64_t{12}, ~uint64_t{7}}) {
    FakeStack stack;
    stack.Enter();
    uint64_t* frame = stack.Call(0x400);
    stack.CallCpp();
    Walking walking(stack);
    walking.Learn({0x400});
    EXPECT(walking.Walk().result == Result::kWalked);
    *frame = wrong;
    EXPECT(walking.Walk().result == Result::kUnknown);
  }
}

TEST("FrameWalker: a stack that V8 does not tell in full teaches nothing") {
  FakeStack stack;
  PushProgram(&stack);
  Walking walking(stack);
  walking.Learn({0x400});  // not that of the bytecode
  EXPECT(walking.Walk().result == Result::kUnknown);
  walking.Learn({kArray + 7, 0x400, 0x500});  // one that is not on the stack
  EXPECT(walking.Walk().result == Result::kUnknown);
  walking.Learn({kCpp, kArray + 7, 0x400});  // not where C++ is
  EXPECT(walking.Walk().result == Result::kUnknown);
  walking.Learn({kArray + 7}, false);
  EXPECT(walking.Walk().result == Result::kUnknown);
  EXPECT_EQUAL(walking.Walk(1).frames.size(), size_t{1});
  EXPECT(!FrameWalker::HasFailed());
}

TEST("FrameWalker: other kinds of code may come to known addresses") {
  FakeStack stack;
  stack.Enter();
  stack.CallBytecode(kTrampoline, kArray, 7);
  stack.CallCpp();
  Walking walking(stack);
  walking.Learn({kArray + 7});
  EXPECT(walking.Walk().result == Result::kWalked);
  walking.ForgetKinds();
  EXPECT(walking.Walk().result == Result::kUnknown);
  walking.Learn({kTrampoline});
  EXPECT(walking.Walk().frames == std::vector<uintptr_t>({kTrampoline}));
  EXPECT(!FrameWalker::HasFailed());
}

TEST("FrameWalker: V8 is asked again, less and less often") {
  FakeStack stack;
  Walking walking(stack);
  const auto count_checks = [&](int walks) {
    int checks = 0;
    for (int i = 0; i < walks; ++i) checks += walking->IsCheckDue();
    return checks;
  };
  EXPECT(walking->IsCheckDue());
  EXPECT_EQUAL(count_checks(1000), 8);
  count_checks(100'000);
  const int checks = count_checks(1'000'000);
  EXPECT(50 < checks && checks < 70);
}

TEST("FrameWalker: a kind that V8 contradicts is the end of it") {
  FakeStack stack;
  PushProgram(&stack);
  Walking walking(stack);
  walking.Learn({kArray + 7, 0x400});
  EXPECT(walking->IsUsable());
  // What was bytecode is machine code now, at the same address.
  walking.Learn({kTrampoline, 0x400});
  EXPECT(FrameWalker::HasFailed());
  EXPECT(!walking->IsUsable());
}

}  // namespace
}  // namespace memray_mocha::test
