#include "test/golden_captures.h"

#include <cstdio>
#include <fstream>
#include <iterator>

#include "capture/record_writer.h"
#include "test/memory_sink.h"
#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

using records::CodeType;

// test/assembly/golden-capture.test.ts states what a reader must find in these.

/// A capture with a record of every kind: small enough to be followed by hand.
void WriteEveryRecord(RecordWriter* w) {
  w->WriteMetadata("node", "v20.20.0");
  w->WriteMetadata("v8", "11.3.244.8-node.33");
  w->WriteMetadata("arch", "x64");
  w->WriteMetadata("platform", "linux");
  w->WriteMetadata("commandLine", "node mocha \U0001F4E6");
  w->WriteMetadata("cwd", "/app");
  w->WriteThreadName(1, "node");

  const uint32_t script =
      w->DefineScript(w->DefineString("/app/catalogue.js"), false);
  const auto code = [=](const char* name, uint32_t line, uint32_t column) {
    return w->DefineCode(w->DefineString(name), script, CodeType::kJavaScript,
                         line, column);
  };
  const uint32_t main = code("JS:~main /app/catalogue.js:1:14", 1, 14);
  const uint32_t parse_row =
      code("JS:*parseRow /app/catalogue.js:41:18", 41, 18);
  const uint32_t collection = w->DefineCode(
      w->DefineString("V8: garbage collection"), 0, CodeType::kVmState, 0, 0);
  const uint32_t in_main = w->DefineJsFrame(main, 51);
  const uint32_t in_row_43 = w->DefineJsFrame(parse_row, 1001);
  const uint32_t in_row_45 = w->DefineJsFrame(parse_row, 1101);
  const uint32_t in_collection = w->DefineJsFrame(collection, 0);
  const uint32_t in_node = w->DefineNativeFrame(0x400123);
  const uint32_t in_addon = w->DefineNativeFrame(0x7F00DEADBEEF);

  const uint32_t main_js = w->DefineStack(0, in_main);
  const uint32_t row_43 =
      w->DefineStack(w->DefineStack(main_js, in_row_43), in_node);
  const uint32_t row_45 =
      w->DefineStack(w->DefineStack(main_js, in_row_45), in_node);
  const uint32_t from_main = w->DefineStack(main_js, in_node);
  const uint32_t from_addon = w->DefineStack(0, in_addon);
  const uint32_t in_gc =
      w->DefineStack(w->DefineStack(0, in_collection), in_node);

  w->WriteAllocation(1, 0x10000, 1000, Allocator::kMalloc, row_43);
  w->WriteAllocation(1, 0x20000, 3000, Allocator::kCalloc, row_45);
  w->WriteThreadName(2, "libuv-worker");
  w->WriteAllocation(2, 0x30000, 500, Allocator::kOperatorNew, from_addon);
  w->WriteDeallocation(0x20000);
  w->WriteDeallocation(0x10000);
  w->WriteAllocation(1, 0x10000, 2000, Allocator::kRealloc, row_43);
  w->WriteAllocation(1, 0x7F0000000000, 0x10000, Allocator::kMmap, from_main);
  w->WriteUnmapping(0x7F0000008000, 0x8000);  // its second half
  w->WriteAllocation(1, 0x7F0000010000, 4096, Allocator::kMprotect, from_main);
  w->WriteAllocation(1, 0x50000, 64, Allocator::kMalloc, in_gc);
  w->WriteDeallocation(0x30000);
  w->WriteUnmapping(0x7F0000000000, 0x8000);
  w->WriteAllocation(1, 0x7F0000020000, 0x20000, Allocator::kMremap, from_main);
  w->WriteAllocation(2, 0x40000, 256, Allocator::kPosixMemalign, from_addon);
  w->WriteDeallocation(0x99990);  // allocated before tracking began
  w->WriteUnmapping(0x7F0000020000, 0x20000);
  w->WriteDeallocation(0x50000);

  w->WritePosition(script, 50, 3, 5);
  w->WritePosition(script, 1000, 43, 7);
  w->WritePosition(script, 1100, 45, 9);
  w->WriteOriginal(script, 45, 9, w->DefineString("file:///app/row%20s.ts"), 52,
                   11);
  const uint32_t node = w->DefineString("/usr/bin/node");
  w->WriteSymbol(in_node, w->DefineString("node::Buffer::New(unsigned long)"),
                 node);
  const uint32_t addon = w->DefineString("/app/fixture.node");
  w->WriteSymbol(in_addon, 0, addon);
  w->Finish(1500);
}

