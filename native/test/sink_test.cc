#include "capture/sink.h"

#include <fcntl.h>
#include <malloc.h>
#include <unistd.h>

#include <cstdlib>
#include <filesystem>
#include <vector>

#include "test/cancelled_thread.h"
#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

namespace fs = std::filesystem;

/// A folder that vanishes with it.
class TemporaryFolder {
 public:
  TemporaryFolder() {
    std::string name = fs::temp_directory_path() / "memray-mocha-test-XXXXXX";
    path = ::mkdtemp(name.data());
  }
  ~TemporaryFolder() { fs::remove_all(path); }
  std::string path;
};

std::vector<uint8_t> Pattern(size_t size_bytes, uint32_t seed) {
  std::vector<uint8_t> bytes(size_bytes);
  for (auto& byte : bytes) byte = (seed = seed * 1664525 + 1013904223) >> 24;
  return bytes;
}

/// Reads a sink to its end as CaptureReader does, in pieces.
std::vector<uint8_t> ReadAll(Sink* sink, size_t piece_bytes) {
  std::vector<uint8_t> bytes;
  std::vector<uint8_t> piece(piece_bytes);
  for (;;) {
    const size_t count = sink->Read(bytes.size(), piece.data(), piece.size());
    if (count == 0) return bytes;
    bytes.insert(bytes.end(), piece.begin(), piece.begin() + count);
  }
}

size_t LiveHeapBytes() {
  const auto info = ::mallinfo2();
  return info.uordblks + info.hblkhd;
}

