#include "call_stack/native_call_stack.h"

#include <dlfcn.h>

#include <algorithm>

#include "call_stack/native_symbols.h"
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
  taken->count = UnwindNativeFrames(taken->caller, taken->frames, limit);
}

[[gnu::noinline]] void Inner(Taken* taken, size_t limit) {
  Take(taken, limit);
  asm volatile("" ::: "memory");  // no tail call
}

[[gnu::noinline]] void Outer(Taken* taken, size_t limit) {
  Inner(taken, limit);
  asm volatile("" ::: "memory");
}

TEST("UnwindNativeFrames: begins at the caller, and goes outwards") {
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

TEST("UnwindNativeFrames: never more than asked for") {
  Taken taken;
  std::fill(std::begin(taken.frames), std::end(taken.frames), 42);
  Outer(&taken, 2);
  EXPECT_EQUAL(taken.count, 2u);
  EXPECT_EQUAL(taken.frames[2], 42u);
}

TEST("UnwindNativeFrames: a caller that is not on the stack stands alone") {
  uintptr_t frames[8];
  EXPECT_EQUAL(UnwindNativeFrames(4711, frames, 8), 1u);
  EXPECT_EQUAL(frames[0], 4711u);
}

}  // namespace
}  // namespace memray_mocha::test
