#include "live_blocks.h"

#include <cstdint>
#include <random>
#include <unordered_map>

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

TEST("live blocks: sum up what lives") {
  LiveBlocks blocks;
  blocks.Insert({64, 100, false});
  blocks.Insert({128, 3000, false});
  EXPECT_EQUAL(blocks.bytes(), 3100u);
  blocks.Insert({64, 7, true});  // its deallocation was missed
  EXPECT_EQUAL(blocks.bytes(), 3007u);
  EXPECT_EQUAL(blocks.Erase(64).is_of_other_thread, true);
  EXPECT_EQUAL(blocks.Erase(64).address, 0u);
  EXPECT_EQUAL(blocks.bytes(), 3000u);
}

TEST("live blocks: do what a map does, whatever comes and goes") {
  constexpr size_t kAddresses = 20'000;
  // Of all kinds that an allocator may give, and sizes that do and do not fit
  // into a slot.
  const auto address_of = [](uint64_t i) {
    if (i % 100 == 1) return 16 * i + 3;
    if (i % 100 == 2) return 16 * i + (uint64_t{1} << 50);
    return 16 * i + (i % 2) * 8;
  };
  LiveBlocks blocks;
  std::unordered_map<uint64_t, LiveBlocks::Block> model;
  std::mt19937 random(1);
  uint64_t bytes = 0;
  for (int i = 0; i < 200'000; ++i) {
    const uint64_t address = address_of(1 + random() % kAddresses);
    if (random() % 3 == 0) {
      bytes -= model[address].bytes;
      model.erase(address);
      blocks.Erase(address);
    } else {
      const uint64_t size =
          random() % 10 == 0 ? (1 << 19) - 2 + random() % 4 : random() % 1000;
      bytes += size - model[address].bytes;
      model[address] = {address, size, random() % 2 == 0};
      blocks.Insert(model[address]);
    }
  }
  EXPECT_EQUAL(blocks.bytes(), bytes);
  size_t wrong = 0;
  for (uint64_t i = 1; i <= kAddresses; ++i) {
    const auto found = model.find(address_of(i));
    const auto block = blocks.Erase(address_of(i));
    if (found == model.end()
            ? block.address != 0
            : block.address != found->first ||
                  block.bytes != found->second.bytes ||
                  block.is_of_other_thread != found->second.is_of_other_thread)
      ++wrong;
  }
  EXPECT_EQUAL(wrong, 0u);
  EXPECT_EQUAL(blocks.bytes(), 0u);
}

}  // namespace
}  // namespace memray_mocha::test
