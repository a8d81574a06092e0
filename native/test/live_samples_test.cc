#include "live_samples.h"

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

constexpr uint32_t kNoStack = Sample::kNoStack;

Sample SampleOf(uint32_t stack) {
  Sample sample{};
  sample.stack = stack;
  return sample;
}

uint64_t BytesOfFirstStack(const LiveSamples& samples) {
  return samples.SumByStack()[0].second.bytes;
}

TEST("live samples: are summed up by call stack") {
  LiveSamples samples;
  Sample first = SampleOf(3), second = SampleOf(70), third = SampleOf(3);
  samples.Add(&first, {100, 2.5}, 0);
  samples.Add(&second, {1000, 1}, 0);
  samples.Add(&third, {50, 1.5}, 0);
  const auto sums = samples.SumByStack();
  EXPECT_EQUAL(sums.size(), 2u);
  EXPECT_EQUAL(sums[0].first, 3u);
  EXPECT_EQUAL(sums[0].second.bytes, 150u);
  EXPECT_EQUAL(sums[0].second.objects, 4.0);
  EXPECT_EQUAL(sums[1].first, 70u);
  EXPECT_EQUAL(sums[1].second.bytes, 1000u);
  EXPECT_EQUAL(samples.live_bytes(), 1150u);
  EXPECT_EQUAL(samples.dead_bytes(), 0u);
}

TEST("live samples: what came later is taken off the sums") {
  LiveSamples::ByStack sums{{3, {100, 4}}, {5, {50, 2}}, {70, {10, 1}}};
  LiveSamples::Subtract(&sums, 3, {40, 1.5});
  LiveSamples::Subtract(&sums, 70, {10, 1});
  // Of these there is nothing.
  for (const uint32_t stack : {1, 4, 71})
    LiveSamples::Subtract(&sums, stack, {1, 1});
  EXPECT_EQUAL(sums.size(), 3u);
  EXPECT_EQUAL(sums[0].second.bytes, 60u);
  EXPECT_EQUAL(sums[0].second.objects, 2.5);
  EXPECT_EQUAL(sums[1].second.bytes, 50u);
  EXPECT_EQUAL(sums[2].second.bytes, 0u);
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
  EXPECT_EQUAL(BytesOfFirstStack(samples), 10u);
  samples.Remove(staying);
  EXPECT(samples.SumByStack().empty());
  EXPECT_EQUAL(samples.dead_bytes(), 115u);
}

TEST("live samples: what an object drops is dead from the start") {
  LiveSamples samples;
  Sample sample = SampleOf(3);
  samples.Add(&sample, {100, 1}, 25);
  EXPECT_EQUAL(samples.live_bytes(), 75u);
  EXPECT_EQUAL(samples.dead_bytes(), 25u);
  EXPECT_EQUAL(BytesOfFirstStack(samples), 75u);
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
  EXPECT(samples.SumByStack().empty());
}

TEST("live samples: can be forgotten") {
  LiveSamples samples;
  Sample sample = SampleOf(3);
  samples.Add(&sample, {100, 1}, 0);
  samples.AddDead({5, 1});
  samples.Clear();
  EXPECT_EQUAL(samples.live_bytes() + samples.dead_bytes(), 0u);
  EXPECT(samples.SumByStack().empty());
}

}  // namespace
}  // namespace memray_mocha::test
