#include "interposition/hooks.h"

#include <malloc.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <new>
#include <thread>
#include <tuple>

#include "interposition/block_provider.h"
#include "interposition/hook_switches.h"
#include "recursion_guard.h"
#include "sample_memory.h"
#include "test/library/test_library.h"
#include "test/recording_listener.h"

namespace memray_mocha::test {
namespace {

constexpr size_t kPage = 4096;
// More than any machine has: malloc fails.
constexpr size_t kTooMuch = size_t{1} << 62;
constexpr int kPrivate = MAP_PRIVATE | MAP_ANONYMOUS;
constexpr int kReadWrite = PROT_READ | PROT_WRITE;

/// The library, once for each way of linking. Kept: reloading it is tested
/// elsewhere.
const std::vector<const TestLibrary*>& Libraries() {
  static const TestLibrary lazy("memray_mocha_test_lazy");
  static const TestLibrary now("memray_mocha_test_now");
  static const std::vector<const TestLibrary*> libraries{&lazy, &now};
  return libraries;
}

#define FOR_EACH_LIBRARY(library) for (const TestLibrary* library : Libraries())

Events Nothing() { return {}; }

void FreeQuietly(void* address) { ::free(address); }

/// Records one call that returns an address.
template <typename... Parameters>
std::pair<Events, void*> RecordCall(const TestLibrary* library,
                                    const char* function,
                                    Parameters... parameters) {
  auto* call = library->Find<void*(Parameters...)>(function);
  void* address = nullptr;
  Events events = Record([&] { address = call(parameters...); });
  return {std::move(events), address};
}

template <typename... Parameters>
void ExpectAllocation(const char* function, size_t size, Allocator allocator,
                      Parameters... parameters) {
  FOR_EACH_LIBRARY(library) {
    const auto [events, address] = RecordCall(library, function, parameters...);
    EXPECT(address);
    EXPECT_EQUAL(events, (Events{Allocation(address, size, allocator)}));
    FreeQuietly(address);
  }
}

TEST("Hooks: each allocator is seen once, with its size") {
  using enum Allocator;
  const size_t size = 1000, count = 10, alignment = 64;
  ExpectAllocation("call_malloc", size, kMalloc, size);
  ExpectAllocation("call_calloc", count * size, kCalloc, count, size);
  ExpectAllocation("call_aligned_alloc", size + 24, kAlignedAlloc, alignment,
                   size + 24);
  ExpectAllocation("call_memalign", size, kMemalign, alignment, size);
  ExpectAllocation("call_valloc", size, kValloc, size);
  ExpectAllocation("call_pvalloc", size, kPvalloc, size);
}

TEST(
    "Hooks: pointers in constant and variable data, and in the GOT, are "
    "slots") {
  using enum Allocator;
  ExpectAllocation("call_allocate_in_constant", 24, kMalloc, size_t{24});
  ExpectAllocation("call_allocate_in_variable", 24, kMalloc, size_t{24});
  FOR_EACH_LIBRARY(library) {
    void* address = nullptr;
    const auto get = library->Find<decltype (&::malloc)()>("address_of_malloc");
    const Events events = Record([&] { address = get()(24); });
    EXPECT_EQUAL(events, (Events{Allocation(address, 24, kMalloc)}));
    FreeQuietly(address);
  }
}

TEST("Hooks: operator new is seen once, not again as what it calls") {
  using enum Allocator;
  const size_t size = 100, alignment = 64;
  ExpectAllocation("call_new", 24, kOperatorNew, size_t{24});
  ExpectAllocation("call_new_array", 24, kOperatorNew, size_t{24});
  ExpectAllocation("call_new_nothrow", 24, kOperatorNew, size_t{24});
  ExpectAllocation("call_new_array_nothrow", 24, kOperatorNew, size_t{24});
  for (const char* function :
       {"call_new_aligned", "call_new_array_aligned",
        "call_new_aligned_nothrow", "call_new_array_aligned_nothrow"}) {
    ExpectAllocation(function, size, kOperatorNew, size, alignment);
  }
}

TEST("Hooks: what the C library does with blocks of the program is seen") {
  ExpectAllocation("call_strdup", 9, Allocator::kMalloc, "a string");
  FOR_EACH_LIBRARY(library) {
    void* block = ::malloc(8);
    const auto [events, line] =
        RecordCall(library, "call_getline", block, size_t{8},
                   "a line that is longer than eight characters");
    EXPECT(line);
    EXPECT(std::find(events.begin(), events.end(), Deallocation(block)) !=
           events.end());
    FreeQuietly(line);
  }
}

TEST("Hooks: operator delete is seen once") {
  FOR_EACH_LIBRARY(library) {
    void* address = library->Call<void*>("call_new", size_t{24});
    const Events events =
        Record([&] { library->Call<void>("call_delete", address); });
    EXPECT_EQUAL(events, (Events{Deallocation(address)}));
    const size_t alignment = 64;
    address = library->Call<void*>("call_new_aligned", size_t{100}, alignment);
    EXPECT_EQUAL(Record([&] {
                   library->Call<void>("call_delete_aligned", address,
                                       alignment);
                 }),
                 (Events{Deallocation(address)}));
  }
}

TEST(
    "Hooks: operator new that throws passes its exception on, and reports no "
    "block") {
  FOR_EACH_LIBRARY(library) {
    bool threw = false;
    const Events events = Record(
        [&] { threw = library->Call<bool>("call_new_that_throws", kTooMuch); });
    EXPECT(threw);
    for (const Event& event : events)
      EXPECT(event.allocator != Allocator::kOperatorNew);
    EXPECT(!RecursionGuard::IsActive());
  }
}

TEST("Hooks: operator new (nothrow) that fails reports nothing") {
  FOR_EACH_LIBRARY(library) {
    const auto [events, address] =
        RecordCall(library, "call_new_nothrow", kTooMuch);
    EXPECT(!address);
    EXPECT_EQUAL(events, Nothing());
  }
}

TEST("Hooks: every way to free is seen once") {
  FOR_EACH_LIBRARY(library) {
    void* address = ::malloc(24);
    EXPECT_EQUAL(Record([&] { library->Call<void>("call_free", address); }),
                 (Events{Deallocation(address)}));
    address = ::malloc(24);
    EXPECT_EQUAL(Record([&] {
                   library->Call<void>("call_free_sized", address, size_t{24});
                 }),
                 (Events{Deallocation(address)}));
    address = ::aligned_alloc(64, 128);
    EXPECT_EQUAL(Record([&] {
                   library->Call<void>("call_free_aligned_sized", address,
                                       size_t{64}, size_t{128});
                 }),
                 (Events{Deallocation(address)}));
  }
}

TEST("Hooks: free(NULL) is nothing") {
  FOR_EACH_LIBRARY(library) {
    EXPECT_EQUAL(
        Record([&] { library->Call<void>("call_free", (void*)nullptr); }),
        Nothing());
  }
}

TEST("Hooks: realloc is a deallocation and an allocation") {
  FOR_EACH_LIBRARY(library) {
    void* before = ::malloc(24);
    auto [events, after] =
        RecordCall(library, "call_realloc", before, size_t{100'000});
    EXPECT_EQUAL(events,
                 (Events{Deallocation(before),
                         Allocation(after, 100'000, Allocator::kRealloc)}));
    before = after;
    std::tie(events, after) = RecordCall(library, "call_reallocarray", before,
                                         size_t{100}, size_t{3000});
    EXPECT_EQUAL(
        events, (Events{Deallocation(before),
                        Allocation(after, 300'000, Allocator::kReallocarray)}));
    FreeQuietly(after);
  }
}

TEST("Hooks: realloc of NULL is an allocation") {
  FOR_EACH_LIBRARY(library) {
    const auto [events, address] =
        RecordCall(library, "call_realloc", (void*)nullptr, size_t{24});
    EXPECT_EQUAL(events,
                 (Events{Allocation(address, 24, Allocator::kRealloc)}));
    FreeQuietly(address);
  }
}

TEST("Hooks: realloc to 0 is a deallocation") {
  FOR_EACH_LIBRARY(library) {
    void* before = ::malloc(24);
    const auto [events, after] =
        RecordCall(library, "call_realloc", before, size_t{0});
    EXPECT(!after);
    EXPECT_EQUAL(events, (Events{Deallocation(before)}));
  }
}

TEST("Hooks: after a failed realloc the old block is still there") {
  FOR_EACH_LIBRARY(library) {
    void* block = ::malloc(1000);
    std::strcpy(static_cast<char*>(block), "content");
    errno = 0;
    auto [events, result] =
        RecordCall(library, "call_realloc", block, kTooMuch);
    EXPECT_EQUAL(errno, ENOMEM);
    EXPECT(!result);
    EXPECT_EQUAL(events, (Events{Deallocation(block),
                                 Allocation(block, ::malloc_usable_size(block),
                                            Allocator::kRealloc)}));
    std::tie(events, result) =
        RecordCall(library, "call_reallocarray", block, kTooMuch, size_t{1});
    EXPECT(!result);
    EXPECT_EQUAL(events.size(), 2u);
    EXPECT_EQUAL(events[1].address, reinterpret_cast<uintptr_t>(block));
    EXPECT_EQUAL(std::string(static_cast<char*>(block)), "content");
    FreeQuietly(block);
  }
}

TEST("Hooks: a reallocarray whose size overflows reports nothing") {
  FOR_EACH_LIBRARY(library) {
    void* block = ::malloc(24);
    const auto [events, result] =
        RecordCall(library, "call_reallocarray", block, ~size_t{0}, size_t{2});
    EXPECT(!result);
    EXPECT_EQUAL(events, Nothing());
    FreeQuietly(block);
  }
}

TEST("Hooks: what fails to allocate reports nothing, and keeps errno") {
  FOR_EACH_LIBRARY(library) {
    const auto expect_failure = [library](const char* function,
                                          auto... parameters) {
      errno = 0;
      const auto [events, address] =
          RecordCall(library, function, parameters...);
      EXPECT_EQUAL(errno, ENOMEM);
      EXPECT(!address);
      EXPECT_EQUAL(events, Nothing());
    };
    expect_failure("call_malloc", kTooMuch);
    expect_failure("call_calloc", ~size_t{0}, size_t{2});
    expect_failure("call_memalign", size_t{64}, kTooMuch);
    expect_failure("call_aligned_alloc", size_t{64}, kTooMuch);
    expect_failure("call_valloc", kTooMuch);
  }
}

TEST("Hooks: posix_memalign, and its two ways to fail") {
  FOR_EACH_LIBRARY(library) {
    const auto call =
        library->Find<int(void**, size_t, size_t)>("call_posix_memalign");
    void* address = nullptr;
    int error = -1;
    EXPECT_EQUAL(
        Record([&] { error = call(&address, 256, 1000); }),
        (Events{Allocation(address, 1000, Allocator::kPosixMemalign)}));
    EXPECT_EQUAL(error, 0);
    FreeQuietly(address);
    address = nullptr;
    EXPECT_EQUAL(Record([&] { error = call(&address, 3, 1000); }), Nothing());
    EXPECT_EQUAL(error, EINVAL);
    EXPECT_EQUAL(Record([&] { error = call(&address, 64, kTooMuch); }),
                 Nothing());
    EXPECT_EQUAL(error, ENOMEM);
    EXPECT(!address);
  }
}

TEST("Hooks: blocks of 0 bytes are blocks") {
  ExpectAllocation("call_malloc", 0, Allocator::kMalloc, size_t{0});
  ExpectAllocation("call_calloc", 0, Allocator::kCalloc, size_t{0}, size_t{8});
}

/// Spoils errno, as a listener that writes a file may.
class SpoilingListener final : public AllocationListener {
  void OnAllocation(uintptr_t, size_t, Allocator, uintptr_t) override {
    errno = EIO;
  }
  void OnDeallocation(uintptr_t, uintptr_t) override { errno = EIO; }
  void OnMapping(uintptr_t, size_t, Allocator, uintptr_t) override {
    errno = EIO;
  }
  void OnUnmapping(uintptr_t, size_t) override { errno = EIO; }
};

TEST("Hooks: the program does not see the listener's errno") {
  installer::Install();
  FOR_EACH_LIBRARY(library) {
    SpoilingListener listener;
    allocation_listener = &listener;
    errno = EDOM;
    void* block = library->Call<void*>("call_malloc", size_t{24});
    block = library->Call<void*>("call_realloc", block, size_t{240});
    library->Call<void>("call_free", block);
    void* pages = library->Call<void*>("call_mmap", (void*)nullptr, 2 * kPage,
                                       PROT_NONE, kPrivate);
    library->Call<int>("call_mprotect", pages, kPage, kReadWrite);
    pages = library->Call<void*>("call_mremap", pages, kPage, kPage, 0);
    library->Call<int>("call_munmap", pages, 2 * kPage);
    const int after_success = errno;
    library->Call<void*>("call_realloc",
                         library->Call<void*>("call_malloc", size_t{8}),
                         kTooMuch);
    const int after_failure = errno;
    allocation_listener = nullptr;
    EXPECT_EQUAL(after_success, EDOM);
    EXPECT_EQUAL(after_failure, ENOMEM);
  }
}

TEST("Hooks: the caller is the code that called the allocator") {
  FOR_EACH_LIBRARY(library) {
    for (const char* function : {"call_malloc", "call_valloc", "call_new"}) {
      const auto [events, address] = RecordCall(library, function, size_t{24});
      EXPECT_EQUAL(events.size(), 1u);
      Dl_info info;
      EXPECT(::dladdr(reinterpret_cast<void*>(events[0].caller), &info));
      EXPECT_EQUAL(std::string(info.dli_sname), function);
      EXPECT_EQUAL(std::string(info.dli_fname), library->map().l_name);
      FreeQuietly(address);
    }
  }
}

TEST("Hooks: what a listener or the tracker allocates is not reported") {
  FOR_EACH_LIBRARY(library) {
    const Events events = Record([&] {
      const RecursionGuard guard;
      library->Call<void>("call_free",
                          library->Call<void*>("call_malloc", size_t{24}));
      library->Call<void>("call_delete",
                          library->Call<void*>("call_new", size_t{24}));
      void* pages = library->Call<void*>("call_mmap", (void*)nullptr, kPage,
                                         kReadWrite, kPrivate);
      library->Call<int>("call_munmap", pages, kPage);
    });
    EXPECT_EQUAL(events, Nothing());
  }
}

TEST("Hooks: mmap of accessible pages is a mapping of whole pages") {
  FOR_EACH_LIBRARY(library) {
    for (const char* function : {"call_mmap", "call_mmap64"}) {
      const auto [events, pages] = RecordCall(library, function, (void*)nullptr,
                                              kPage + 1, kReadWrite, kPrivate);
      EXPECT_EQUAL(events,
                   (Events{Mapping(pages, 2 * kPage, Allocator::kMmap)}));
      EXPECT_EQUAL(
          Record([&] { library->Call<int>("call_munmap", pages, kPage + 1); }),
          (Events{Unmapping(pages, 2 * kPage)}));
    }
  }
}

TEST("Hooks: mmap that fails reports nothing") {
  FOR_EACH_LIBRARY(library) {
    const auto [events, pages] = RecordCall(
        library, "call_mmap", (void*)nullptr, size_t{0}, kReadWrite, kPrivate);
    EXPECT(pages == MAP_FAILED);
    EXPECT_EQUAL(events, Nothing());
  }
}

TEST("Hooks: a part of a mapping can be unmapped") {
  FOR_EACH_LIBRARY(library) {
    char* pages = library->Call<char*>("call_mmap", (void*)nullptr, 4 * kPage,
                                       kReadWrite, kPrivate);
    EXPECT_EQUAL(Record([&] {
                   library->Call<int>("call_munmap", pages + kPage, 2 * kPage);
                 }),
                 (Events{Unmapping(pages + kPage, 2 * kPage)}));
    ::munmap(pages, kPage);
    ::munmap(pages + 3 * kPage, kPage);
  }
}

TEST("Hooks: munmap and mremap of what is not a page's address end nothing") {
  FOR_EACH_LIBRARY(library) {
    char* pages = library->Call<char*>("call_mmap", (void*)nullptr, 2 * kPage,
                                       kReadWrite, kPrivate);
    void* inside = pages + 16;
    EXPECT_EQUAL(Record([&] {
                   EXPECT_EQUAL(
                       library->Call<int>("call_munmap", inside, kPage), -1);
                 }),
                 Nothing());
    const auto [events, result] = RecordCall(library, "call_mremap", inside,
                                             kPage, 2 * kPage, MREMAP_MAYMOVE);
    EXPECT(result == MAP_FAILED);
    EXPECT_EQUAL(events, Nothing());
    library->Call<int>("call_munmap", (void*)pages, 2 * kPage);
  }
}

/// @return whether any event makes memory live.
bool AddsMemory(const Events& events) {
  for (const Event& event : events) {
    if (event.kind == Event::kAllocation || event.kind == Event::kMapping)
      return true;
  }
  return false;
}

TEST("Hooks: reserved pages count when they become accessible, and once") {
  constexpr size_t kReserved = 16 * kPage;
  FOR_EACH_LIBRARY(library) {
    const auto [events, result] = RecordCall(
        library, "call_mmap", (void*)nullptr, kReserved, PROT_NONE, kPrivate);
    char* const pages = static_cast<char*>(result);
    EXPECT(!AddsMemory(events));
    const auto protect = [&](size_t begin, size_t end, int protection) {
      return Record([&] {
        library->Call<int>("call_mprotect", pages + begin * kPage,
                           (end - begin) * kPage, protection);
      });
    };
    const auto mapping = [&](size_t begin, size_t end) {
      return Events{Mapping(pages + begin * kPage, (end - begin) * kPage,
                            Allocator::kMprotect)};
    };
    EXPECT_EQUAL(protect(0, 2, kReadWrite), mapping(0, 2));
    EXPECT_EQUAL(protect(0, 2, PROT_READ), Nothing());
    EXPECT_EQUAL(protect(0, 4, kReadWrite), mapping(2, 4));
    EXPECT_EQUAL(protect(2, 4, PROT_NONE),
                 (Events{Unmapping(pages + 2 * kPage, 2 * kPage)}));
    EXPECT_EQUAL(protect(0, 4, kReadWrite), mapping(2, 4));
    ::munmap(pages, kReserved);
    // To the ledger that was the program's.
    library->Call<int>("call_munmap", (void*)pages, kReserved);
  }
}

TEST("Hooks: a GiB that nothing is reserved for is address space only") {
  constexpr size_t kGiB = size_t{1} << 30;
  constexpr int kUnreserved = kPrivate | MAP_NORESERVE;
  FOR_EACH_LIBRARY(library) {
    for (const auto& [size, flags, adds] :
         {std::tuple{kGiB, kUnreserved, false},
          std::tuple{kGiB / 2, kUnreserved, true},
          std::tuple{kGiB, kPrivate, true}}) {
      const auto [events, pages] = RecordCall(
          library, "call_mmap", (void*)nullptr, size, kReadWrite, flags);
      EXPECT(pages != MAP_FAILED);
      EXPECT_EQUAL(AddsMemory(events), adds);
      library->Call<int>("call_munmap", pages, size);
    }
  }
}

TEST("Hooks: mprotect of what is no reservation is nothing") {
  FOR_EACH_LIBRARY(library) {
    void* pages = library->Call<void*>("call_mmap", (void*)nullptr, kPage,
                                       kReadWrite, kPrivate);
    for (const int protection : {PROT_READ, PROT_NONE, kReadWrite}) {
      EXPECT_EQUAL(Record([&] {
                     library->Call<int>("call_mprotect", pages, kPage,
                                        protection);
                   }),
                   Nothing());
    }
    library->Call<int>("call_munmap", pages, kPage);
  }
}

TEST("Hooks: an mprotect that fails reports nothing") {
  FOR_EACH_LIBRARY(library) {
    void* pages = library->Call<void*>("call_mmap", (void*)nullptr, 2 * kPage,
                                       PROT_NONE, kPrivate);
    EXPECT_EQUAL(
        Record([&] {
          void* odd = static_cast<char*>(pages) + 1;
          EXPECT_EQUAL(
              library->Call<int>("call_mprotect", odd, kPage, PROT_READ), -1);
        }),
        Nothing());
    library->Call<int>("call_munmap", pages, 2 * kPage);
  }
}

TEST("Hooks: reservations are known that were made while nobody listened") {
  Libraries();  // Only what is loaded by then gets the hooks.
  installer::Install();
  FOR_EACH_LIBRARY(library) {
    void* pages = library->Call<void*>("call_mmap", (void*)nullptr, 4 * kPage,
                                       PROT_NONE, kPrivate);
    library->Call<int>("call_mprotect", pages, kPage, kReadWrite);
    EXPECT_EQUAL(Record([&] {
                   library->Call<int>("call_mprotect", pages, 2 * kPage,
                                      kReadWrite);
                 }),
                 (Events{Mapping(static_cast<char*>(pages) + kPage, kPage,
                                 Allocator::kMprotect)}));
    library->Call<int>("call_munmap", pages, 4 * kPage);
  }
}

TEST("Hooks: pages mapped anew over a reservation, and taken back from it") {
  FOR_EACH_LIBRARY(library) {
    char* pages = library->Call<char*>("call_mmap", (void*)nullptr, 8 * kPage,
                                       PROT_NONE, kPrivate);
    void* middle = pages + 2 * kPage;
    auto [events, result] = RecordCall(library, "call_mmap", middle, 2 * kPage,
                                       kReadWrite, kPrivate | MAP_FIXED);
    EXPECT_EQUAL(events,
                 (Events{Mapping(middle, 2 * kPage, Allocator::kMmap)}));
    std::tie(events, result) =
        RecordCall(library, "call_mmap", middle, 2 * kPage, PROT_NONE,
                   kPrivate | MAP_FIXED);
    EXPECT_EQUAL(events, (Events{Unmapping(middle, 2 * kPage)}));
    library->Call<int>("call_munmap", (void*)pages, 8 * kPage);
  }
}

TEST("Hooks: mremap is an unmapping and a mapping") {
  FOR_EACH_LIBRARY(library) {
    void* before = library->Call<void*>("call_mmap", (void*)nullptr, kPage,
                                        kReadWrite, kPrivate);
    const auto [events, after] = RecordCall(library, "call_mremap", before,
                                            kPage, 64 * kPage, MREMAP_MAYMOVE);
    EXPECT(after != MAP_FAILED);
    EXPECT_EQUAL(events,
                 (Events{Unmapping(before, kPage),
                         Mapping(after, 64 * kPage, Allocator::kMremap)}));
    library->Call<int>("call_munmap", after, 64 * kPage);
  }
}

TEST("Hooks: mremap of what is reserved makes nothing accessible") {
  FOR_EACH_LIBRARY(library) {
    char* before = library->Call<char*>("call_mmap", (void*)nullptr, kPage,
                                        PROT_NONE, kPrivate);
    const auto [events, result] = RecordCall(library, "call_mremap", before,
                                             kPage, 64 * kPage, MREMAP_MAYMOVE);
    char* const after = static_cast<char*>(result);
    EXPECT(result != MAP_FAILED);
    EXPECT(!AddsMemory(events));
    EXPECT_EQUAL(Record([&] {
                   library->Call<int>("call_mprotect", after, 2 * kPage,
                                      kReadWrite);
                 }),
                 (Events{Mapping(after, 2 * kPage, Allocator::kMprotect)}));
    library->Call<int>("call_munmap", after, 64 * kPage);
  }
}

TEST("Hooks: mremap of what is reserved ends the pages that it is put upon") {
  FOR_EACH_LIBRARY(library) {
    void* reserved = library->Call<void*>("call_mmap", (void*)nullptr, kPage,
                                          PROT_NONE, kPrivate);
    void* pages = library->Call<void*>("call_mmap", (void*)nullptr, kPage,
                                       kReadWrite, kPrivate);
    const auto [events, result] =
        RecordCall(library, "call_mremap_to", reserved, kPage, pages);
    EXPECT(result == pages);
    EXPECT_EQUAL(events, (Events{Unmapping(pages, kPage)}));
    library->Call<int>("call_munmap", pages, kPage);
  }
}

TEST("Hooks: an mremap that finds no place leaves what was there") {
  FOR_EACH_LIBRARY(library) {
    void* pages = library->Call<void*>("call_mmap", (void*)nullptr, kPage,
                                       kReadWrite, kPrivate);
    const auto [events, result] =
        RecordCall(library, "call_mremap", pages, kPage,
                   kTooMuch & ~(kPage - 1), MREMAP_MAYMOVE);
    EXPECT(result == MAP_FAILED);
    EXPECT_EQUAL(events, (Events{Unmapping(pages, kPage),
                                 Mapping(pages, kPage, Allocator::kMremap)}));
    library->Call<int>("call_munmap", pages, kPage);
  }
}

TEST("Hooks: an mremap of what is not there adds nothing") {
  FOR_EACH_LIBRARY(library) {
    const auto [events, result] =
        RecordCall(library, "call_mremap", (void*)kPage, kPage, 2 * kPage, 0);
    EXPECT(result == MAP_FAILED);
    EXPECT(!AddsMemory(events));
  }
}

/// Counts, from any thread.
class CountingListener final : public AllocationListener {
 public:
  void OnAllocation(uintptr_t, size_t size, Allocator, uintptr_t) override {
    ++allocations;
    bytes += size;
  }
  void OnDeallocation(uintptr_t, uintptr_t) override { ++deallocations; }
  void OnMapping(uintptr_t, size_t, Allocator, uintptr_t) override {}
  void OnUnmapping(uintptr_t, size_t) override {}

  std::atomic<uint64_t> allocations{0}, deallocations{0}, bytes{0};
};

TEST("Hooks: eight threads at once, and nothing is lost") {
  constexpr int kThreads = 8, kRounds = 50'000;
  Libraries();
  installer::Install();
  CountingListener listener;
  std::atomic<int> ready{0};
  std::atomic<bool> listening{false}, done{false};
  std::vector<std::thread> threads;
  std::atomic<int> finished{0};
  for (int t = 0; t < kThreads; ++t) {
    const TestLibrary* library = Libraries()[t % 2];
    auto* allocate = library->Find<void*(size_t)>("call_malloc");
    auto* reallocate = library->Find<void*(void*, size_t)>("call_realloc");
    auto* release = library->Find<void(void*)>("call_free");
    threads.emplace_back([=, &ready, &listening, &finished, &done] {
      ++ready;
      while (!listening) std::this_thread::yield();
      for (int i = 0; i < kRounds; ++i)
        release(reallocate(allocate(t + 1), 100));
      ++finished;
      // The thread's own end must not be counted.
      while (!done) std::this_thread::yield();
    });
  }
  while (ready < kThreads) std::this_thread::yield();
  allocation_listener = &listener;
  listening = true;
  while (finished < kThreads) std::this_thread::yield();
  allocation_listener = nullptr;
  done = true;
  for (std::thread& thread : threads) thread.join();
  EXPECT_EQUAL(listener.allocations, 2u * kThreads * kRounds);
  EXPECT_EQUAL(listener.deallocations, 2u * kThreads * kRounds);
  EXPECT_EQUAL(listener.bytes, kRounds * (36u + 100 * kThreads));
}

/// Provides blocks of one size, all from one place.
class TestProvider final : public BlockProvider {
 public:
  static constexpr size_t kBlockBytes = 24;

  /// What is freed comes back to it for good, so there is one.
  static TestProvider& Get() {
    static TestProvider& provider = *new TestProvider;
    return provider;
  }

  void* Provide(size_t size_bytes, uintptr_t caller) override {
    errno = EIO;
    if (size_bytes != kBlockBytes) return nullptr;
    last_caller = caller;
    return memory_->AllocateEntry();
  }
  void TakeBack(void* block) override {
    ++taken_back;
    memory_->Deallocate(block);
  }

  uintptr_t last_caller = 0;
  int taken_back = 0;

 private:
  TestProvider() { SetOwner(this, memory_->range()); }

  const std::unique_ptr<SampleMemory> memory_ =
      SampleMemory::Reserve(size_t{1} << 30);
};

TEST("Hooks: provided blocks are the provider's, and reported to nobody") {
  TestProvider& provider = TestProvider::Get();
  FOR_EACH_LIBRARY(library) {
    provider.taken_back = 0;
    errno = EDOM;
    bool was_provided = false;
    const Events events = Record([&] {
      block_provider = &provider;
      void* block = library->Call<void*>("call_new", TestProvider::kBlockBytes);
      was_provided = BlockProvider::IsProvided(block);
      library->Call<void>("call_delete", block);
      block_provider = nullptr;
    });
    EXPECT(was_provided);
    EXPECT_EQUAL(provider.taken_back, 1);
    EXPECT_EQUAL(events, Nothing());
    EXPECT_EQUAL(errno, EDOM);
    Dl_info info;
    EXPECT(::dladdr(reinterpret_cast<void*>(provider.last_caller), &info));
    EXPECT_EQUAL(std::string(info.dli_sname), "call_new");
  }
}

TEST("Hooks: a provided block goes back even when nobody provides any more") {
  TestProvider& provider = TestProvider::Get();
  FOR_EACH_LIBRARY(library) {
    provider.taken_back = 0;
    void* block = nullptr;
    Record([&] {
      block_provider = &provider;
      block = library->Call<void*>("call_new", TestProvider::kBlockBytes);
      block_provider = nullptr;
    });
    {
      const RecursionGuard guard;
      library->Call<void>("call_free", block);
    }
    EXPECT_EQUAL(provider.taken_back, 1);
  }
}

TEST("Hooks: what is not provided is the allocator's") {
  TestProvider& provider = TestProvider::Get();
  FOR_EACH_LIBRARY(library) {
    provider.taken_back = 0;
    void* other_size = nullptr;
    void* of_tracker = nullptr;
    const Events events = Record([&] {
      block_provider = &provider;
      other_size = library->Call<void*>("call_new", size_t{100});
      {
        const RecursionGuard guard;
        of_tracker =
            library->Call<void*>("call_new", TestProvider::kBlockBytes);
      }
      block_provider = nullptr;
    });
    EXPECT(!BlockProvider::IsProvided(other_size));
    EXPECT(!BlockProvider::IsProvided(of_tracker));
    EXPECT_EQUAL(
        events, (Events{Allocation(other_size, 100, Allocator::kOperatorNew)}));
    library->Call<void>("call_delete", other_size);
    library->Call<void>("call_delete", of_tracker);
    EXPECT_EQUAL(provider.taken_back, 0);
  }
}

/// Has no memory for anything.
class FailingListener final : public AllocationListener {
 public:
  void OnAllocation(uintptr_t, size_t, Allocator, uintptr_t) override {
    Fail();
  }
  void OnDeallocation(uintptr_t, uintptr_t) override { Fail(); }
  void OnMapping(uintptr_t, size_t, Allocator, uintptr_t) override { Fail(); }
  void OnUnmapping(uintptr_t, size_t) override { Fail(); }
  void OnOutOfMemory() override { ++failures; }

  int failures = 0;

 private:
  static void Fail() {
    errno = ENOMEM;
    throw std::bad_alloc();
  }
};

TEST("Hooks: a listener that has no memory is told so, and the program not") {
  FOR_EACH_LIBRARY(library) {
    const auto allocate = library->Find<void*(size_t)>("call_malloc");
    const auto free = library->Find<void(void*)>("call_free");
    FailingListener listener;
    installer::Install();
    allocation_listener = &listener;
    errno = 0;
    void* address = allocate(24);
    const int error = errno;
    free(address);
    allocation_listener = nullptr;
    EXPECT(address);
    EXPECT_EQUAL(error, 0);
    EXPECT_EQUAL(listener.failures, 2);
    EXPECT(!RecursionGuard::IsActive());
  }
}

/// In a forked child.
/// @return whether hooks tell nobody, and take no lock.
bool IsLeftAlone(const TestLibrary& library, const Events& events) {
  library.Call<void>("call_free",
                     library.Call<void*>("call_malloc", size_t{24}));
  return events.empty() && !hook_switches.is_on && !allocation_listener &&
         !block_provider;
}

TEST("Hooks: a forked child goes on without trouble, however it is forked") {
  for (const bool by_system_call : {false, true}) {
    FOR_EACH_LIBRARY(library) {
      RecordingListener listener;
      installer::Install();
      allocation_listener = &listener;
      const auto child =
          static_cast<pid_t>(by_system_call ? ::syscall(SYS_fork) : ::fork());
      if (child == 0) ::_exit(IsLeftAlone(*library, listener.events) ? 0 : 1);
      allocation_listener = nullptr;
      int status = -1;
      ::waitpid(child, &status, 0);
      EXPECT_EQUAL(status, 0);
      EXPECT(hook_switches.is_on);
    }
  }
}

}  // namespace
}  // namespace memray_mocha::test
