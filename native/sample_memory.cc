#include "sample_memory.h"

#include <sys/mman.h>

namespace memray_mocha {

std::unique_ptr<SampleMemory> SampleMemory::Reserve(size_t range_bytes) {
  void* begin = mmap(nullptr, range_bytes, PROT_NONE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (begin == MAP_FAILED) return nullptr;
  return std::unique_ptr<SampleMemory>(
      new SampleMemory({static_cast<std::byte*>(begin), range_bytes}));
}

SampleMemory::SampleMemory(std::span<std::byte> range)
    : range_(range),
      samples_(range.first(range.size() / 2), sizeof(Sample)),
      entries_(range.last(range.size() / 2), kEntryBytes) {}

void SampleMemory::Trim() {
  samples_.Trim();
  entries_.Trim();
}

}  // namespace memray_mocha
