#include "live_blocks.h"

#include <cstdint>
#include <random>
#include <unordered_map>

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

TEST("live blocks: sum up what lives, and other threads' part of it") {
  LiveBlocks blocks;
  blocks.Insert(64, 100, false, 1);
  blocks.Insert(128, 30, true, 2);
  EXPECT_EQUAL(blocks.bytes(), 130u);
  EXPECT_EQUAL(blocks.other_threads_bytes(), 30u);
  blocks.Insert(64, 7, true, 3);  // its deallocation was missed
  EXPECT_EQUAL(blocks.bytes(), 37u);
  EXPECT_EQUAL(blocks.other_threads_bytes(), 37u);
  blocks.Erase(128);
  blocks.Erase(128);
  EXPECT_EQUAL(blocks.bytes(), 7u);
  EXPECT_EQUAL(blocks.Get(64).window, 3u);
  EXPECT_EQUAL(blocks.Get(128).address, 0u);
}

TEST("live blocks: do what a map does, whatever comes and goes") {
  LiveBlocks blocks;
  std::unordered_map<uint64_t, uint64_t> model;
  std::mt19937 random(1);
  uint64_t bytes = 0;
  for (int i = 0; i < 200'000; ++i) {
    const uint64_t address = 16 * (1 + random() % 20'000);
    if (random() % 3 == 0) {
      bytes -= model[address];
      model.erase(address);
      blocks.Erase(address);
    } else {
      const uint64_t size = random() % 1000;
      bytes += size - model[address];
      model[address] = size;
      blocks.Insert(address, size, false, 0);
    }
  }
  EXPECT_EQUAL(blocks.bytes(), bytes);
  size_t wrong = 0;
  for (uint64_t address = 16; address <= 16 * 20'000; address += 16) {
    const auto found = model.find(address);
    const auto block = blocks.Get(address);
    if (found == model.end() ? block.address != 0
                             : block.size_bytes != found->second)
      ++wrong;
  }
  EXPECT_EQUAL(wrong, 0u);
}

}  // namespace
}  // namespace memray_mocha::test
