#include "collection_schedule.h"

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

using std::chrono::milliseconds;

constexpr uint64_t kKiB = uint64_t{1} << 10;
constexpr uint64_t kMiB = uint64_t{1} << 20;
constexpr CollectionSchedule::Time kBegin{};

/// One that has found so much garbage, and nothing else.
CollectionSchedule AfterGarbage(uint64_t bytes) {
  CollectionSchedule schedule(kBegin);
  schedule.OnCollected(bytes, {0, 0});
  return schedule;
}

TEST("collection schedule: nothing is known at the beginning") {
  EXPECT(CollectionSchedule(kBegin).IsDue(64 * kKiB, kBegin));
}

TEST(
    "collection schedule: looks are further apart the more garbage there was") {
  const CollectionSchedule schedule = AfterGarbage(8 * kMiB);
  EXPECT(!schedule.grows_by_live_memory());
  EXPECT(!schedule.IsDue(kMiB - 1, kBegin));
  EXPECT(schedule.IsDue(kMiB, kBegin));
}

TEST("collection schedule: by 4 MiB at most") {
  const CollectionSchedule schedule = AfterGarbage(100 * kMiB);
  EXPECT(!schedule.IsDue(4 * kMiB - 1, kBegin));
  EXPECT(schedule.IsDue(4 * kMiB, kBegin));
}

TEST("collection schedule: it may cost 4 ms and 2% of the time") {
  CollectionSchedule schedule = AfterGarbage(8 * kMiB);
  schedule.AddCost(milliseconds(4));
  EXPECT(schedule.IsDue(kMiB, kBegin));
  schedule.AddCost(milliseconds(1));
  EXPECT(!schedule.IsDue(kMiB, kBegin + milliseconds(49)));
  EXPECT(schedule.IsDue(kMiB, kBegin + milliseconds(50)));
}

TEST("collection schedule: four times what was examined has no time to wait") {
  CollectionSchedule schedule = AfterGarbage(8 * kMiB);
  schedule.AddCost(milliseconds(5));
  EXPECT(!schedule.IsDue(32 * kMiB - 1, kBegin));
  EXPECT(schedule.IsDue(32 * kMiB, kBegin));
  schedule.OnV8Collected(16 * kMiB, 0);
  EXPECT(!schedule.IsDue(64 * kMiB - 1, kBegin));
  EXPECT(schedule.IsDue(64 * kMiB, kBegin));
}

TEST("collection schedule: nor has half as much again as had stayed") {
  CollectionSchedule schedule(kBegin);
  schedule.OnCollected(10 * kMiB, {6 * kMiB, 2 * kMiB});
  schedule.AddCost(milliseconds(5));
  EXPECT(schedule.grows_by_live_memory());
  EXPECT(!schedule.IsDue(12 * kMiB - 1, kBegin));
  EXPECT(schedule.IsDue(12 * kMiB, kBegin));
  schedule.OnV8Collected(4 * kMiB, 4 * kMiB);
  EXPECT(!schedule.IsDue(15 * kMiB - 1, kBegin));
  EXPECT(schedule.IsDue(15 * kMiB, kBegin));
}

TEST("collection schedule: less than half of what was added is no growth") {
  CollectionSchedule schedule(kBegin);
  schedule.OnCollected(10 * kMiB, {8 * kMiB, 0});
  schedule.OnCollected(12 * kMiB, {9 * kMiB, 0});
  EXPECT(!schedule.grows_by_live_memory());
  schedule.OnCollected(12 * kMiB, {11 * kMiB, 0});
  EXPECT(schedule.grows_by_live_memory());
}

TEST(
    "collection schedule: new blocks are few up to an eighth of all, or 8 "
    "KiB") {
  CollectionSchedule schedule(kBegin);
  schedule.OnCollected(9 * kMiB, {8 * kMiB, 0});
  EXPECT(schedule.HasFewNewBlocks({9 * kMiB, 0}));
  EXPECT(!schedule.HasFewNewBlocks({10 * kMiB, 0}));
  EXPECT(schedule.HasFewNewBlocks({10 * kMiB, 6 * kMiB}));
  schedule.OnCollected(9 * kMiB, {0, 0});
  EXPECT(schedule.HasFewNewBlocks({8 << 10, 0}));
  EXPECT(!schedule.HasFewNewBlocks({9 << 10, 0}));
}

TEST("collection schedule: new blocks are many before V8 begins to mark") {
  CollectionSchedule schedule(kBegin);
  schedule.OnCollected(9 * kMiB, {8 * kMiB, 0});
  EXPECT(!schedule.HasManyNewBlocks(40 * kMiB - 1));
  EXPECT(schedule.HasManyNewBlocks(40 * kMiB));
}

}  // namespace
}  // namespace memray_mocha::test
