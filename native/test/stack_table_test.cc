#include "capture/stack_table.h"

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

TEST("StackTable: an unknown node is 0") {
  StackTable table;
  EXPECT_EQUAL(table.Find(0, 1), 0u);
  table.Insert(0, 1, 1);
  EXPECT_EQUAL(table.Find(1, 0), 0u);
  EXPECT_EQUAL(table.Find(0, 2), 0u);
}

TEST("StackTable: parent and frame are not mixed up") {
  StackTable table;
  table.Insert(1, 2, 10);
  table.Insert(2, 1, 11);
  EXPECT_EQUAL(table.Find(1, 2), 10u);
  EXPECT_EQUAL(table.Find(2, 1), 11u);
}

TEST("StackTable: finds all of 200,000 nodes after it has grown") {
  StackTable table;
  uint32_t node = 0;
  for (uint32_t parent = 0; parent < 2000; ++parent) {
    for (uint32_t frame = 1; frame <= 100; ++frame)
      table.Insert(parent, frame, ++node);
  }
  node = 0;
  for (uint32_t parent = 0; parent < 2000; ++parent) {
    for (uint32_t frame = 1; frame <= 100; ++frame)
      EXPECT_EQUAL(table.Find(parent, frame), ++node);
    EXPECT_EQUAL(table.Find(parent, 101), 0u);
  }
}

TEST("StackTable: the largest ids") {
  StackTable table;
  table.Insert(0xFFFFFFFE, 0xFFFFFFFF, 0xFFFFFFFF);
  EXPECT_EQUAL(table.Find(0xFFFFFFFE, 0xFFFFFFFF), 0xFFFFFFFFu);
  EXPECT_EQUAL(table.Find(0xFFFFFFFF, 0xFFFFFFFE), 0u);
}

}  // namespace
}  // namespace memray_mocha::test
