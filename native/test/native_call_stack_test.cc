#include "call_stack/native_call_stack.h"

#include <alloca.h>
#include <unwind.h>

#include <algorithm>
#include <cstdlib>
#include <thread>
#include <vector>

#include "call_stack/native_symbols.h"
#include "call_stack/unwind_rule.h"
#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

struct Taken {
  uintptr_t frames[64];
  size_t count;
  uintptr_t caller;
};

/// Where the allocator would be.
[[gnu::noinline]] void Take(Taken* taken, size_t limit) {
  taken->caller = reinterpret_cast<uintptr_t>(__builtin_return_address(0));
  // Each thread's, as the tracker has it: a call stack follows others.
  static thread_local NativeUnwinder unwinder;
  taken->count = unwinder.Unwind(taken->caller, taken->frames, limit);
}

[[gnu::noinline]] void Inner(Taken* taken, size_t limit) {
  Take(taken, limit);
  asm volatile("" ::: "memory");  // no tail call
}

[[gnu::noinline]] void Outer(Taken* taken, size_t limit) {
  Inner(taken, limit);
  asm volatile("" ::: "memory");
}

TEST("NativeUnwinder: begins at the caller, and goes outwards") {
  Taken taken;
  Outer(&taken, 64);
  EXPECT(taken.count > 3);
  EXPECT_EQUAL(taken.frames[0], taken.caller);
  NativeSymbols& symbols = NativeSymbols::OfProcess();
  const auto name = [&](size_t i) {
    return symbols.Find(taken.frames[i] - 1, true).function;
  };
  EXPECT(name(0).find("Inner(") != std::string::npos);
  EXPECT(name(1).find("Outer(") != std::string::npos);
}

/// @return what the ABI's unwinder gives, from its own caller on.
[[gnu::noinline]] std::vector<uintptr_t> UnwindByLibrary() {
  std::vector<uintptr_t> frames;
  _Unwind_Backtrace(
      [](_Unwind_Context* context, void* data) {
        if (const uintptr_t address = _Unwind_GetIP(context))
          static_cast<std::vector<uintptr_t>*>(data)->push_back(address);
        return _URC_NO_REASON;
      },
      &frames);
  return frames;
}

/// All frames but this one, where the two are called from different places.
[[gnu::noinline]] void ExpectFramesOfLibrary() {
  Taken taken;
  Take(&taken, 64);
  const std::vector<uintptr_t> expected = UnwindByLibrary();
  EXPECT(taken.count > 3);
  EXPECT_EQUAL(taken.count + 1, expected.size());
  EXPECT(std::equal(expected.begin() + 2, expected.end(), taken.frames + 1));
}

/// Has its caller's place from rbp, for its frame's size is not known.
[[gnu::noinline]] void CallWithRoom(size_t size_bytes) {
  auto* room = static_cast<volatile char*>(alloca(size_bytes));
  room[0] = 1;
  ExpectFramesOfLibrary();
  room[size_bytes - 1] = 1;
}

[[gnu::noinline]] void CallDeep(int depth) {
  if (depth == 0) return ExpectFramesOfLibrary();
  CallDeep(depth - 1);
  asm volatile("" ::: "memory");
}

int CompareAndCall(const void*, const void*) {
  ExpectFramesOfLibrary();
  return 0;
}

TEST("NativeUnwinder: gives what the ABI's unwinder gives") {
  for (int time = 0; time < 2; ++time) {  // read, and remembered
    ExpectFramesOfLibrary();
    CallWithRoom(100);
    CallWithRoom(5000);
    CallDeep(20);
    int numbers[] = {2, 1};
    std::qsort(numbers, 2, sizeof numbers[0], CompareAndCall);
    std::thread(CallDeep, 3).join();
    UnwindRule::ForgetAll();
  }
}

/// The same frames above callers that differ, and the other way round.
[[gnu::noinline]] void CallEither(int turn) {
  if (turn % 2 == 0) {
    CallDeep(turn / 2 % 2);
    asm volatile("" ::: "memory");
  } else {
    CallDeep(turn / 2 % 2);
    asm volatile("nop" ::: "memory");
  }
}

TEST("NativeUnwinder: sees each difference from the call stack before") {
  for (int turn = 0; turn < 32; ++turn) {
    CallEither(turn);
    if (turn % 3 == 0) {
      CallEither(turn / 2);
      asm volatile("" ::: "memory");
    }
  }
}

/// @return what is noted of the call stack, so many calls deeper.
[[gnu::noinline]] NativeUnwinder::Note* UnwindAt(int depth,
                                                 NativeUnwinder* unwinder) {
  if (depth > 0) {
    NativeUnwinder::Note* note = UnwindAt(depth - 1, unwinder);
    asm volatile("" ::: "memory");  // no tail call
    return note;
  }
  uintptr_t frames[64];
  unwinder->Unwind(0, frames, 64);
  return unwinder->note();
}

TEST("NativeUnwinder: a note comes back with its call stack, and only so") {
  NativeUnwinder unwinder;
  // Not known to the compiler: each round is to call from the same place.
  const volatile int rounds = 6, depths = 4;
  for (int round = 0; round < rounds; ++round) {
    const bool is_new = round == 0 || round == 3;
    if (round == 3) UnwindRule::ForgetAll();
    for (int depth = 0; depth < depths; ++depth) {
      NativeUnwinder::Note* note = UnwindAt(depth, &unwinder);
      EXPECT(note != nullptr);
      EXPECT_EQUAL(note->stack, is_new ? 0u : 7u + depth);
      note->stack = 7 + depth;
    }
  }
  // From here it is another one.
  EXPECT_EQUAL(UnwindAt(0, &unwinder)->stack, 0u);
}

TEST("NativeUnwinder: there is no note of a call stack that was cut off") {
  NativeUnwinder unwinder;
  uintptr_t frames[2];
  unwinder.Unwind(0, frames, 2);
  EXPECT(unwinder.note() == nullptr);
}

TEST("NativeUnwinder: never more than asked for") {
  Taken taken;
  std::fill(std::begin(taken.frames), std::end(taken.frames), 42);
  Outer(&taken, 2);
  EXPECT_EQUAL(taken.count, 2u);
  EXPECT_EQUAL(taken.frames[2], 42u);
}

TEST("NativeUnwinder: a caller that is not on the stack stands alone") {
  uintptr_t frames[8];
  EXPECT_EQUAL(NativeUnwinder().Unwind(4711, frames, 8), 1u);
  EXPECT_EQUAL(frames[0], 4711u);
}

}  // namespace
}  // namespace memray_mocha::test
