#include "sample_stacks.h"

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

constexpr uint32_t kNone = SampleStacks::kNone;

TEST("sample stacks: number samples in the order in which they are added") {
  SampleStacks stacks;
  for (const uint32_t stack : {70u, kNone, 72u}) stacks.Add(stack);
  EXPECT_EQUAL(stacks.Get(0), 70u);
  EXPECT_EQUAL(stacks.Get(1), kNone);
  EXPECT_EQUAL(stacks.Get(2), 72u);
  EXPECT_EQUAL(stacks.Get(3), kNone);
}

TEST("sample stacks: keep the live ones, in any order, and go on counting") {
  SampleStacks stacks;
  for (uint32_t stack = 70; stack < 80; ++stack) stacks.Add(stack);
  stacks.KeepOnly({8, 3});
  stacks.Add(90);
  EXPECT_EQUAL(stacks.Get(3), 73u);
  EXPECT_EQUAL(stacks.Get(4), kNone);
  EXPECT_EQUAL(stacks.Get(8), 78u);
  EXPECT_EQUAL(stacks.Get(10), 90u);
  stacks.KeepOnly({10, 3});
  EXPECT_EQUAL(stacks.Get(3), 73u);
  EXPECT_EQUAL(stacks.Get(8), kNone);
  EXPECT_EQUAL(stacks.Get(10), 90u);
}

TEST("sample stacks: V8 may have taken some that were not added") {
  SampleStacks stacks;
  stacks.Add(70);
  stacks.KeepOnly({0, 1, 2});
  stacks.Add(73);
  EXPECT_EQUAL(stacks.Get(0), 70u);
  EXPECT_EQUAL(stacks.Get(2), kNone);
  EXPECT_EQUAL(stacks.Get(3), 73u);
}

TEST("sample stacks: are crowded by a million new ones, or as many as lived") {
  SampleStacks stacks;
  std::vector<uint64_t> numbers;
  constexpr uint64_t kCount = uint64_t{3} << 20;
  for (uint64_t i = 0; i < kCount; ++i) {
    EXPECT_EQUAL(stacks.IsCrowded(), i >= uint64_t{1} << 20);
    stacks.Add(7);
    numbers.push_back(i);
  }
  stacks.KeepOnly(numbers);
  for (uint64_t i = 0; i < kCount; ++i) {
    EXPECT(!stacks.IsCrowded());
    stacks.Add(7);
  }
  EXPECT(stacks.IsCrowded());
  stacks.Clear();
  EXPECT(!stacks.IsCrowded());
  EXPECT_EQUAL(stacks.Get(0), kNone);
}

}  // namespace
}  // namespace memray_mocha::test
