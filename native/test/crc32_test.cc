#include "capture/crc32.h"

#include <string>
#include <vector>

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

/// The definition, one bit at a time.
uint32_t SlowCrc32(const uint8_t* bytes, size_t count) {
  uint32_t crc = 0xFFFFFFFF;
  for (size_t i = 0; i < count; ++i) {
    crc ^= bytes[i];
    for (int bit = 0; bit < 8; ++bit)
      crc = crc & 1 ? crc >> 1 ^ 0xEDB88320 : crc >> 1;
  }
  return ~crc;
}

TEST("Crc32: known values") {
  const auto crc = [](const std::string& text) {
    return Crc32(text.data(), text.size());
  };
  EXPECT_EQUAL(crc(""), 0u);
  // The check value of CRC-32/ISO-HDLC.
  EXPECT_EQUAL(crc("123456789"), 0xCBF43926u);
  EXPECT_EQUAL(crc("a"), 0xE8B7BE43u);
  EXPECT_EQUAL(crc("The quick brown fox jumps over the lazy dog"), 0x414FA339u);
  EXPECT_EQUAL(crc(std::string(32, '\0')), 0x190A55ADu);
  EXPECT_EQUAL(crc(std::string(32, '\xFF')), 0xFF6CAB0Bu);
}

TEST("Crc32: every length and alignment around its step of 8 bytes") {
  std::vector<uint8_t> bytes(80);
  for (size_t i = 0; i < bytes.size(); ++i) bytes[i] = i * 37 + 11;
  for (size_t start = 0; start < 8; ++start) {
    for (size_t count = 0; start + count <= bytes.size(); ++count) {
      EXPECT_EQUAL(Crc32(&bytes[start], count),
                   SlowCrc32(&bytes[start], count));
    }
  }
}

}  // namespace
}  // namespace memray_mocha::test