/// A capture of several blocks: state that runs on from block to block.
void WriteSeveralBlocks(RecordWriter* w) {
  const uint32_t script =
      w->DefineScript(w->DefineString("/app/loop.js"), true);
  const uint32_t code =
      w->DefineCode(w->DefineString("JS:~loop /app/loop.js:1:1"), script,
                    CodeType::kJavaScript, 1, 1);
  uint32_t stacks[3];
  for (uint32_t i = 0; i < 3; ++i) {
    stacks[i] = w->DefineStack(0, w->DefineJsFrame(code, 10 * i + 1));
  }
  for (uint32_t i = 0; i < 15'000; ++i) {
    const uint64_t address = 0x100000 + uint64_t{i} * 48;
    w->WriteAllocation(1 + i / 1000 % 2, address, 32 + i % 64,
                       Allocator::kMalloc, stacks[i % 3]);
    if (i % 5 != 0) w->WriteDeallocation(address);
  }
  for (uint32_t i = 0; i < 3; ++i) w->WritePosition(script, 10 * i, 2 + i, 1);
  w->Finish(0);
}

/// Objects of two call stacks: a mark, a peak, more garbage, and what is left.
void WriteJsHeap(RecordWriter* w) {
  using records::HeapKind;
  const uint32_t script =
      w->DefineScript(w->DefineString("/app/cache.js"), false);
  const auto stack = [=](const char* name, uint32_t position) {
    const uint32_t code = w->DefineCode(w->DefineString(name), script,
                                        CodeType::kJavaScript, 1, 1);
    return w->DefineStack(0, w->DefineJsFrame(code, position + 1));
  };
  const uint32_t keep = stack("JS:~keep /app/cache.js:1:1", 20);
  const uint32_t drop = stack("JS:~drop /app/cache.js:7:1", 90);
  w->WriteSamples(keep, 300, 6);
  w->WriteHeap(HeapKind::kMark, 0);
  w->WriteSamples(drop, 150'000, 1500);
  w->WriteHeap(HeapKind::kUnconfirmed, 150'300);
  w->WriteAllocation(1, 0x10000, 5000, Allocator::kMalloc, keep);
  w->WriteSamples(drop, 90'000, 900);
  w->WriteSamples(keep, 1'900'000, 38'000);
  w->WriteHeap(HeapKind::kConfirmed, 2'000'000);
  w->WriteHeap(HeapKind::kRaw, 3'000'000);
  w->WriteSamples(drop, 0, 0);
  w->WriteSamples(keep, 300, 6);
  w->WriteHeap(HeapKind::kEnd, 0);
  w->WritePosition(script, 20, 3, 5);
  w->WritePosition(script, 90, 9, 5);
  w->Finish(20);
}

struct Golden {
  const char* file;
  CaptureHeader header;
  void (*write)(RecordWriter*);
};

constexpr Golden kGoldens[] = {
    {"every-record.bin", {0, 4711, 1'700'000'000'000, 1}, WriteEveryRecord},
    {"several-blocks.bin", {3, 4712, 1'700'000'000'001, 1}, WriteSeveralBlocks},
    {"js-heap.bin", {0, 4713, 1'700'000'000'002, 1}, WriteJsHeap},
};

std::vector<uint8_t> BytesOf(const Golden& golden) {
  MemorySink sink;
  RecordWriter writer(&sink, golden.header);
  golden.write(&writer);
  return sink.bytes;
}

TEST("Golden captures: written again they are the same to the byte") {
  for (const Golden& golden : kGoldens) {
    std::ifstream file(settings.captures + '/' + golden.file, std::ios::binary);
    const std::vector<uint8_t> expected{std::istreambuf_iterator<char>(file),
                                        {}};
    const std::vector<uint8_t> actual = BytesOf(golden);
    EXPECT_EQUAL(actual.size(), expected.size());
    EXPECT(actual == expected);
  }
}

}  // namespace

bool WriteGoldenCaptures(const std::string& folder) {
  for (const Golden& golden : kGoldens) {
    const auto bytes = BytesOf(golden);
    std::ofstream file(folder + '/' + golden.file, std::ios::binary);
    file.write(reinterpret_cast<const char*>(bytes.data()), bytes.size());
    if (!file.flush()) {
      std::fprintf(stderr, "Could not write %s/%s\n", folder.c_str(),
                   golden.file);
      return false;
    }
  }
  return true;
}

}  // namespace memray_mocha::test
