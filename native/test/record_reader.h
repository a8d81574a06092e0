#ifndef NATIVE_TEST_RECORD_READER_H_
#define NATIVE_TEST_RECORD_READER_H_

#include <array>
#include <string>
#include <vector>

namespace memray_mocha::test {

/// Takes a capture apart as docs/capture-format.md says, sharing no code with
/// the writer. Throws a Failure at whatever does not fit.
class RecordReader {
 public:
  /// A record as text, `ALLOCATION 1000 24 1 0`: numbers are decimal, addresses
  /// hexadecimal.
  using Records = std::vector<std::string>;

  explicit RecordReader(const std::vector<uint8_t>& capture)
      : bytes_(capture) {}

  Records Read();
  /// The payloads' sizes, after Read().
  const std::vector<size_t>& payload_sizes() const { return payload_sizes_; }

 private:
  void ReadHeader();
  void ReadBlock(Records* records);
  std::string ReadRecord();
  std::string ReadHotRecord(uint8_t tag);
  std::string ReadAddress(uint8_t tag);
  uint8_t Byte();
  uint64_t Raw(int size_bytes);
  uint64_t Varint();
  int64_t Signed();
  std::string Text();
  /// The fields of a record, by their kinds: v a varint, b a byte, s a string,
  /// q a u64.
  std::string Fields(const char* name, const char* kinds);

  const std::vector<uint8_t>& bytes_;
  size_t cursor_ = 0;
  size_t end_ = 0;
  std::vector<size_t> payload_sizes_;
  struct Expectation {
    uint64_t size;
    uint64_t allocator;
    uint64_t stack;
  };
  std::array<uint64_t, 8> slots_{};
  std::array<uint64_t, 8> regions_{};
  std::array<Expectation, 64> expectations_{};
  uint64_t last_stack_ = 0;
};

}  // namespace memray_mocha::test

#endif  // NATIVE_TEST_RECORD_READER_H_
