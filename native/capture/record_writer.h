#ifndef NATIVE_CAPTURE_RECORD_WRITER_H_
#define NATIVE_CAPTURE_RECORD_WRITER_H_

#include <array>
#include <cstdint>
#include <string_view>

#include "allocator.h"
#include "capture/records.h"
#include "capture/sink.h"

namespace memray_mocha {

/// What a capture says of itself at its start.
struct CaptureHeader {
  uint16_t flags;
  uint32_t pid;
  uint64_t started_at_ms;
  uint32_t main_thread;
};

/// Encodes records (docs/capture-format.md) into blocks of a sink. Not
/// thread-safe. Ids that it returns count from 1 in the order of definition.
class RecordWriter {
 public:
  RecordWriter(Sink* sink, const CaptureHeader& header);

  /// @param address a multiple of 8, for all but mappings a limit of the format
  /// that every allocator keeps.
  void WriteAllocation(uint32_t thread, uint64_t address, uint64_t size_bytes,
                       Allocator allocator, uint32_t stack);
  void WriteDeallocation(uint64_t address);
  void WriteUnmapping(uint64_t address, uint64_t size_bytes);

  uint32_t DefineString(std::string_view text);
  uint32_t DefineScript(uint32_t name, bool has_source_map);
  uint32_t DefineCode(uint32_t name, uint32_t script, records::CodeType type,
                      uint32_t line, uint32_t column);
  /// @param position_plus_1 0 when the position is unknown.
  uint32_t DefineJsFrame(uint32_t code, uint64_t position_plus_1);
  uint32_t DefineNativeFrame(uint64_t address);
  uint32_t DefineStack(uint32_t parent, uint32_t frame);

  void WriteThreadName(uint32_t thread, std::string_view name);
  void WriteMetadata(std::string_view key, std::string_view value);
  void WritePosition(uint32_t script, uint32_t position, uint32_t line,
                     uint32_t column);
  /// @param file a string; where it says the place of the script was written.
  void WriteOriginal(uint32_t script, uint32_t line, uint32_t column,
                     uint32_t file, uint32_t original_line,
                     uint32_t original_column);
  void WriteSymbol(uint32_t frame, uint32_t function, uint32_t module);
  void WriteHeap(records::HeapKind kind, uint64_t js_bytes);
  /// What is live from here on of the objects of a call stack.
  void WriteSamples(uint32_t stack, uint64_t bytes, uint64_t objects);
  /// Writes END and hands the last block to the sink.
  void Finish(uint64_t duration_ms);

 private:
  void Begin(records::Tag tag);
  void PutByte(uint8_t byte) { *cursor_++ = byte; }
  void PutVarint(uint64_t value);
  void PutSigned(int64_t value);
  void PutString(std::string_view text);
  void PutAddress(uint8_t tag, uint64_t address);
  void FlushBlock();

  /// What followed the latest allocation of a call stack, modulo their number.
  /// A program's loops allocate the same in the same order.
  struct Expectation {
    uint64_t size_bytes;
    uint32_t stack;
    Allocator allocator;
  };

  Sink* const sink_;
  std::array<uint8_t, records::kMaxPayloadBytes> block_;
  uint8_t* cursor_ = block_.data();

  std::array<uint64_t, records::kAddressSlots> slots_{};
  std::array<uint64_t, records::kAddressRegions> regions_{};
  std::array<Expectation, records::kExpectations> expectations_{};
  uint32_t last_stack_ = 0;
  uint32_t last_thread_ = 0;
  uint32_t last_sampled_stack_ = 0;
  uint64_t allocations_ = 0;
  uint64_t deallocations_ = 0;

  uint32_t strings_ = 0;
  uint32_t scripts_ = 0;
  uint32_t codes_ = 0;
  uint32_t frames_ = 0;
  uint32_t stacks_ = 0;
};

}  // namespace memray_mocha

#endif  // NATIVE_CAPTURE_RECORD_WRITER_H_
