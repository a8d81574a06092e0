#include "sample_memory.h"

#include <sys/mman.h>

#include <cstring>
#include <set>
#include <vector>

#include "test/test_runner.h"

namespace memray_mocha::test {
namespace {

constexpr size_t kGiB = size_t{1} << 30;

TEST("sample memory: its blocks are apart, aligned, and can be written") {
  const auto memory = SampleMemory::Reserve(kGiB);
  EXPECT(memory);
  std::set<uintptr_t> starts;
  size_t wrong = 0;
  // More than is made accessible at once.
  for (int i = 0; i < 50'000; ++i) {
    Sample* sample = memory->AllocateSample();
    void* entry = memory->AllocateEntry();
    std::memset(static_cast<void*>(sample), 1, sizeof(Sample));
    std::memset(entry, 2, SampleMemory::kEntryBytes);
    for (void* block : {static_cast<void*>(sample), entry}) {
      const auto address = reinterpret_cast<uintptr_t>(block);
      if (address % alignof(std::max_align_t) != 0) ++wrong;
      starts.insert(address);
    }
    if (memory->FindSample(sample) != sample || memory->FindSample(entry))
      ++wrong;
  }
  EXPECT_EQUAL(wrong, 0u);
  EXPECT_EQUAL(starts.size(), 100'000u);
}

TEST("sample memory: freed blocks are used again, each for its kind") {
  const auto memory = SampleMemory::Reserve(kGiB);
  Sample* sample = memory->AllocateSample();
  void* entry = memory->AllocateEntry();
  memory->Deallocate(sample);
  memory->Deallocate(entry);
  EXPECT_EQUAL(memory->AllocateSample(), sample);
  EXPECT_EQUAL(memory->AllocateEntry(), entry);
}

TEST("sample memory: tells which samples are counted as live") {
  const auto memory = SampleMemory::Reserve(kGiB);
  Sample* live = memory->AllocateSample();
  Sample* dead = memory->AllocateSample();
  memory->AllocateSample();  // not counted yet
  live->live_bytes = dead->live_bytes = 100;
  memory->Deallocate(dead);
  const auto find = [&memory] {
    std::vector<Sample*> found;
    memory->ForEachLive([&](Sample* sample) { found.push_back(sample); });
    return found;
  };
  EXPECT(find() == std::vector<Sample*>{live});
  memory->Deallocate(live);
  EXPECT(find().empty());
}

TEST("sample memory: has an end") {
  const auto memory = SampleMemory::Reserve(kGiB);
  const size_t count = kGiB / 2 / SampleMemory::kEntryBytes;
  size_t given = 0;
  while (given <= count && memory->AllocateEntry()) ++given;
  EXPECT_EQUAL(given, count);
}

void* PageOf(const void* block) {
  return reinterpret_cast<void*>(reinterpret_cast<uintptr_t>(block) & -4096);
}

bool IsResident(void* block) {
  unsigned char state = 0;
  mincore(block, 4096, &state);
  return state & 1;
}

TEST("sample memory: goes back to the system when no block is in use") {
  const auto memory = SampleMemory::Reserve(kGiB);
  Sample* first = memory->AllocateSample();
  std::vector<Sample*> others(kGiB >> 10);
  for (Sample*& other : others) other = memory->AllocateSample();
  Sample* last = others.back();
  first->stack = last->stack = 7;
  for (Sample* other : others) memory->Deallocate(other);
  memory->Trim();
  EXPECT_EQUAL(first->stack, 7u);
  EXPECT(IsResident(PageOf(memory->range().data())));
  EXPECT(IsResident(PageOf(last)));
  memory->Deallocate(first);
  memory->Trim();
  EXPECT(!IsResident(PageOf(last)));
  EXPECT_EQUAL(memory->AllocateSample(), first);
  EXPECT_EQUAL(memory->AllocateSample(), others[0]);
}

TEST("sample memory: keeps what a few samples need") {
  const auto memory = SampleMemory::Reserve(kGiB);
  memory->Deallocate(memory->AllocateSample());
  memory->Trim();
  EXPECT(IsResident(PageOf(memory->range().data())));
}

}  // namespace
}  // namespace memray_mocha::test
