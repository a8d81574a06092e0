#include "capture/record_writer.h"

#include <random>
#include <string>

#include "test/memory_sink.h"
#include "test/record_reader.h"
#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

using records::CodeType;
using Bytes = std::vector<uint8_t>;

constexpr CaptureHeader kHeader{3, 0x01020304, 1'700'000'000'000, 1};
constexpr size_t kPayloadBegin = 32 + 8;

/// @return the payload of the one block that `write` makes, without END at its
/// end.
template <typename Write>
Bytes PayloadOf(Write write) {
  MemorySink sink;
  RecordWriter writer(&sink, kHeader);
  write(&writer);
  writer.Finish(0);
  const auto records = RecordReader(sink.bytes).Read();
  const std::string& end = records.back();
  EXPECT_EQUAL(end.substr(0, 4), "END ");
  // Counts below 128 are one byte each.
  EXPECT_EQUAL(sink.bytes[sink.bytes.size() - 4], 0x01);
  return Bytes(sink.bytes.begin() + kPayloadBegin, sink.bytes.end() - 4);
}

#define EXPECT_PAYLOAD(expected, write) \
  EXPECT_EQUAL(PayloadOf([](RecordWriter* w) { write; }), (Bytes expected))

TEST("RecordWriter: the header, to the byte") {
  MemorySink sink;
  const RecordWriter writer(&sink, kHeader);
  const Bytes expected{
      'M',  'E',  'M',  'R',  'A',  'Y',  'J',  'S',   // magic
      0x03, 0x00, 0x03, 0x00,                          // version, flags
      0x04, 0x03, 0x02, 0x01,                          // pid
      0x00, 0x68, 0xE5, 0xCF, 0x8B, 0x01, 0x00, 0x00,  // started at
      0x01, 0x00, 0x00, 0x00,                          // main thread
      0x72, 0x71, 0xE4, 0x34};                         // crc32
  EXPECT_EQUAL(sink.bytes, expected);
}

TEST("RecordWriter: an empty capture has one block with END") {
  MemorySink sink;
  RecordWriter writer(&sink, kHeader);
  writer.Finish(300);
  const Bytes block(sink.bytes.begin() + 32, sink.bytes.end());
  const Bytes expected{0x05, 0x00, 0x00, 0x00, 0x64, 0x4C, 0xFE,
                       0x17, 0x01, 0x00, 0x00, 0xAC, 0x02};
  EXPECT_EQUAL(block, expected);
}

TEST("RecordWriter: END counts the hot records") {
  MemorySink sink;
  RecordWriter writer(&sink, kHeader);
  for (int i = 0; i < 200; ++i)
    writer.WriteAllocation(1, 4096, 8, Allocator::kMalloc, 0);
  writer.WriteDeallocation(4096);
  writer.WriteUnmapping(4096, 4096);
  writer.Finish(7);
  EXPECT_EQUAL(RecordReader(sink.bytes).Read().back(), "END 200 1 7");
}

TEST("RecordWriter: the first allocation, to the byte") {
  // Region 0x1000 >> 16 = 0; 0x1000 / 8 = 0x200, zig-zag 0x400. The expected
  // call stack is 0.
  EXPECT_PAYLOAD(({0x02, 0x01, 0xC8, 0x80, 0x08, 0x18, 0x01}),
                 w->WriteAllocation(1, 0x1000, 24, Allocator::kMalloc, 0));
}

TEST("RecordWriter: what is as the last time is not written again") {
  // Slot (0x1000 >> 4) % 8 = 0.
  EXPECT_PAYLOAD(({0x02, 0x01, 0xC8, 0x80, 0x08, 0x18, 0x01,  // as above
                   0x40,                                      // freed
                   0xF0,                                      // all the same
                   0xE0, 0x19,                                // another size
                   0xD0, 0x02,    // another allocator
                   0xB0, 0x06}),  // call stack 3
                 w->WriteAllocation(1, 0x1000, 24, Allocator::kMalloc, 0);
                 w->WriteDeallocation(0x1000);
                 w->WriteAllocation(1, 0x1000, 24, Allocator::kMalloc, 0);
                 w->WriteAllocation(1, 0x1000, 25, Allocator::kMalloc, 0);
                 w->WriteAllocation(1, 0x1000, 25, Allocator::kCalloc, 0);
                 w->WriteAllocation(1, 0x1000, 25, Allocator::kCalloc, 3));
}