TEST("FileSink: what is written is in the file, and read back") {
  const TemporaryFolder folder;
  const std::string path = folder.path + "/capture.bin";
  const auto bytes = Pattern(100'000, 1);
  FileSink sink(path);
  sink.Write(bytes.data(), 10);
  sink.Write(bytes.data() + 10, bytes.size() - 10);
  EXPECT_EQUAL(sink.error(), "");
  EXPECT_EQUAL(sink.size_bytes(), bytes.size());
  EXPECT_EQUAL(fs::file_size(path), bytes.size());
  EXPECT(ReadAll(&sink, 4099) == bytes);
  uint8_t byte;
  EXPECT_EQUAL(sink.Read(bytes.size() + 1, &byte, 1), 0u);
}

TEST("FileSink: an older file is replaced, not appended to") {
  const TemporaryFolder folder;
  const std::string path = folder.path + "/capture.bin";
  FileSink(path).Write("a long text", 11);
  FileSink(path).Write("short", 5);
  EXPECT_EQUAL(fs::file_size(path), 5u);
}

TEST("FileSink: a place that does not exist is an error that names it") {
  FileSink sink("/nowhere/capture.bin");
  EXPECT_EQUAL(sink.error(),
               "Could not create the capture file /nowhere/capture.bin: No "
               "such file or directory.");
  sink.Write("x", 1);
  EXPECT_EQUAL(sink.size_bytes(), 0u);
}

TEST("FileSink: a full disk is an error, and later writes are harmless") {
  FileSink sink("/dev/full");
  EXPECT_EQUAL(sink.error(), "");
  sink.Write("x", 1);
  const std::string error =
      "Could not write the capture file /dev/full: No space left on device.";
  EXPECT_EQUAL(sink.error(), error);
  sink.Write("y", 1);
  EXPECT_EQUAL(sink.error(), error);
  EXPECT_EQUAL(sink.size_bytes(), 0u);
}

/// @return the descriptor by which this process has that file open; -1 for
/// none.
int DescriptorOf(const std::string& path) {
  for (const auto& entry : fs::directory_iterator("/proc/self/fd")) {
    std::error_code error;
    if (fs::read_symlink(entry, error) == path)
      return std::stoi(entry.path().filename());
  }
  return -1;
}

int LowestFreeDescriptor() {
  const int lowest = ::dup(STDOUT_FILENO);
  ::close(lowest);
  return lowest;
}

TEST("FileSink: its descriptor is not the one that the program gets next") {
  const TemporaryFolder folder;
  const int lowest = LowestFreeDescriptor();
  const FileSink sink(folder.path + "/capture.bin");
  EXPECT_EQUAL(LowestFreeDescriptor(), lowest);
}

TEST("FileSink: a file that the program has in place of it stays as it is") {
  const TemporaryFolder folder;
  const std::string path = folder.path + "/capture.bin";
  const std::string other = folder.path + "/other.txt";
  const int file = ::open(other.c_str(), O_RDWR | O_CREAT, 0600);
  int taken;
  {
    FileSink sink(path);
    sink.Write("x", 1);
    taken = DescriptorOf(path);
    EXPECT(taken >= 0);
    ::dup2(file, taken);
    sink.Write("y", 1);
    const std::string error = "Could not use the capture file " + path +
                              ": the program has closed its descriptor.";
    EXPECT_EQUAL(sink.error(), error);
    char byte;
    EXPECT_EQUAL(sink.Read(0, &byte, 1), 0u);
    EXPECT_EQUAL(sink.size_bytes(), 1u);
  }
  EXPECT_EQUAL(fs::file_size(other), 0u);
  EXPECT_EQUAL(::close(taken), 0);
  ::close(file);
}

TEST("FileSink: a thread is not cancelled while it makes or writes a file") {
  const TemporaryFolder folder;
  std::unique_ptr<FileSink> sink;
  EXPECT(IsDoneWhenCancelled([&] {
    sink = FileSink::Temporary(folder.path);
    sink->Write("x", 1);
  }));
  EXPECT_EQUAL(sink->error(), "");
  EXPECT_EQUAL(sink->size_bytes(), 1u);
}

TEST("SpillingSink: small captures never touch the disk") {
  SpillingSink sink("/nowhere");
  const auto bytes = Pattern(SpillingSink::kMemoryBytes, 2);
  sink.Write(bytes.data(), bytes.size());
  EXPECT_EQUAL(sink.error(), "");
  EXPECT_EQUAL(sink.size_bytes(), bytes.size());
  EXPECT(ReadAll(&sink, 65'536) == bytes);
}

TEST("SpillingSink: spilled bytes are read back identical") {
  const TemporaryFolder folder;
  SpillingSink sink(folder.path);
  const auto bytes = Pattern(3 * SpillingSink::kMemoryBytes + 12'345, 3);
  for (size_t at = 0; at < bytes.size();) {
    const size_t count = std::min(bytes.size() - at, 1 + at % 65'536);
    sink.Write(bytes.data() + at, count);
    at += count;
  }
  EXPECT_EQUAL(sink.error(), "");
  EXPECT_EQUAL(sink.size_bytes(), bytes.size());
  EXPECT(ReadAll(&sink, 1'000'003) == bytes);
  // A read that begins in memory may end there; one that begins in the file
  // goes on.
  std::vector<uint8_t> end(1000);
  EXPECT_EQUAL(sink.Read(bytes.size() - 500, end.data(), end.size()), 500u);
}

TEST("SpillingSink: the temporary file has no name that could stay behind") {
  const TemporaryFolder folder;
  SpillingSink sink(folder.path);
  const auto bytes = Pattern(SpillingSink::kMemoryBytes, 4);
  sink.Write(bytes.data(), bytes.size());
  sink.Write(bytes.data(), bytes.size());
  EXPECT_EQUAL(sink.size_bytes(), 2 * bytes.size());
  EXPECT(fs::is_empty(folder.path));
}

TEST("SpillingSink: memory stays bounded however much is written") {
  const TemporaryFolder folder;
  const auto block = Pattern(65'536, 5);
  const size_t before = LiveHeapBytes();
  SpillingSink sink(folder.path);
  size_t largest = 0;
  for (int i = 0; i < 1024; ++i) {
    sink.Write(block.data(), block.size());
    largest = std::max(largest, LiveHeapBytes() - before);
  }
  EXPECT_EQUAL(sink.size_bytes(), 1024u * 65'536);
  // Twice, for a vector that grows.
  EXPECT(largest <= 2 * SpillingSink::kMemoryBytes);
}

TEST("SpillingSink: a temporary folder that is not there is an error, later") {
  SpillingSink sink("/nowhere");
  const auto bytes = Pattern(SpillingSink::kMemoryBytes, 6);
  sink.Write(bytes.data(), bytes.size());
  EXPECT_EQUAL(sink.error(), "");
  sink.Write(bytes.data(), 1);
  EXPECT(sink.error().find("Could not create the capture file /nowhere/") == 0);
  sink.Write(bytes.data(), 1);
  EXPECT_EQUAL(sink.size_bytes(), bytes.size());
}

}  // namespace
}  // namespace memray_mocha::test
