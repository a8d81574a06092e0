#ifndef NATIVE_TEST_MEMORY_SINK_H_
#define NATIVE_TEST_MEMORY_SINK_H_

#include <vector>

#include "capture/sink.h"

namespace memray_mocha::test {

/// Keeps what is written.
class MemorySink final : public Sink {
 public:
  void Write(const void* data, size_t size_bytes) override {
    const auto* from = static_cast<const uint8_t*>(data);
    bytes.insert(bytes.end(), from, from + size_bytes);
  }
  size_t Read(uint64_t, void*, size_t) override { return 0; }
  uint64_t size_bytes() const override { return bytes.size(); }

  std::vector<uint8_t> bytes;
};

}  // namespace memray_mocha::test

#endif  // NATIVE_TEST_MEMORY_SINK_H_
