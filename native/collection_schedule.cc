#include "collection_schedule.h"

#include <algorithm>

namespace memray_mocha {
namespace {

// Collecting may not cost more than this, but where it is urgent.
constexpr auto kFreeTime = std::chrono::milliseconds(4);
constexpr int kTimeDivisor = 50;  // 2% of the time

// The more garbage there was, the less one more look is worth: it would all be
// spent at the beginning, and not where memory is held.
constexpr uint64_t kGapDivisor = 8;
constexpr uint64_t kMaxGapBytes = uint64_t{4} << 20;

constexpr uint64_t kUrgentGrowth = 4;

// After a collection of the young generation there were 672 bytes of new blocks
// where nothing had been kept. A choice, with room for more of them.
constexpr uint64_t kFewBlockBytes = uint64_t{8} << 10;
constexpr uint64_t kFewBlockDivisor = 8;

// When Buffers have grown by 64 MiB, V8 begins to mark, and takes for live what
// is allocated meanwhile, until it has marked once more. To collect the young
// generation before that costs less, and tells more.
constexpr uint64_t kManyBlockBytes = uint64_t{32} << 20;

}  // namespace

void CollectionSchedule::OnCollected(uint64_t raw_bytes, const Total& left) {
  const uint64_t left_bytes = left.native_bytes + left.js_bytes;
  largest_examined_bytes_ = std::max(largest_examined_bytes_, raw_bytes);
  grows_by_live_memory_ =
      left_bytes > left_bytes_ &&
      (left_bytes - left_bytes_) * 2 > raw_bytes - left_bytes_;
  dropped_bytes_ += raw_bytes - std::min(raw_bytes, left_bytes);
  left_bytes_ = known_bytes_ = left_bytes;
  left_native_bytes_ = left.native_bytes;
}

void CollectionSchedule::OnV8Collected(uint64_t js_bytes,
                                       uint64_t left_js_bytes) {
  largest_examined_bytes_ = std::max(largest_examined_bytes_, js_bytes);
  known_bytes_ = left_native_bytes_ + left_js_bytes;
}

bool CollectionSchedule::IsDue(uint64_t raw_bytes, Time now) const {
  if (IsUrgent(raw_bytes)) return true;
  const uint64_t gap = std::min(dropped_bytes_ / kGapDivisor, kMaxGapBytes);
  return raw_bytes >= left_bytes_ + gap &&
         cost_ <= kFreeTime + (now - begin_) / kTimeDivisor;
}

/// Whether it cannot wait until there is time: a short peak would be over by
/// then, or garbage be told as one.
bool CollectionSchedule::IsUrgent(uint64_t raw_bytes) const {
  if (raw_bytes >= kUrgentGrowth * largest_examined_bytes_) return true;
  // That what is added stays, is known of what there was.
  return grows_by_live_memory_ && raw_bytes >= known_bytes_ + known_bytes_ / 2;
}

bool CollectionSchedule::HasFewNewBlocks(const Total& now) const {
  const uint64_t bytes = now.native_bytes + now.js_bytes;
  return now.native_bytes <=
         left_native_bytes_ +
             std::max(kFewBlockBytes, bytes / kFewBlockDivisor);
}

bool CollectionSchedule::HasManyNewBlocks(uint64_t native_bytes) const {
  return native_bytes >= left_native_bytes_ + kManyBlockBytes;
}

}  // namespace memray_mocha