TEST(
    "RecordWriter: a loop is expected from its second turn on, but for its "
    "begin") {
  EXPECT_PAYLOAD(({0x02, 0x01,                          //
                   0x88, 0x80, 0x08, 0x18, 0x01, 0x0A,  // after 0: call stack 5
                   0x80, 0x19, 0x02, 0x04,              // after 5: call stack 2
                   0x80, 0x18, 0x01, 0x0A,              // after 2: call stack 5
                   0xF0, 0xF0, 0xF0}),                  // as the last time
                 for (int turn = 0; turn < 3; ++turn) {
                   w->WriteAllocation(1, 0x1000, 24, Allocator::kMalloc, 5);
                   w->WriteAllocation(1, 0x1000, 25, Allocator::kCalloc, 2);
                 });
}

TEST("RecordWriter: a call stack is relative to the one that is expected") {
  EXPECT_PAYLOAD(({0x02, 0x01, 0x88, 0x80, 0x08, 0x18, 0x01, 0x0A,  // 0 + 5
                   0x80, 0x18, 0x01, 0x0A,                          // 0 + 5
                   0xB0, 0x05,                                      // 5 - 3
                   0x80, 0x18, 0x01, 0x0A}),                        // 0 + 5
                 for (const uint32_t stack
                      : {5, 5, 2, 5}) {
                   w->WriteAllocation(1, 0x1000, 24, Allocator::kMalloc, stack);
                 });
}

TEST("RecordWriter: expectations are told apart by call stacks modulo 64") {
  EXPECT_PAYLOAD(
      ({0x02, 0x01, 0x88, 0x80, 0x08, 0x18, 0x01, 0x82, 0x01,  // 0 + 65
        0x80, 0x18, 0x01, 0x02,                                // 0 + 1
        0xB0, 0x80, 0x01}),                                    // 1 + 64
      for (const uint32_t stack
           : {65, 1, 65}) {
        w->WriteAllocation(1, 0x1000, 24, Allocator::kMalloc, stack);
      });
}

TEST("RecordWriter: size 0 and call stack 0 are expected at first") {
  EXPECT_PAYLOAD(({0x02, 0x01, 0xD8, 0x80, 0x08, 0x01}),
                 w->WriteAllocation(1, 0x1000, 0, Allocator::kMalloc, 0));
}

TEST("RecordWriter: addresses go back, and up to the end of user space") {
  // 0x00007FFFFFFFFFF8 is of region 7.
  EXPECT_PAYLOAD(({0x48, 0x80, 0x08,  // 0x200
                   0x48, 0xFF, 0x03,  // 0x100 - 0x200
                   0x4F, 0xFE, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0x07}),
                 w->WriteDeallocation(0x1000);
                 w->WriteDeallocation(0x800);
                 w->WriteDeallocation(0x00007FFFFFFFFFF8));
}

TEST(
    "RecordWriter: a slot of the address cache is taken over, a hit changes "
    "nothing") {
  // Both are of slot 0: 0x1000 >> 4 = 256, 0x1080 >> 4 = 264.
  EXPECT_PAYLOAD(({0x48, 0x80, 0x08,  // 0x1000 into slot 0
                   0x48, 0x20,        // 0x1080 into slot 0: 0x210 - 0x200
                   0x40,              // hit
                   0x48, 0x1F,        // 0x1000 again: 0x200 - 0x210
                   0x48, 0x02,        // 0x1008, of the same slot
                   0x48, 0x04,        // 0x1018 into slot 1
                   0x40,              // 0x1008
                   0x48, 0x02}),      // 0x1020: one on from 0x1018
                 w->WriteDeallocation(0x1000);
                 w->WriteDeallocation(0x1080); w->WriteDeallocation(0x1080);
                 w->WriteDeallocation(0x1000); w->WriteDeallocation(0x1008);
                 w->WriteDeallocation(0x1018); w->WriteDeallocation(0x1008);
                 w->WriteDeallocation(0x1020));
}

