#ifndef NATIVE_ZEROED_ARRAY_H_
#define NATIVE_ZEROED_ARRAY_H_

#include <sys/mman.h>

#include <cstddef>
#include <cstdlib>
#include <new>
#include <utility>

namespace memray_mocha {

/// Values that are all zero bits at first. Many are in memory of the system's
/// own, in large pages where it may be, in which values that lie all over are
/// found about twice as fast; to map and unmap a few would take longer than a
/// short test.
template <typename Value>
class ZeroedArray {
 public:
  explicit ZeroedArray(size_t size) : size_(size) {
    void* begin = IsSmall() ? std::calloc(size, sizeof(Value)) : Map();
    if (!begin) throw std::bad_alloc();
    begin_ = static_cast<Value*>(begin);
  }
  ~ZeroedArray() {
    if (IsSmall())
      std::free(begin_);
    else
      munmap(begin_, size_bytes());
  }
  ZeroedArray(const ZeroedArray&) = delete;
  ZeroedArray& operator=(const ZeroedArray&) = delete;

  void swap(ZeroedArray& other) {
    std::swap(begin_, other.begin_);
    std::swap(size_, other.size_);
  }

  size_t size() const { return size_; }
  Value& operator[](size_t index) { return begin_[index]; }
  const Value& operator[](size_t index) const { return begin_[index]; }
  const Value* begin() const { return begin_; }
  const Value* end() const { return begin_ + size_; }

 private:
  size_t size_bytes() const { return size_ * sizeof(Value); }
  bool IsSmall() const { return size_bytes() <= kMaxSmallBytes; }

  void* Map() const {
    void* begin = mmap(nullptr, size_bytes(), PROT_READ | PROT_WRITE,
                       MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
    if (begin == MAP_FAILED) return nullptr;
    madvise(begin, size_bytes(), MADV_HUGEPAGE);
    return begin;
  }

  static constexpr size_t kMaxSmallBytes = 32 << 10;

  Value* begin_;
  size_t size_;
};

}  // namespace memray_mocha

#endif  // NATIVE_ZEROED_ARRAY_H_
