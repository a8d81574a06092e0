#ifndef NATIVE_CAPTURE_SINK_H_
#define NATIVE_CAPTURE_SINK_H_

#include <sys/types.h>

#include <cstddef>
#include <cstdint>
#include <memory>
#include <string>
#include <vector>

namespace memray_mocha {

/// Where a capture's bytes go, and from where they are read back. A failed
/// write is remembered, never thrown: it happens inside the program's malloc.
class Sink {
 public:
  virtual ~Sink() = default;
  virtual void Write(const void* data, size_t size_bytes) = 0;
  /// @return how many bytes were read; 0 at the end.
  virtual size_t Read(uint64_t offset, void* target, size_t size_bytes) = 0;
  virtual uint64_t size_bytes() const = 0;
  /// @return what went wrong, a sentence; empty when nothing did.
  const std::string& error() const { return error_; }
  /// For who writes and cannot say all.
  void SetError(const std::string& error) { error_ = error; }

 protected:
  std::string error_;
};

/// A file that stays.
class FileSink final : public Sink {
 public:
  /// Creates or truncates the file at `path`.
  explicit FileSink(const std::string& path);
  /// A file without a name in `directory`: it vanishes with this object.
  static std::unique_ptr<FileSink> Temporary(const std::string& directory);
  ~FileSink() override;
  void Write(const void* data, size_t size_bytes) override;
  size_t Read(uint64_t offset, void* target, size_t size_bytes) override;
  uint64_t size_bytes() const override { return size_bytes_; }

 private:
  FileSink(int file, const std::string& path);
  void Fail(const std::string& what);
  bool HasFile();

  int file_;
  // Of the file, to know it again.
  dev_t device_ = 0;
  ino_t inode_ = 0;
  std::string path_;
  uint64_t size_bytes_ = 0;
};

/// Memory at first; what does not fit moves to a temporary file, so that a
/// tracker's memory is bounded however long the program runs.
class SpillingSink final : public Sink {
 public:
  static constexpr size_t kMemoryBytes = size_t{4} << 20;

  explicit SpillingSink(std::string directory);
  void Write(const void* data, size_t size_bytes) override;
  size_t Read(uint64_t offset, void* target, size_t size_bytes) override;
  uint64_t size_bytes() const override;

 private:
  static constexpr size_t kPieceBytes = size_t{64} << 10;

  const std::string directory_;
  // In pieces, all full but the last one: what is written is copied once.
  std::vector<std::unique_ptr<char[]>> pieces_;
  size_t memory_bytes_ = 0;
  std::unique_ptr<FileSink> file_;
};

}  // namespace memray_mocha

#endif  // NATIVE_CAPTURE_SINK_H_
