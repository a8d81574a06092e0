#include "capture/sink.h"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <cerrno>
#include <cstdlib>
#include <cstring>

#include "cancellation_guard.h"

namespace memray_mocha {
namespace {

/// Moves a descriptor to where no program comes that opens some files: one that
/// closes a descriptor twice, or all that it did not expect, else closes ours
/// or, worse, has its next file in the place of it.
int MoveUp(int file) {
  constexpr int kLeast = 900;  // of the 1024 that are the least to be allowed
  const int moved = ::fcntl(file, F_DUPFD_CLOEXEC, kLeast);
  if (moved < 0) return file;
  ::close(file);
  return moved;
}

}  // namespace

FileSink::FileSink(const std::string& path)
    : FileSink(
          ::open(path.c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0644),
          path) {}

FileSink::FileSink(int file, const std::string& path)
    : file_(file), path_(path) {
  if (file_ < 0) {
    Fail("create");
    return;
  }
  file_ = MoveUp(file_);
  struct stat status {};
  ::fstat(file_, &status);
  device_ = status.st_dev;
  inode_ = status.st_ino;
}

std::unique_ptr<FileSink> FileSink::Temporary(const std::string& directory) {
  const CancellationGuard guard;
  std::string path = directory + "/memray-mocha-XXXXXX";
  const int file = ::mkostemp(path.data(), O_CLOEXEC);
  if (file >= 0) ::unlink(path.c_str());
  return std::unique_ptr<FileSink>(new FileSink(file, path));
}

FileSink::~FileSink() {
  if (HasFile()) ::close(file_);
}

void FileSink::Write(const void* data, size_t size_bytes) {
  const CancellationGuard guard;
  if (!HasFile()) return;
  const char* rest = static_cast<const char*>(data);
  while (size_bytes > 0 && error_.empty()) {
    const ssize_t written = ::write(file_, rest, size_bytes);
    if (written < 0) {
      if (errno != EINTR) Fail("write");
      continue;
    }
    rest += written;
    size_bytes -= written;
    size_bytes_ += written;
  }
}

size_t FileSink::Read(uint64_t offset, void* target, size_t size_bytes) {
  if (!HasFile()) return 0;
  size_t total = 0;
  while (total < size_bytes) {
    const ssize_t count = ::pread(file_, static_cast<char*>(target) + total,
                                  size_bytes - total, offset + total);
    if (count < 0 && errno == EINTR) continue;
    if (count < 0) Fail("read");
    if (count <= 0) break;
    total += count;
  }
  return total;
}

/// @return whether the descriptor is of the file still.
bool FileSink::HasFile() {
  struct stat status;
  if (::fstat(file_, &status) == 0 && status.st_dev == device_ &&
      status.st_ino == inode_) {
    return true;
  }
  file_ = -1;
  if (error_.empty()) {
    error_ = "Could not use the capture file " + path_ +
             ": the program has closed its descriptor.";
  }
  return false;
}

void FileSink::Fail(const std::string& what) {
  error_ = "Could not " + what + " the capture file " + path_ + ": " +
           std::strerror(errno) + ".";
}

SpillingSink::SpillingSink(std::string directory)
    : directory_(std::move(directory)) {}

void SpillingSink::Write(const void* data, size_t size_bytes) {
  if (!file_ && memory_bytes_ + size_bytes > kMemoryBytes)
    file_ = FileSink::Temporary(directory_);
  if (file_) {
    file_->Write(data, size_bytes);
    error_ = file_->error();
    return;
  }
  const char* rest = static_cast<const char*>(data);
  while (size_bytes > 0) {
    const size_t offset = memory_bytes_ % kPieceBytes;
    if (offset == 0)
      pieces_.push_back(std::make_unique_for_overwrite<char[]>(kPieceBytes));
    const size_t count = std::min(size_bytes, kPieceBytes - offset);
    std::memcpy(&pieces_.back()[offset], rest, count);
    memory_bytes_ += count;
    rest += count;
    size_bytes -= count;
  }
}

size_t SpillingSink::Read(uint64_t offset, void* target, size_t size_bytes) {
  if (offset >= memory_bytes_) {
    if (!file_) return 0;
    const size_t count =
        file_->Read(offset - memory_bytes_, target, size_bytes);
    error_ = file_->error();
    return count;
  }
  char* rest = static_cast<char*>(target);
  const size_t total = std::min(size_bytes, memory_bytes_ - offset);
  for (size_t read = 0; read < total;) {
    const size_t begin = (offset + read) % kPieceBytes;
    const size_t count = std::min(total - read, kPieceBytes - begin);
    std::memcpy(rest + read, &pieces_[(offset + read) / kPieceBytes][begin],
                count);
    read += count;
  }
  return total;
}

uint64_t SpillingSink::size_bytes() const {
  return memory_bytes_ + (file_ ? file_->size_bytes() : 0);
}

}  // namespace memray_mocha
