#include "known_stacks.h"

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

constexpr uintptr_t kFrame = 0x401000;

/// 0 when it is not known.
uint32_t StackOf(const KnownStacks& stacks, uintptr_t frame, uint32_t caller) {
  const uint32_t* stack = stacks.Find(frame, caller);
  return stack ? *stack : 0;
}

/// A frame behind `after` that is in the same set as kFrame: the second of them
/// drives that out.
uintptr_t FindRival(uintptr_t after) {
  KnownStacks stacks;
  stacks.Add(kFrame, 0, 1);
  uintptr_t rival = after;
  while (stacks.Find(kFrame, 0)) stacks.Add(++rival, 0, 1);
  return rival;
}

TEST("known stacks: none are at first, nor when they are cleared") {
  KnownStacks stacks;
  EXPECT_EQUAL(StackOf(stacks, kFrame, 0), 0u);
  stacks.Add(kFrame, 0, 1);
  EXPECT_EQUAL(StackOf(stacks, kFrame, 0), 1u);
  stacks.Clear();
  EXPECT_EQUAL(StackOf(stacks, kFrame, 0), 0u);
}

TEST("known stacks: a frame has one for each caller") {
  KnownStacks stacks;
  stacks.Add(kFrame, 0, 1);
  stacks.Add(kFrame, 1, 2);
  stacks.Add(kFrame + 1, 0, 3);
  EXPECT_EQUAL(StackOf(stacks, kFrame, 0), 1u);
  EXPECT_EQUAL(StackOf(stacks, kFrame, 1), 2u);
  EXPECT_EQUAL(StackOf(stacks, kFrame + 1, 0), 3u);
  EXPECT_EQUAL(StackOf(stacks, kFrame + 1, 1), 0u);
}

TEST("known stacks: two that share a set stay, in whatever order") {
  const uintptr_t rival = FindRival(kFrame);
  KnownStacks stacks;
  for (int i = 0; i < 3; ++i) {
    stacks.Add(kFrame, 0, 1);
    stacks.Add(rival, 0, 2);
    stacks.Add(rival, 0, 2);
    EXPECT_EQUAL(StackOf(stacks, kFrame, 0), 1u);
    EXPECT_EQUAL(StackOf(stacks, rival, 0), 2u);
  }
}

TEST("known stacks: a third in a set takes the place of the older one") {
  const uintptr_t rival = FindRival(kFrame);
  const uintptr_t third = FindRival(rival);
  KnownStacks stacks;
  stacks.Add(rival, 0, 2);
  stacks.Add(kFrame, 0, 1);
  stacks.Add(third, 0, 3);
  EXPECT_EQUAL(StackOf(stacks, rival, 0), 0u);
  EXPECT_EQUAL(StackOf(stacks, kFrame, 0), 1u);
  EXPECT_EQUAL(StackOf(stacks, third, 0), 3u);
}

}  // namespace
}  // namespace memray_mocha::test