TEST("RecordWriter: addresses are relative to the latest of their region") {
  // Regions 1, 2 and 7 are next to each other; 0x91000 is of region 1 again.
  EXPECT_PAYLOAD(({0x49, 0x80, 0x80, 0x01,  // 0x2000
                   0x4A, 0x80, 0x80, 0x02,  // 0x4000
                   0x4F, 0x80, 0x80, 0x07,  // 0xE000
                   0x49, 0x04,              // two eights on
                   0x4A, 0xFC, 0x7F,        // to its end
                   0x49, 0xFC, 0x87, 0x08}),
                 w->WriteDeallocation(0x10000);
                 w->WriteDeallocation(0x20000); w->WriteDeallocation(0x70000);
                 w->WriteDeallocation(0x10010); w->WriteDeallocation(0x2FFF0);
                 w->WriteDeallocation(0x91000));
}

TEST("RecordWriter: slots go up to 7") {
  // 0x70 >> 4 = 7; 0x78 is of the same slot but another address.
  EXPECT_PAYLOAD(({0x48, 0x1C, 0x47, 0x48, 0x02, 0x47}),
                 w->WriteDeallocation(0x70);
                 w->WriteDeallocation(0x70); w->WriteDeallocation(0x78);
                 w->WriteDeallocation(0x78));
}

TEST("RecordWriter: an address in the upper half is of the regions as well") {
  // (1 << 63 | 2 << 40) / 8 = 1 << 60 | 1 << 38, zig-zag twice that.
  EXPECT_PAYLOAD(
      ({0x48, 0x80, 0x80, 0x80, 0x80, 0x80, 0x90, 0x80, 0x80, 0x20, 0x48,
        0x02}),
      w->WriteDeallocation(uint64_t{1} << 63 | uint64_t{2} << 40);
      w->WriteDeallocation((uint64_t{1} << 63 | uint64_t{2} << 40) + 8));
}

TEST("RecordWriter: a thread is named when it changes, for allocations only") {
  EXPECT_PAYLOAD(({0x02, 0x01, 0xC8, 0x80, 0x08, 0x18, 0x01,  //
                   0x40,                                      //
                   0x02, 0x80, 0x01, 0xF0,                    // thread 128
                   0xF0,                                      //
                   0x02, 0x01, 0xF0}),
                 w->WriteAllocation(1, 0x1000, 24, Allocator::kMalloc, 0);
                 w->WriteDeallocation(0x1000);
                 w->WriteAllocation(128, 0x1000, 24, Allocator::kMalloc, 0);
                 w->WriteAllocation(128, 0x1000, 24, Allocator::kMalloc, 0);
                 w->WriteAllocation(1, 0x1000, 24, Allocator::kMalloc, 0));
}

TEST("RecordWriter: the largest size") {
  EXPECT_PAYLOAD(({0x02, 0x01, 0xC8, 0x02, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF, 0xFF,
                   0xFF, 0xFF, 0xFF, 0x01, 0x10}),
                 w->WriteAllocation(1, 8, ~uint64_t{0}, Allocator::kMmap, 0));
}

TEST("RecordWriter: every allocator has its number") {
  const std::pair<Allocator, uint8_t> numbers[] = {
      {Allocator::kMalloc, 1},        {Allocator::kCalloc, 2},
      {Allocator::kRealloc, 3},       {Allocator::kReallocarray, 4},
      {Allocator::kPosixMemalign, 5}, {Allocator::kAlignedAlloc, 6},
      {Allocator::kMemalign, 7},      {Allocator::kValloc, 8},
      {Allocator::kPvalloc, 9},       {Allocator::kOperatorNew, 10},
      {Allocator::kMmap, 16},         {Allocator::kMremap, 17},
      {Allocator::kMprotect, 18}};
  for (const auto& [allocator, number] : numbers) {
    const Bytes payload = PayloadOf([=](RecordWriter* w) {
      w->WriteAllocation(1, 0x1000, 24, allocator, 0);
    });
    EXPECT_EQUAL(payload.back(), number);
  }
}

