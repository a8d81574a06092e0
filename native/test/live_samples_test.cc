#include "live_samples.h"

#include <cmath>
#include <vector>

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

constexpr uint32_t kNoStack = Sample::kNoStack;

Sample SampleOf(uint32_t stack) {
  Sample sample{};
  sample.stack = stack;
  return sample;
}

struct Row {
  uint32_t stack;
  uint64_t bytes;
  uint64_t objects;

  bool operator==(const Row&) const = default;
};
using Rows = std::vector<Row>;

Rows TakeChanges(LiveSamples* samples) {
  Rows rows;
  samples->TakeChanges(
      [&rows](uint32_t stack, uint64_t bytes, uint64_t objects) {
        rows.push_back({stack, bytes, objects});
      });
  return rows;
}

TEST("live samples: are summed up by call stack") {
  LiveSamples samples;
  Sample first = SampleOf(3), second = SampleOf(70), third = SampleOf(3);
  samples.Add(&first, {100, 2.5}, 0);
  samples.Add(&second, {1000, 1}, 0);
  samples.Add(&third, {50, 1.5}, 0);
  EXPECT(TakeChanges(&samples) == (Rows{{3, 150, 4}, {70, 1000, 1}}));
  EXPECT_EQUAL(samples.live_bytes(), 1150u);
  EXPECT_EQUAL(samples.dead_bytes(), 0u);
}

TEST("live samples: what changes is told once") {
  LiveSamples samples;
  Sample first = SampleOf(3), second = SampleOf(70), third = SampleOf(70);
  samples.Add(&first, {100, 1}, 0);
  samples.Add(&second, {1000, 1}, 0);
  TakeChanges(&samples);
  EXPECT(TakeChanges(&samples).empty());
  samples.Remove(second);
  EXPECT(TakeChanges(&samples) == (Rows{{70, 0, 0}}));
  // What comes and goes in between is no change.
  samples.Add(&third, {50, 1}, 0);
  samples.Remove(third);
  EXPECT(TakeChanges(&samples).empty());
  // The number of objects alone is one.
  Sample many = SampleOf(3);
  samples.Remove(first);
  samples.Add(&many, {100, 4}, 0);
  EXPECT(TakeChanges(&samples) == (Rows{{3, 100, 4}}));
}

TEST("live samples: what came later can be hidden for a while") {
  LiveSamples samples;
  Sample first = SampleOf(3), later = SampleOf(3);
  samples.Add(&first, {60, 2}, 0);
  samples.Add(&later, {40, 1}, 0);
  samples.Hide(later);
  EXPECT(TakeChanges(&samples) == (Rows{{3, 60, 2}}));
  samples.Show(later);
  EXPECT(TakeChanges(&samples) == (Rows{{3, 100, 3}}));
}

TEST("live samples: a part of one can die") {
  LiveSamples samples;
  Sample first = SampleOf(3), second = SampleOf(3);
  samples.Add(&first, {100, 1}, 0);
  samples.Add(&second, {40, 2}, 0);
  samples.Shorten(&first, 30);
  EXPECT(TakeChanges(&samples) == (Rows{{3, 110, 3}}));
  EXPECT_EQUAL(samples.live_bytes(), 110u);
  EXPECT_EQUAL(samples.dead_bytes(), 30u);
  samples.Remove(first);
  EXPECT(TakeChanges(&samples) == (Rows{{3, 40, 2}}));
}

TEST("live samples: of which nothing is left are no objects") {
  LiveSamples samples;
  Sample first = SampleOf(3), second = SampleOf(3);
  samples.Add(&first, {100, 1}, 0);
  samples.Add(&second, {40, 2}, 0);
  samples.Shorten(&first, 101);
  EXPECT(TakeChanges(&samples) == (Rows{{3, 40, 2}}));
  samples.Remove(first);
  EXPECT_EQUAL(samples.live_bytes(), 40u);
  EXPECT_EQUAL(samples.dead_bytes(), 100u);
}

TEST("live samples: sums can be told by someone else") {
  LiveSamples samples;
  samples.SetSums({{3, {100, 4}}, {5, {50, 2}}});
  EXPECT(TakeChanges(&samples) == (Rows{{3, 100, 4}, {5, 50, 2}}));
  samples.SetSums({{5, {50, 2}}, {70, {10, 1}}});
  EXPECT(TakeChanges(&samples) == (Rows{{3, 0, 0}, {70, 10, 1}}));
}

TEST(
    "live samples: what chance may leave out grows with what each stands for") {
  LiveSamples samples;
  Sample large = SampleOf(3), small = SampleOf(3);
  samples.Add(&large, {1000, 1}, 0);
  EXPECT_EQUAL(samples.StandardError(), 0.0);
  samples.Add(&small, {400, 16}, 0);
  samples.AddDead({300, 1.0 / 0.36});
  samples.Remove(small);
  // 400 * 400 * 15 / 16 + 300 * 300 * 0.64
  EXPECT_EQUAL(std::round(samples.StandardError()), 456.0);
  samples.Clear();
  EXPECT_EQUAL(samples.StandardError(), 0.0);
}

TEST("live samples: the dead are in no call stack, but are what died") {
  LiveSamples samples;
  Sample dying = SampleOf(3), staying = SampleOf(3);
  samples.Add(&dying, {100, 1}, 0);
  samples.Add(&staying, {10, 1}, 0);
  samples.Remove(dying);
  samples.AddDead({5, 1});
  EXPECT_EQUAL(samples.live_bytes(), 10u);
  EXPECT_EQUAL(samples.dead_bytes(), 105u);
  EXPECT(TakeChanges(&samples) == (Rows{{3, 10, 1}}));
  samples.Remove(staying);
  EXPECT(TakeChanges(&samples) == (Rows{{3, 0, 0}}));
  EXPECT_EQUAL(samples.dead_bytes(), 115u);
}

TEST("live samples: what an object drops is dead from the start") {
  LiveSamples samples;
  Sample sample = SampleOf(3);
  samples.Add(&sample, {100, 1}, 25);
  EXPECT_EQUAL(samples.live_bytes(), 75u);
  EXPECT_EQUAL(samples.dead_bytes(), 25u);
  EXPECT(TakeChanges(&samples) == (Rows{{3, 75, 1}}));
  samples.Remove(sample);
  EXPECT_EQUAL(samples.live_bytes(), 0u);
  EXPECT_EQUAL(samples.dead_bytes(), 100u);
}

TEST("live samples: what is not the program's counts as dead, once") {
  LiveSamples samples;
  Sample sample = SampleOf(kNoStack);
  samples.Add(&sample, {100, 1}, 25);
  EXPECT_EQUAL(samples.live_bytes(), 0u);
  EXPECT_EQUAL(samples.dead_bytes(), 100u);
  samples.Remove(sample);
  EXPECT_EQUAL(samples.dead_bytes(), 100u);
  EXPECT(TakeChanges(&samples).empty());
}

TEST("live samples: can be forgotten") {
  LiveSamples samples;
  Sample sample = SampleOf(3);
  samples.Add(&sample, {100, 1}, 0);
  samples.AddDead({5, 1});
  TakeChanges(&samples);
  samples.Clear();
  EXPECT_EQUAL(samples.live_bytes() + samples.dead_bytes(), 0u);
  EXPECT(TakeChanges(&samples) == (Rows{{3, 0, 0}}));
}

}  // namespace
}  // namespace memray_mocha::test
