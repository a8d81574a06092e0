#include "held_events.h"

#include <cstdint>
#include <string>

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

constexpr uint64_t kNoLimit = UINT64_MAX;

HeldEvents::Event Allocation(uint64_t address, int64_t bytes,
                             EventKind kind = EventKind::kAllocation) {
  return {.kind = kind,
          .address = address,
          .size_bytes = static_cast<uint64_t>(bytes),
          .added_bytes = bytes};
}

HeldEvents::Event Free(uint64_t address, int64_t bytes, bool by_collector) {
  return {.kind = EventKind::kDeallocation,
          .is_garbage = by_collector,
          .address = address,
          .added_bytes = -bytes};
}

HeldEvents::Event Unmapping(uint64_t address, int64_t bytes,
                            bool by_collector) {
  return {.kind = EventKind::kUnmapping,
          .is_garbage = by_collector,
          .address = address,
          .size_bytes = static_cast<uint64_t>(bytes),
          .added_bytes = -bytes};
}

/// By a collector.
HeldEvents::Event OfWorker(HeldEvents::Event end) {
  end.is_of_worker = true;
  return end;
}

HeldEvents::Event Object(const Sample& sample) {
  return {.kind = EventKind::kObject,
          .stack = sample.stack,
          .address = reinterpret_cast<uintptr_t>(&sample)};
}

Sample LiveSample(uint32_t stack, uint64_t bytes) {
  Sample sample{};
  sample.stack = stack;
  sample.live_bytes = bytes;
  sample.live_objects = 1;
  return sample;
}

/// A block that comes and goes, between two objects.
HeldEvents BlockBetween(const Sample& early, const Sample& late) {
  HeldEvents events;
  events.Begin(0);
  events.Add(Object(early));
  events.Add(Allocation(16, 8000));
  events.Add(Free(16, 8000, false));
  events.Add(Object(late));
  return events;
}

/// `+16 -16 | +32`: what is written, with the peak.
std::string WriteAll(const HeldEvents& events, size_t position) {
  std::string text;
  events.WriteAll(
      position,
      [&](const HeldEvents::Event& event) {
        text += IsNativeBegin(event.kind) ? '+' : '-';
        text += std::to_string(event.address) + ' ';
      },
      [&] { text += "| "; });
  return text;
}

TEST("held events: what the program freed itself was live until then") {
  HeldEvents events;
  events.Begin(100);
  events.Add(Allocation(16, 1000));
  events.Add(Free(16, 1000, false));
  events.Add(Allocation(32, 10));
  EXPECT_EQUAL(events.raw_peak_bytes(), 1100u);
  const HeldEvents::Peak peak = events.FindPeak(0, kNoLimit);
  EXPECT_EQUAL(peak.bytes(), 1100u);
  EXPECT_EQUAL(WriteAll(events, peak.position), "+16 | -16 +32 ");
}

TEST("held events: garbage does not add up, and ends before the peak") {
  HeldEvents events;
  events.Begin(100);
  events.Add(Allocation(16, 1000));
  events.Add(Allocation(32, 2000));
  events.Add(Allocation(48, 1500));
  events.Add(Free(64, 40, true));  // from before
  events.Add(Free(16, 1000, true));
  events.Add(Free(32, 2000, true));
  events.Add(Free(48, 1500, true));
  EXPECT_EQUAL(events.raw_peak_bytes(), 4600u);
  const HeldEvents::Peak peak = events.FindPeak(0, kNoLimit);
  EXPECT_EQUAL(peak.bytes(), 2060u);  // at the moment of its allocation
  EXPECT_EQUAL(WriteAll(events, peak.position),
               "-64 +16 -16 +32 | -32 +48 -48 ");
}

TEST("held events: an address that garbage had is used again") {
  HeldEvents events;
  events.Begin(0);
  events.Add(Allocation(16, 10));
  events.Add(Free(16, 10, true));
  events.Add(Allocation(16, 20));
  events.Add(Allocation(32, 5));
  events.Add(Free(16, 20, false));
  const HeldEvents::Peak peak = events.FindPeak(0, kNoLimit);
  EXPECT_EQUAL(peak.bytes(), 25u);
  EXPECT_EQUAL(WriteAll(events, peak.position), "+16 -16 +16 +32 | -16 ");
}

