#include "call_stack/inlined_positions.h"

#include <utility>

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

using Bytes = std::vector<uint8_t>;

/// A position as V8 packs it.
/// @param call the number of the inlined call, -1 for none.
int64_t Pack(int offset, int call) {
  return (int64_t{call} + 1) << 31 | (int64_t{offset} + 1) << 1;
}

constexpr int64_t kInFileOfV8 = 1 | 1234 << 1;

void AppendNumber(int64_t value, Bytes* bytes) {
  uint64_t rest =
      static_cast<uint64_t>(value) << 1 ^ static_cast<uint64_t>(value >> 63);
  for (; rest >= 0x80; rest >>= 7)
    bytes->push_back(static_cast<uint8_t>(rest) | 0x80);
  bytes->push_back(static_cast<uint8_t>(rest));
}

/// @param positions packed; V8 puts numbers of its own between them.
Bytes MakeTable(std::initializer_list<int64_t> positions) {
  Bytes bytes;
  int64_t last = 0;
  for (const int64_t position : positions) {
    AppendNumber(position * 7, &bytes);
    AppendNumber(position - last, &bytes);
    last = position;
  }
  return bytes;
}

PositionTable MakePositions(
    std::initializer_list<std::pair<uint32_t, uint32_t>> entries) {
  PositionTable table;
  for (const auto& [offset, position] : entries) table.Add(offset, position);
  return table;
}

/// @param calls packed positions and functions.
Bytes MakeCalls(std::initializer_list<std::pair<int64_t, int32_t>> calls) {
  Bytes bytes;
  for (const auto& [position, function] : calls) {
    for (int i = 0; i < 8; ++i)
      bytes.push_back(static_cast<uint8_t>(position >> 8 * i));
    for (int i = 0; i < 4; ++i)
      bytes.push_back(static_cast<uint8_t>(function >> 8 * i));
    bytes.resize(bytes.size() + 4, 0xAA);
  }
  return bytes;
}

TEST("DecodeCallsByOffset: whose each position is") {
  const auto calls = DecodeCallsByOffset(
      MakeTable({Pack(100, -1), Pack(7000, 0), Pack(7001, 0), Pack(40, 300),
                 Pack(101, -1)}),
      MakePositions(
          {{3, 100}, {200, 7000}, {200, 7001}, {90000, 40}, {90001, 101}}));
  EXPECT(calls.has_value());
  EXPECT(calls->Find(199) <= 0);
  EXPECT_EQUAL(calls->Find(200), 1);
  EXPECT_EQUAL(calls->Find(89999), 1);
  EXPECT_EQUAL(calls->Find(90000), 301);
  EXPECT_EQUAL(calls->Find(90001), 0);
}

TEST("DecodeCallsByOffset: without inlined calls") {
  EXPECT(DecodeCallsByOffset(Bytes(), PositionTable()).value().IsEmpty());
  EXPECT(DecodeCallsByOffset(MakeTable({Pack(0, -1)}), MakePositions({{0, 0}}))
             .value()
             .IsEmpty());
}

TEST("DecodeCallsByOffset: of an inlined call, the position is not known") {
  const auto calls = DecodeCallsByOffset(
      MakeTable({Pack(10, -1), Pack(-1, 4)}),
      MakePositions({{0, 10}, {9, PositionTable::kUnknown}}));
  EXPECT(calls.has_value());
  EXPECT_EQUAL(calls->Find(9), 5);
}

TEST("DecodeCallsByOffset: V8 does not tell of positions in its own files") {
  const auto calls =
      DecodeCallsByOffset(MakeTable({Pack(10, 2), kInFileOfV8, Pack(11, 2)}),
                          MakePositions({{0, 10}, {9, 11}}));
  EXPECT(calls.has_value());
  EXPECT_EQUAL(calls->Find(5), 3);
  EXPECT_EQUAL(calls->Find(9), 3);
}

TEST("DecodeCallsByOffset: nothing of tables that do not fit together") {
  const Bytes table = MakeTable({Pack(10, 2), Pack(11, 2)});
  EXPECT(DecodeCallsByOffset(table, MakePositions({{0, 10}, {9, 11}}))
             .has_value());
  EXPECT(!DecodeCallsByOffset(table, MakePositions({{0, 10}, {9, 12}}))
              .has_value());
  EXPECT(!DecodeCallsByOffset(table, MakePositions({{0, 10}})).has_value());
  EXPECT(
      !DecodeCallsByOffset(table, MakePositions({{0, 10}, {9, 11}, {10, 11}}))
           .has_value());
}

TEST("DecodeCallsByOffset: nothing of a table that is cut off") {
  const PositionTable positions = MakePositions({{0, 10}, {9, 11}});
  Bytes table = MakeTable({Pack(10, 2), Pack(11, 2)});
  table.back() |= 0x80;
  EXPECT(!DecodeCallsByOffset(table, positions).has_value());
  table.pop_back();
  EXPECT(!DecodeCallsByOffset(table, positions).has_value());
  EXPECT(!DecodeCallsByOffset(Bytes(20, 0x80), positions).has_value());
}

TEST("DecodeInlinedCalls: where they are, in which other, and of whom") {
  const auto calls = DecodeInlinedCalls(
      MakeCalls({{Pack(50, -1), 1}, {Pack(60, 0), 0}, {Pack(-1, 1), -1}}), 2);
  EXPECT(calls.has_value());
  EXPECT_EQUAL(calls->size(), 3u);
  EXPECT_EQUAL((*calls)[0].position, 50);
  EXPECT_EQUAL((*calls)[0].caller, 0u);
  EXPECT_EQUAL((*calls)[0].function, 1);
  EXPECT_EQUAL((*calls)[1].position, 60);
  EXPECT_EQUAL((*calls)[1].caller, 1u);
  EXPECT_EQUAL((*calls)[1].function, 0);
  EXPECT_EQUAL((*calls)[2].position, -1);
  EXPECT_EQUAL((*calls)[2].caller, 2u);
  EXPECT_EQUAL((*calls)[2].function, -1);
}

TEST("DecodeInlinedCalls: nothing of what does not fit together") {
  EXPECT(DecodeInlinedCalls(Bytes(), 0).has_value());
  EXPECT(!DecodeInlinedCalls(Bytes(15), 1).has_value());
  // No such function.
  EXPECT(!DecodeInlinedCalls(MakeCalls({{Pack(1, -1), 1}}), 1).has_value());
  EXPECT(!DecodeInlinedCalls(MakeCalls({{Pack(1, -1), -2}}), 1).has_value());
  // Called by itself: whoever calls comes before.
  EXPECT(!DecodeInlinedCalls(MakeCalls({{Pack(1, 0), 0}}), 1).has_value());
  EXPECT(!DecodeInlinedCalls(MakeCalls({{kInFileOfV8, 0}}), 1).has_value());
}

}  // namespace
}  // namespace memray_mocha::test
