#include "capture/stack_table.h"

#include <cstdint>
#include <map>
#include <random>
#include <utility>

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

TEST("StackTable: an unknown node is 0, and nodes count from 1") {
  StackTable table;
  EXPECT_EQUAL(table.Find(0, 1), 0u);
  EXPECT_EQUAL(table.Insert(0, 1), 1u);
  EXPECT_EQUAL(table.Insert(1, 1), 2u);
  EXPECT_EQUAL(table.Find(0, 1), 1u);
  EXPECT_EQUAL(table.Find(1, 1), 2u);
  EXPECT_EQUAL(table.Find(2, 1), 0u);
  EXPECT_EQUAL(table.Find(0, 2), 0u);
}

TEST("StackTable: parent and frame are not mixed up") {
  StackTable table;
  table.Insert(0, 3);
  table.Insert(0, 4);
  EXPECT_EQUAL(table.Insert(1, 2), 3u);
  EXPECT_EQUAL(table.Insert(2, 1), 4u);
  EXPECT_EQUAL(table.Find(1, 2), 3u);
  EXPECT_EQUAL(table.Find(2, 1), 4u);
  EXPECT_EQUAL(table.Find(1, 1), 0u);
}

TEST("StackTable: finds all callees of one, in any order") {
  StackTable table;
  for (uint32_t frame = 1; frame <= 4; ++frame) {
    table.Insert(0, frame);
    for (uint32_t known = frame; known > 0; --known)
      EXPECT_EQUAL(table.Find(0, known), known);
    EXPECT_EQUAL(table.Find(0, frame + 1), 0u);
  }
  EXPECT_EQUAL(table.Find(0, 0xFFFFFFFF), 0u);
  table.Insert(0, 0xFFFFFFFF);
  EXPECT_EQUAL(table.Find(0, 0xFFFFFFFF), 5u);
}

TEST("StackTable: 200,000 nodes, chains and fans, as a map has them") {
  StackTable table;
  std::map<std::pair<uint32_t, uint32_t>, uint32_t> expected;
  std::mt19937 random(1);
  uint32_t nodes = 0;
  uint32_t parent = 0;
  while (nodes < 200'000) {
    const uint32_t frame = 1 + random() % 8;
    uint32_t& node = expected[{parent, frame}];
    EXPECT_EQUAL(table.Find(parent, frame), node);
    if (node == 0) {
      node = ++nodes;
      EXPECT_EQUAL(table.Insert(parent, frame), node);
    }
    // Deeper, or to some call stack that is there.
    parent = random() % 4 == 0 ? random() % (nodes + 1) : node;
  }
  for (const auto& [key, node] : expected)
    EXPECT_EQUAL(table.Find(key.first, key.second), node);
}

}  // namespace
}  // namespace memray_mocha::test