TEST("RecordWriter: definitions, to the byte, and numbered from 1") {
  EXPECT_PAYLOAD(({0x04, 0x03, 'a', 0xC3, 0xA9}),
                 EXPECT_EQUAL(w->DefineString("a\u00e9"), 1u));
  EXPECT_PAYLOAD(({0x05, 0x01, 0x00, 0x05, 0x82, 0x01, 0x01}),
                 EXPECT_EQUAL(w->DefineScript(1, false), 1u);
                 EXPECT_EQUAL(w->DefineScript(130, true), 2u));
  EXPECT_PAYLOAD(
      ({0x06, 0x01, 0x02, 0x01, 0x29, 0x12}),
      EXPECT_EQUAL(w->DefineCode(1, 2, CodeType::kWebAssembly, 41, 18), 1u));
  EXPECT_PAYLOAD(({0x07, 0x01, 0x00, 0x07, 0x02, 0x80, 0x01,  //
                   0x08, 0x88, 0x77, 0x66, 0x55, 0x44, 0x33, 0x22, 0x11}),
                 EXPECT_EQUAL(w->DefineJsFrame(1, 0), 1u);
                 EXPECT_EQUAL(w->DefineJsFrame(2, 128), 2u);
                 EXPECT_EQUAL(w->DefineNativeFrame(0x1122334455667788), 3u));
  EXPECT_PAYLOAD(({0x09, 0x00, 0x01, 0x09, 0x01, 0xFF, 0x01}),
                 EXPECT_EQUAL(w->DefineStack(0, 1), 1u);
                 EXPECT_EQUAL(w->DefineStack(1, 255), 2u));
}

TEST("RecordWriter: the empty string is string 0 and is not written") {
  EXPECT_PAYLOAD(({0x04, 0x01, 'x'}), EXPECT_EQUAL(w->DefineString(""), 0u);
                 EXPECT_EQUAL(w->DefineString("x"), 1u));
}

TEST("RecordWriter: the other records, to the byte") {
  EXPECT_PAYLOAD(({0x03, 0x02, 0x04, 'n', 'o', 'd', 'e'}),
                 w->WriteThreadName(2, "node"));
  EXPECT_PAYLOAD(({0x0D, 0x04, 'a', 'r', 'c', 'h', 0x03, 'x', '6', '4'}),
                 w->WriteMetadata("arch", "x64"));
  EXPECT_PAYLOAD(({0x0D, 0x00, 0x00}), w->WriteMetadata("", ""));
  EXPECT_PAYLOAD(({0x0A, 0x80, 0xA0, 0x01, 0x80, 0x20}),
                 w->WriteUnmapping(0x5000, 0x1000));
  EXPECT_PAYLOAD(({0x0B, 0x01, 0xE8, 0x07, 0x29, 0x12}),
                 w->WritePosition(1, 1000, 41, 18));
  EXPECT_PAYLOAD(({0x10, 0x01, 0x29, 0x92, 0x01, 0x02, 0x07, 0x05}),
                 w->WriteOriginal(1, 41, 146, 2, 7, 5));
  EXPECT_PAYLOAD(({0x0C, 0x03, 0x01, 0x02, 0x00, 0x00}),
                 w->WriteSymbol(3, 1, 2));
}

/// @return the bytes of STRING that are the string's.
Bytes Written(const std::string& text) {
  MemorySink sink;
  RecordWriter writer(&sink, kHeader);
  writer.DefineString(text);
  writer.Finish(0);
  const std::string record = RecordReader(sink.bytes).Read()[0].substr(7);
  return Bytes(record.begin(), record.end());
}