TEST("held events: mappings that the collector ends, held and from before") {
  HeldEvents events;
  events.Begin(4096);
  events.Add(Allocation(8192, 4096, EventKind::kMapping));
  events.Add(Allocation(65536, 100));
  events.Add(Unmapping(4096, 8192, true));
  const HeldEvents::Peak peak = events.FindPeak(0, kNoLimit);
  EXPECT_EQUAL(peak.bytes(), 4096u);
  EXPECT_EQUAL(WriteAll(events, peak.position), "-4096 +8192 | -8192 +65536 ");
}

TEST("held events: a mapping of which the collector ends a part is live") {
  for (const uint64_t part : {8192, 12288}) {
    HeldEvents events;
    events.Begin(0);
    events.Add(Allocation(8192, 8192, EventKind::kMapping));
    events.Add(Unmapping(part, 4096, true));
    events.Add(Allocation(65536, 100));
    const HeldEvents::Peak peak = events.FindPeak(0, kNoLimit);
    EXPECT_EQUAL(peak.bytes(), 8192u);
    EXPECT_EQUAL(peak.position, 1u);
  }
}

TEST("held events: what was confirmed is live until it is freed") {
  HeldEvents events;
  events.Begin(100);
  events.Add(Allocation(16, 1000));
  events.Add(Allocation(32, 2000));
  events.Add(Free(32, 2000, true));
  events.Add(Allocation(48, 500));
  events.ConfirmWorkers();
  events.Add(Allocation(64, 4000));
  events.Add(Allocation(80, 30));
  events.Add(OfWorker(Free(64, 4000, false)));
  events.Add(OfWorker(Free(16, 1000, false)));
  events.Add(OfWorker(Free(96, 20, false)));  // from before
  events.Add(Free(48, 500, true));            // not a worker's
  events.Add(Allocation(112, 1));
  EXPECT_EQUAL(events.FindPeak(0, 0).bytes(), 5100u);
  EXPECT_EQUAL(WriteAll(events, 6),
               "+16 +32 -32 +48 -48 +64 -64 +80 | -16 -96 +112 ");
}

TEST("held events: what was confirmed last goes by what was before") {
  HeldEvents events;
  events.Begin(0);
  events.Add(Allocation(16, 1000));
  events.ConfirmWorkers();
  events.Add(Allocation(32, 300));
  events.Add(OfWorker(Free(16, 1000, false)));
  events.ConfirmWorkers();
  events.Add(Allocation(48, 500));
  events.Add(OfWorker(Free(32, 300, false)));
  events.Add(OfWorker(Free(48, 500, false)));
  const HeldEvents::Peak peak = events.FindPeak(0, 0);
  EXPECT_EQUAL(peak.bytes(), 1300u);
  EXPECT_EQUAL(WriteAll(events, peak.position), "+16 +32 | -16 +48 -48 -32 ");
}

TEST("held events: what a worker's collector ended reaches no limit") {
  HeldEvents events;
  events.Begin(0);
  events.Add(Allocation(16, 1000));
  events.Add(Allocation(32, 500));
  events.Add(OfWorker(Free(16, 1000, false)));
  events.Add(Free(32, 500, false));
  EXPECT_EQUAL(events.FindPeak(0, 1501).bytes(), 1500u);
  EXPECT_EQUAL(events.FindPeak(1, 1501).bytes(), 1001u);
  EXPECT_EQUAL(events.FindPeak(0, 1500).bytes(), 1000u);
}

TEST("held events: mappings that were confirmed are live until they end") {
  HeldEvents events;
  events.Begin(4096);
  events.Add(Allocation(8192, 4096, EventKind::kMapping));
  events.ConfirmWorkers();
  events.Add(Allocation(16384, 4096, EventKind::kMapping));
  events.Add(OfWorker(Unmapping(16384, 4096, false)));
  events.Add(Allocation(32768, 4096, EventKind::kMapping));
  events.Add(OfWorker(Unmapping(4096, 4096, false)));  // from before
  events.Add(OfWorker(Unmapping(8192, 4096, false)));
  const HeldEvents::Peak peak = events.FindPeak(0, 0);
  EXPECT_EQUAL(peak.bytes(), 12288u);
  EXPECT_EQUAL(WriteAll(events, peak.position),
               "+8192 +16384 | -16384 +32768 -4096 -8192 ");
}

