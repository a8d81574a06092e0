#include "call_stack/sparkplug_positions.h"

#include <vector>

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

using Bytes = std::vector<uint8_t>;

// Of the prefixes, and of two instructions: one without an operand, one with.
constexpr uint8_t kPlain = 4;
constexpr uint8_t kOneOperand = 5;
const Bytes kSizes = {
    1, 1, 1, 1, 1, 2,  //
    1, 1, 1, 1, 1, 3,  //
    1, 1, 1, 1, 1, 5,
};

std::optional<PositionTable> Translate(const PositionTable& positions,
                                       const Bytes& bytecode,
                                       const Bytes& code_sizes) {
  return TranslatePositions(positions, {bytecode, code_sizes}, kSizes);
}

TEST("TranslatePositions: each instruction's code has its position") {
  PositionTable positions;
  positions.Add(1, 100);
  positions.Add(3, 40);
  // The prologue, 10 bytes, has no position.
  const auto code = Translate(positions, {kPlain, kOneOperand, 7, kPlain},
                              {10, 20, 0x80 | 44, 1, 3});
  EXPECT(code.has_value());
  EXPECT_EQUAL(code->Find(0), -1);
  EXPECT_EQUAL(code->Find(29), -1);
  EXPECT_EQUAL(code->Find(30), 100);
  EXPECT_EQUAL(code->Find(30 + 128 + 43), 100);
  EXPECT_EQUAL(code->Find(30 + 128 + 44), 40);
}

TEST("TranslatePositions: wide operands") {
  PositionTable positions;
  positions.Add(4, 1);
  positions.Add(10, 2);
  const Bytes bytecode = {
      0,      kOneOperand, 1, 2,        // wide
      1,      kOneOperand, 1, 2, 3, 4,  // extra wide
      kPlain,
  };
  const auto code = Translate(positions, bytecode, {0, 5, 5, 5});
  EXPECT(code.has_value());
  EXPECT_EQUAL(code->Find(4), -1);
  EXPECT_EQUAL(code->Find(5), 1);
  EXPECT_EQUAL(code->Find(10), 2);
}

TEST("TranslatePositions: the last of several positions in one instruction") {
  PositionTable positions;
  positions.Add(0, 7);
  positions.Add(1, 8);
  positions.Add(2, 9);
  const auto code =
      Translate(positions, {kOneOperand, 7, kOneOperand, 7}, {1, 1, 1});
  EXPECT_EQUAL(code->Find(1), 7);
  EXPECT_EQUAL(code->Find(2), 9);
}

TEST("TranslatePositions: nothing of what does not fit together") {
  const PositionTable none;
  EXPECT(Translate(none, {kPlain, kPlain}, {1, 2, 3}).has_value());
  EXPECT(!Translate(none, {kPlain, kPlain}, {1, 2}).has_value());
  EXPECT(!Translate(none, {kPlain, kPlain}, {1, 2, 3, 4}).has_value());
  EXPECT(!Translate(none, {kPlain, kPlain}, {1, 2, 0x80}).has_value());
  EXPECT(!Translate(none, {kPlain, 99}, {1, 2, 3}).has_value());
  EXPECT(!Translate(none, {kPlain, 0}, {1, 2, 3}).has_value());
  // A prefix of nothing.
  EXPECT(!Translate(none, {kPlain, 0}, {1, 2}).has_value());
}

}  // namespace
}  // namespace memray_mocha::test
