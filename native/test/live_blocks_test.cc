#include "live_blocks.h"

#include <cstdint>
#include <random>
#include <unordered_map>

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

TEST("live blocks: sum up what lives") {
  LiveBlocks blocks;
  blocks.Insert(64, 100, false);
  blocks.Insert(128, 3000, false);
  EXPECT_EQUAL(blocks.bytes(), 3100u);
  blocks.Insert(64, 7, true);  // its deallocation was missed
  EXPECT_EQUAL(blocks.bytes(), 3007u);
  EXPECT_EQUAL(blocks.Erase(64).is_of_other_thread, 1u);
  EXPECT_EQUAL(blocks.Erase(64).address, 0u);
  EXPECT_EQUAL(blocks.bytes(), 3000u);
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
      blocks.Insert(address, size, false);
    }
  }
  EXPECT_EQUAL(blocks.bytes(), bytes);
  size_t wrong = 0;
  for (uint64_t address = 16; address <= 16 * 20'000; address += 16) {
    const auto found = model.find(address);
    const auto block = blocks.Erase(address);
    if (found == model.end() ? block.address != 0
                             : block.bytes != found->second)
      ++wrong;
  }
  EXPECT_EQUAL(wrong, 0u);
}

}  // namespace
}  // namespace memray_mocha::test
