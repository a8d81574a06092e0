#include "test/record_reader.h"

#include "capture/crc32.h"
#include "test/test_runner.h"

namespace memray_mocha::test {

RecordReader::Records RecordReader::Read() {
  Records records;
  ReadHeader();
  while (cursor_ < bytes_.size()) ReadBlock(&records);
  return records;
}

void RecordReader::ReadHeader() {
  end_ = 32;
  EXPECT(bytes_.size() >= end_);
  EXPECT_EQUAL(std::string(bytes_.begin(), bytes_.begin() + 8), "MEMRAYJS");
  cursor_ = 28;
  EXPECT_EQUAL(Raw(4), Crc32(bytes_.data(), 28));
}

void RecordReader::ReadBlock(Records* records) {
  end_ = cursor_ + 8;
  EXPECT(end_ <= bytes_.size());
  const size_t size = Raw(4);
  const uint64_t crc = Raw(4);
  EXPECT(size >= 1 && size <= 65'536);
  end_ = cursor_ + size;
  EXPECT(end_ <= bytes_.size());
  EXPECT_EQUAL(crc, Crc32(&bytes_[cursor_], size));
  // A record that straddles two blocks runs over end_.
  while (cursor_ < end_) records->push_back(ReadRecord());
  payload_sizes_.push_back(size);
}

std::string RecordReader::ReadRecord() {
  const uint8_t tag = Byte();
  if (tag >= 0x80 || (tag >= 0x40 && tag < 0x50)) return ReadHotRecord(tag);
  switch (tag) {
    case 0x01:
      return Fields("END", "vvv");
    case 0x02:
      return Fields("THREAD", "v");
    case 0x03:
      return Fields("THREAD_NAME", "vs");
    case 0x04:
      return Fields("STRING", "s");
    case 0x05:
      return Fields("SCRIPT", "vb");
    case 0x06:
      return Fields("CODE", "vvbvv");
    case 0x07:
      return Fields("JS_FRAME", "vv");
    case 0x08:
      return Fields("NATIVE_FRAME", "q");
    case 0x09:
      return Fields("STACK", "vv");
    case 0x0A:
      return Fields("UNMAP", "vv");
    case 0x0B:
      return Fields("POSITION", "vvvv");
    case 0x0C:
      return Fields("SYMBOL", "vvvvv");
    case 0x0D:
      return Fields("METADATA", "ss");
    case 0x0E:
      return Fields("HEAP", "bv");
    case 0x0F:
      return Fields("SAMPLES", "vvv");
    case 0x10:
      return Fields("ORIGINAL", "vvvvvv");
  }
  throw Failure("unknown tag " + std::to_string(tag));
}

std::string RecordReader::ReadHotRecord(uint8_t tag) {
  if (tag < 0x80) return "DEALLOCATION " + ReadAddress(tag);
  const std::string address = ReadAddress(tag);
  Expectation& expected = expectations_[last_stack_ % 64];
  if (!(tag & 0x10)) expected.size = Varint();
  if (!(tag & 0x20)) expected.allocator = Byte();
  if (!(tag & 0x40)) expected.stack += Signed();
  last_stack_ = expected.stack;
  return "ALLOCATION " + address + ' ' + std::to_string(expected.size) + ' ' +
         std::to_string(expected.allocator) + ' ' +
         std::to_string(expected.stack);
}

std::string RecordReader::ReadAddress(uint8_t tag) {
  uint64_t address = slots_[tag & 0x07];
  if (tag & 0x08) {
    uint64_t& latest = regions_[tag & 0x07];
    address = latest = (latest / 8 + Signed()) * 8;
    slots_[(address >> 4) % 8] = address;
  }
  std::ostringstream text;
  text << std::hex << address;
  return text.str();
}

std::string RecordReader::Fields(const char* name, const char* kinds) {
  std::string text = name;
  for (; *kinds; ++kinds) {
    text += ' ';
    switch (*kinds) {
      case 'v':
        text += std::to_string(Varint());
        break;
      case 'b':
        text += std::to_string(Byte());
        break;
      case 'q':
        text += std::to_string(Raw(8));
        break;
      case 's':
        text += Text();
        break;
    }
  }
  return text;
}

uint8_t RecordReader::Byte() {
  EXPECT(cursor_ < end_);
  return bytes_[cursor_++];
}

uint64_t RecordReader::Raw(int size_bytes) {
  uint64_t value = 0;
  for (int i = 0; i < size_bytes; ++i) value |= uint64_t{Byte()} << (8 * i);
  return value;
}

uint64_t RecordReader::Varint() {
  uint64_t value = 0;
  for (int shift = 0;; shift += 7) {
    EXPECT(shift < 64);
    const uint8_t byte = Byte();
    value |= uint64_t{byte & 0x7Fu} << shift;
    if (byte < 0x80) return value;
  }
}

int64_t RecordReader::Signed() {
  const uint64_t value = Varint();
  return static_cast<int64_t>(value >> 1) ^ -static_cast<int64_t>(value & 1);
}

std::string RecordReader::Text() {
  const size_t length = Varint();
  EXPECT(length <= end_ - cursor_);
  cursor_ += length;
  return std::string(bytes_.begin() + (cursor_ - length),
                     bytes_.begin() + cursor_);
}

}  // namespace memray_mocha::test