TEST("RecordWriter: samples are by call stack, relative to the ones before") {
  EXPECT_PAYLOAD(({0x0F, 0x0A, 0xAC, 0x02, 0x04,  // call stack 0 + 5
                   0x0F, 0x05, 0x00, 0x00,        // 5 - 3
                   0x0F, 0x02, 0x01, 0x01,        // 2 + 1
                   0x0E, 0x02, 0x90, 0x03}),
                 w->WriteSamples(5, 300, 4);
                 w->WriteSamples(2, 0, 0); w->WriteSamples(3, 1, 1);
                 w->WriteHeap(records::HeapKind::kUnconfirmed, 400));
}

TEST("RecordWriter: a string is cut at 4096 bytes, between two characters") {
  const std::string ascii(4096, 'x');
  EXPECT_EQUAL(Written(ascii).size(), 4096u);
  EXPECT_EQUAL(Written(ascii + "y").size(), 4096u);
  // A character of n bytes, with i of them before byte 4096.
  for (const std::string character : {"\u00e9", "\u20ac", "\U0001F4E6"}) {
    for (size_t before = 1; before < character.size(); ++before) {
      const std::string text =
          std::string(4096 - before, 'x') + character + "tail";
      EXPECT_EQUAL(Written(text).size(), 4096 - before);
    }
    const std::string fits =
        std::string(4096 - character.size(), 'x') + character;
    EXPECT_EQUAL(Written(fits + character).size(), 4096u);
    EXPECT(Written(fits) == Bytes(fits.begin(), fits.end()));
  }
}

TEST("RecordWriter: bytes that are no UTF-8 do no harm") {
  EXPECT(Written(std::string(5000, '\x80')).size() <= 4096);
  EXPECT_EQUAL(Written("\xFF\x80\xC3").size(), 3u);
}

TEST("RecordWriter: 200,000 records come back the same, in whole blocks") {
  MemorySink sink;
  RecordWriter writer(&sink, kHeader);
  std::mt19937_64 random(42);
  std::vector<std::string> expected;
  uint64_t thread = 0;
  uint64_t strings = 0;
  const auto hex = [](uint64_t value) {
    std::ostringstream text;
    text << std::hex << value;
    return text.str();
  };
  for (int i = 0; i < 200'000; ++i) {
    const uint64_t address =
        (random() % 64 * 16 + (random() % 8 << 40)) & ~uint64_t{7};
    switch (random() % 64) {
      case 0: {
        const std::string text(random() % 5000, 'a' + i % 26);
        if (!text.empty()) EXPECT_EQUAL(writer.DefineString(text), ++strings);
        if (!text.empty()) expected.push_back("STRING " + text.substr(0, 4096));
        break;
      }
      case 1: {
        const std::string text(4096, 'z');
        writer.WriteMetadata(text, text);
        expected.push_back("METADATA " + text + ' ' + text);
        break;
      }
      case 2:
        writer.WriteUnmapping(address, address);
        expected.push_back("UNMAP " + std::to_string(address) + ' ' +
                           std::to_string(address));
        break;
      case 3 ... 32:
        writer.WriteDeallocation(address);
        expected.push_back("DEALLOCATION " + hex(address));
        break;
      default: {
        const uint64_t size = random() >> random() % 64;
        const uint32_t stack = random() % 8 == 0 ? random() : random() % 4;
        const auto allocator =
            random() % 4 ? Allocator::kMalloc : Allocator::kCalloc;
        const uint64_t of = 1 + random() % 3;
        writer.WriteAllocation(of, address, size, allocator, stack);
        if (of != thread) expected.push_back("THREAD " + std::to_string(of));
        thread = of;
        expected.push_back("ALLOCATION " + hex(address) + ' ' +
                           std::to_string(size) + ' ' + Show(allocator) + ' ' +
                           std::to_string(stack));
      }
    }
  }
  writer.Finish(1);
  RecordReader reader(sink.bytes);
  auto records = reader.Read();
  EXPECT_EQUAL(records.back().substr(0, 4), "END ");
  records.pop_back();
  EXPECT_EQUAL(records.size(), expected.size());
  for (size_t i = 0; i < records.size(); ++i)
    EXPECT_EQUAL(records[i], expected[i]);
  EXPECT(reader.payload_sizes().size() > 100);
}

}  // namespace
}  // namespace memray_mocha::test