TEST("held events: the peak may be before all of them") {
  HeldEvents events;
  events.Begin(100);
  events.Add(Free(16, 60, false));
  events.Add(Allocation(32, 50));
  const HeldEvents::Peak peak = events.FindPeak(0, kNoLimit);
  EXPECT_EQUAL(peak.bytes(), 100u);
  EXPECT_EQUAL(WriteAll(events, peak.position), "| -16 +32 ");
}

TEST("held events: objects do not add to what native memory held before") {
  const Sample early = LiveSample(1, 100);
  const Sample late = LiveSample(2, 5000);
  HeldEvents events = BlockBetween(early, late);
  // 300 bytes were there before.
  const HeldEvents::Peak peak = events.FindPeak(5400, kNoLimit);
  EXPECT_EQUAL(peak.native_bytes, 8000u);
  EXPECT_EQUAL(peak.js_bytes, 400u);
  EXPECT_EQUAL(WriteAll(events, peak.position), "+16 | -16 ");
  uint64_t later = 0;
  events.ForEachObjectAfter(peak.position, [&later](const Sample& sample) {
    EXPECT_EQUAL(sample.stack, 2u);
    later += sample.live_bytes;
  });
  EXPECT_EQUAL(later, 5000u);
}

TEST("held events: the peak may be where an object was made") {
  const Sample early = LiveSample(1, 100);
  const Sample late = LiveSample(2, 9000);
  HeldEvents events = BlockBetween(early, late);
  const HeldEvents::Peak peak = events.FindPeak(9100, kNoLimit);
  EXPECT_EQUAL(peak.native_bytes, 0u);
  EXPECT_EQUAL(peak.js_bytes, 9100u);
}

TEST("held events: a dead object is looked at no longer") {
  Sample sample = LiveSample(1, 1000);
  HeldEvents events;
  events.Begin(0);
  events.Add(Object(sample));
  events.Add({.kind = EventKind::kObjectEnd,
              .is_garbage = true,
              .address = reinterpret_cast<uintptr_t>(&sample)});
  events.Add(Allocation(16, 50));
  for (const bool forget : {false, true}) {
    if (forget) events.ForgetGarbage();
    const HeldEvents::Peak peak = events.FindPeak(200, kNoLimit);
    EXPECT_EQUAL(peak.native_bytes, 50u);
    EXPECT_EQUAL(peak.js_bytes, 200u);
  }
}

TEST("held events: without garbage, all stays in its order") {
  HeldEvents events;
  events.Begin(0);
  events.Add(Allocation(16, 10));
  events.Add(Allocation(32, 10));
  events.Add(Free(16, 10, true));
  events.ForgetGarbage();
  const HeldEvents::Peak peak = events.FindPeak(0, kNoLimit);
  EXPECT_EQUAL(peak.bytes(), 20u);
  EXPECT_EQUAL(WriteAll(events, peak.position), "+16 +32 | -16 ");
}

TEST("held events: begin anew with nothing of before") {
  HeldEvents events;
  events.Begin(100);
  events.Add(Allocation(16, 1000));
  events.Add(Free(16, 1000, true));
  EXPECT_EQUAL(events.FindPeak(0, kNoLimit).bytes(), 1100u);
  events.Begin(50);
  EXPECT_EQUAL(events.raw_peak_bytes(), 50u);
  EXPECT_EQUAL(events.FindPeak(0, kNoLimit).bytes(), 50u);
  events.Add(Allocation(32, 10));
  const HeldEvents::Peak peak = events.FindPeak(0, kNoLimit);
  EXPECT_EQUAL(peak.bytes(), 60u);
  EXPECT_EQUAL(WriteAll(events, peak.position), "+32 | ");
}

}  // namespace
}  // namespace memray_mocha::test
