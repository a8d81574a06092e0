#include "capture/record_writer.h"

#include <algorithm>
#include <cstring>

#include "capture/crc32.h"

namespace memray_mocha {

using records::CodeType;
using records::Tag;

namespace {

// The largest record: a tag, two strings and their lengths. A block is flushed
// when less than this is left, so no record ever straddles two.
constexpr size_t kMaxRecordBytes = 2 * (records::kMaxStringBytes + 10) + 64;

template <typename T>
void Store(uint8_t* target, T value) {
  std::memcpy(target, &value, sizeof value);
}

}  // namespace

RecordWriter::RecordWriter(Sink* sink, const CaptureHeader& header)
    : sink_(sink) {
  uint8_t bytes[records::kHeaderBytes];
  std::memcpy(bytes, records::kMagic, 8);
  Store(bytes + 8, records::kVersion);
  Store(bytes + 10, header.flags);
  Store(bytes + 12, header.pid);
  Store(bytes + 16, header.started_at_ms);
  Store(bytes + 24, header.main_thread);
  Store(bytes + 28, Crc32(bytes, 28));
  sink_->Write(bytes, sizeof bytes);
}

void RecordWriter::WriteAllocation(uint32_t thread, uint64_t address,
                                   uint64_t size_bytes, Allocator allocator,
                                   uint32_t stack) {
  if (thread != last_thread_) {
    Begin(Tag::kThread);
    PutVarint(thread);
    last_thread_ = thread;
  }
  Expectation& expected = expectations_[last_stack_ % records::kExpectations];
  uint8_t tag = records::kAllocation;
  if (stack == expected.stack) tag |= records::kExpectedStack;
  if (allocator == expected.allocator) tag |= records::kExpectedAllocator;
  if (size_bytes == expected.size_bytes) tag |= records::kExpectedSize;
  PutAddress(tag, address);
  if (size_bytes != expected.size_bytes) PutVarint(size_bytes);
  if (allocator != expected.allocator) PutByte(static_cast<uint8_t>(allocator));
  if (stack != expected.stack)
    PutSigned(int64_t{stack} - int64_t{expected.stack});
  expected = {size_bytes, stack, allocator};
  last_stack_ = stack;
  ++allocations_;
}

void RecordWriter::WriteDeallocation(uint64_t address) {
  PutAddress(records::kDeallocation, address);
  ++deallocations_;
}

void RecordWriter::WriteUnmapping(uint64_t address, uint64_t size_bytes) {
  Begin(Tag::kUnmap);
  PutVarint(address);
  PutVarint(size_bytes);
}

uint32_t RecordWriter::DefineString(std::string_view text) {
  if (text.empty()) return 0;
  Begin(Tag::kString);
  PutString(text);
  return ++strings_;
}

uint32_t RecordWriter::DefineScript(uint32_t name, bool has_source_map) {
  Begin(Tag::kScript);
  PutVarint(name);
  PutByte(has_source_map ? 1 : 0);
  return ++scripts_;
}

uint32_t RecordWriter::DefineCode(uint32_t name, uint32_t script, CodeType type,
                                  uint32_t line, uint32_t column) {
  Begin(Tag::kCode);
  PutVarint(name);
  PutVarint(script);
  PutByte(static_cast<uint8_t>(type));
  PutVarint(line);
  PutVarint(column);
  return ++codes_;
}

uint32_t RecordWriter::DefineJsFrame(uint32_t code, uint64_t position_plus_1) {
  Begin(Tag::kJsFrame);
  PutVarint(code);
  PutVarint(position_plus_1);
  return ++frames_;
}

uint32_t RecordWriter::DefineNativeFrame(uint64_t address) {
  Begin(Tag::kNativeFrame);
  Store(cursor_, address);
  cursor_ += sizeof address;
  return ++frames_;
}

uint32_t RecordWriter::DefineStack(uint32_t parent, uint32_t frame) {
  Begin(Tag::kStack);
  PutVarint(parent);
  PutVarint(frame);
  return ++stacks_;
}

void RecordWriter::WriteThreadName(uint32_t thread, std::string_view name) {
  Begin(Tag::kThreadName);
  PutVarint(thread);
  PutString(name);
}

void RecordWriter::WriteMetadata(std::string_view key, std::string_view value) {
  Begin(Tag::kMetadata);
  PutString(key);
  PutString(value);
}

void RecordWriter::WritePosition(uint32_t script, uint32_t position,
                                 uint32_t line, uint32_t column) {
  Begin(Tag::kPosition);
  PutVarint(script);
  PutVarint(position);
  PutVarint(line);
  PutVarint(column);
}

void RecordWriter::WriteOriginal(uint32_t script, uint32_t line,
                                 uint32_t column, uint32_t file,
                                 uint32_t original_line,
                                 uint32_t original_column) {
  Begin(Tag::kOriginal);
  PutVarint(script);
  PutVarint(line);
  PutVarint(column);
  PutVarint(file);
  PutVarint(original_line);
  PutVarint(original_column);
}

void RecordWriter::WriteSymbol(uint32_t frame, uint32_t function,
                               uint32_t module) {
  Begin(Tag::kSymbol);
  PutVarint(frame);
  PutVarint(function);
  PutVarint(module);
  PutVarint(0);  // source file: not known without debug information
  PutVarint(0);  // line
}

void RecordWriter::WriteHeap(records::HeapKind kind, uint64_t js_bytes) {
  Begin(Tag::kHeap);
  PutByte(static_cast<uint8_t>(kind));
  PutVarint(js_bytes);
}

void RecordWriter::WriteSamples(uint32_t stack, uint64_t bytes,
                                uint64_t objects) {
  Begin(Tag::kSamples);
  PutSigned(int64_t{stack} - int64_t{last_sampled_stack_});
  last_sampled_stack_ = stack;
  PutVarint(bytes);
  PutVarint(objects);
}

void RecordWriter::Finish(uint64_t duration_ms) {
  Begin(Tag::kEnd);
  PutVarint(allocations_);
  PutVarint(deallocations_);
  PutVarint(duration_ms);
  FlushBlock();
}

void RecordWriter::Begin(Tag tag) {
  if (cursor_ + kMaxRecordBytes > block_.data() + block_.size()) FlushBlock();
  PutByte(static_cast<uint8_t>(tag));
}

void RecordWriter::PutVarint(uint64_t value) {
  for (; value >= 0x80; value >>= 7)
    PutByte(static_cast<uint8_t>(value) | 0x80);
  PutByte(static_cast<uint8_t>(value));
}

void RecordWriter::PutSigned(int64_t value) {
  PutVarint((static_cast<uint64_t>(value) << 1) ^
            static_cast<uint64_t>(value >> 63));
}

void RecordWriter::PutString(std::string_view text) {
  size_t length = std::min(text.size(), records::kMaxStringBytes);
  // Cut between two characters: a UTF-8 continuation byte is 10xxxxxx.
  while (length < text.size() && length > 0 && (text[length] & 0xC0) == 0x80)
    --length;
  PutVarint(length);
  std::memcpy(cursor_, text.data(), length);
  cursor_ += length;
}

void RecordWriter::PutAddress(uint8_t tag, uint64_t address) {
  // A block of memory that is freed and given out again, as allocators love to
  // do, is one byte: its address is found where it was put first.
  const size_t slot = (address >> 4) % records::kAddressSlots;
  if (slots_[slot] == address) {
    Begin(static_cast<Tag>(tag | slot));
    return;
  }
  slots_[slot] = address;
  const size_t region = (address >> 16) % records::kAddressRegions;
  Begin(static_cast<Tag>(tag | records::kAddressFollows | region));
  PutSigned(static_cast<int64_t>((address >> 3) - (regions_[region] >> 3)));
  regions_[region] = address;
}

void RecordWriter::FlushBlock() {
  const auto size = static_cast<uint32_t>(cursor_ - block_.data());
  if (size == 0) return;
  uint8_t header[records::kBlockHeaderBytes];
  Store(header, size);
  Store(header + 4, Crc32(block_.data(), size));
  sink_->Write(header, sizeof header);
  sink_->Write(block_.data(), size);
  cursor_ = block_.data();
}

}  // namespace memray_mocha
