#include <elf.h>
#include <link.h>

#include <chrono>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <thread>

#include "interposition/installer.h"
#include "test/library/test_library.h"
#include "test/recording_listener.h"

namespace memray_mocha::test {
namespace {

using Bytes = std::vector<uint8_t>;

template <typename Visit>
void ForEachSegment(const TestLibrary& library, Visit visit) {
  std::pair<const TestLibrary&, Visit&> data(library, visit);
  ::dl_iterate_phdr(
      [](dl_phdr_info* module, size_t, void* pointer) {
        const auto& [library, visit] = *static_cast<decltype(data)*>(pointer);
        if (module->dlpi_addr != library.map().l_addr) return 0;
        for (int i = 0; i < module->dlpi_phnum; ++i)
          visit(module->dlpi_phdr[i]);
        return 1;
      },
      &data);
}

/// @return all that a library has in writable memory, and in memory that was
/// until relocation: its slots are there.
Bytes DataOf(const TestLibrary& library) {
  Bytes bytes;
  ForEachSegment(library, [&](const ElfW(Phdr) & segment) {
    if (segment.p_type != PT_LOAD || !(segment.p_flags & PF_W)) return;
    const auto* begin =
        reinterpret_cast<uint8_t*>(library.map().l_addr + segment.p_vaddr);
    bytes.insert(bytes.end(), begin, begin + segment.p_memsz);
  });
  return bytes;
}

/// @return the permissions of every page of a library that is read-only after
/// relocation, as /proc/self/maps has them: `r--p`.
std::vector<std::string> ProtectionOfRelro(const TestLibrary& library) {
  uintptr_t begin = 0, end = 0;
  ForEachSegment(library, [&](const ElfW(Phdr) & segment) {
    if (segment.p_type != PT_GNU_RELRO) return;
    begin = (library.map().l_addr + segment.p_vaddr) & ~uintptr_t{4095};
    end = (library.map().l_addr + segment.p_vaddr + segment.p_memsz) &
          ~uintptr_t{4095};
  });
  std::vector<std::string> result;
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    uintptr_t from, to;
    char permissions[5];
    if (std::sscanf(line.c_str(), "%lx-%lx %4s", &from, &to, permissions) ==
            3 &&
        from < end && begin < to) {
      result.push_back(permissions);
    }
  }
  return result;
}

bool SeesMalloc(const TestLibrary& library,
                const char* function = "call_malloc") {
  auto* call = library.Find<void*(size_t)>(function);
  void* address = nullptr;
  const Events events = Record([&] { address = call(24); });
  const Events expected{Allocation(address, 24, Allocator::kMalloc)};
  ::free(address);
  return events == expected;
}

TEST("Installer: a function that is missing stays missing") {
  const TestLibrary library("memray_mocha_test_weak");
  const bool before = library.Call<bool>("has_free_sized");
  installer::Install();
  EXPECT_EQUAL(library.Call<bool>("has_free_sized"), before);
}

TEST("Installer: pages that were read-only are read-only again") {
  const TestLibrary library("memray_mocha_test_now");
  const auto before = ProtectionOfRelro(library);
  EXPECT(!before.empty());
  for (const std::string& permissions : before)
    EXPECT_EQUAL(permissions, "r--p");
  installer::Install();
  EXPECT(ProtectionOfRelro(library) == before);
}

TEST("Installer: hooks that a program has kept work when nobody listens") {
  const TestLibrary library("memray_mocha_test_now");
  installer::Install();
  auto* kept = library.Call<void* (*)(size_t)>("address_of_malloc");
  EXPECT(kept != ::malloc);
  ::free(kept(24));
}

TEST("Installer: Install can be repeated") {
  const TestLibrary library("memray_mocha_test_lazy");
  for (int i = 0; i < 3; ++i) installer::Install();
  EXPECT(SeesMalloc(library));
}

using Allocate = void* (*)(size_t);

void* OwnAllocate(size_t) { return nullptr; }

TEST("Installer: an allocator that the program has chosen itself stays") {
  for (const char* name : {"memray_mocha_test_lazy", "memray_mocha_test_now"}) {
    const TestLibrary library(name);
    Allocate& replaced = *library.Find<Allocate>("replaced_allocate");
    Allocate& cleared = *library.Find<Allocate>("cleared_allocate");
    // As xmlMemSetup() and CRYPTO_set_mem_functions() do.
    replaced = OwnAllocate;
    cleared = nullptr;
    installer::Install();
    EXPECT(replaced == OwnAllocate);
    EXPECT(cleared == nullptr);
  }
}

TEST(
    "Installer: an allocator that the program chooses while it is hooked "
    "stays") {
  for (const char* name : {"memray_mocha_test_lazy", "memray_mocha_test_now"}) {
    const TestLibrary library(name);
    installer::Install();
    Allocate& variable = *library.Find<Allocate>("allocate_in_variable");
    EXPECT(variable != OwnAllocate);
    variable = OwnAllocate;
    { const TestLibrary another("memray_mocha_test_late"); }
    installer::Install();
    EXPECT(variable == OwnAllocate);
  }
}

TEST("Installer: a library with an allocator of its own is left alone") {
  const TestLibrary library("memray_mocha_test_deep", RTLD_NOW | RTLD_DEEPBIND);
  auto* call = library.Find<void*(size_t)>("call_malloc_late");
  void* own = call(24);
  const Bytes before = DataOf(library);
  installer::Install();
  EXPECT(DataOf(library) == before);
  EXPECT_EQUAL(call(24), own);
  // And only that one.
  EXPECT(SeesMalloc(TestLibrary("memray_mocha_test_late"), "call_malloc_late"));
}

TEST("Installer: a library that is loaded later is seen, opened by its path") {
  const TestLibrary opener("memray_mocha_test_now");
  installer::Install();
  const std::string path = TestLibrary::PathOf("memray_mocha_test_late");
  const TestLibrary late(opener.Call<void*>("call_dlopen", path.c_str()));
  auto* call = late.Find<void*(size_t)>("call_malloc_late");
  RecordingListener listener;
  allocation_listener = &listener;
  void* address = call(24);
  allocation_listener = nullptr;
  EXPECT_EQUAL(listener.events,
               (Events{Allocation(address, 24, Allocator::kMalloc)}));
  ::free(address);
}

TEST("Installer: a library is found by its name through its opener's RUNPATH") {
  for (const char* name : {"memray_mocha_test_lazy", "memray_mocha_test_now"}) {
    const TestLibrary opener(name);
    installer::Install();
    const TestLibrary late(opener.Call<void*>(
        "call_dlopen", (const char*)"memray_mocha_test_late.node"));
    EXPECT_EQUAL(std::string(late.map().l_name),
                 TestLibrary::PathOf("memray_mocha_test_late"));
    EXPECT(SeesMalloc(late, "call_malloc_late"));
  }
}

TEST(
    "Installer: dlopen fails as it does without hooks, and opens the program "
    "itself") {
  const TestLibrary opener("memray_mocha_test_now");
  installer::Install();
  const auto call = opener.Find<void*(const char*)>("call_dlopen");
  EXPECT(!call("memray_mocha_nowhere.so"));
  EXPECT(std::strstr(::dlerror(), "memray_mocha_nowhere.so"));
  EXPECT(!call("/nowhere/library.so"));
  EXPECT(std::strstr(::dlerror(), "/nowhere/library.so"));
  void* program = call(nullptr);
  EXPECT(program);
  ::dlclose(program);
}

TEST("Installer: libraries come and go 200 times") {
  const TestLibrary opener("memray_mocha_test_now");
  const std::string path = TestLibrary::PathOf("memray_mocha_test_late");
  installer::Install();
  for (int i = 0; i < 200; ++i) {
    const TestLibrary late(opener.Call<void*>("call_dlopen", path.c_str()));
    EXPECT(SeesMalloc(late, "call_malloc_late"));
  }
  EXPECT(SeesMalloc(opener));
}

bool IsListed(const std::string& path) {
  return ::dl_iterate_phdr(
      [](dl_phdr_info* module, size_t, void* path) {
        return static_cast<int>(*static_cast<const std::string*>(path) ==
                                module->dlpi_name);
      },
      const_cast<std::string*>(&path));
}

TEST("Installer: a library that another thread loads is seen when it is") {
  const std::string path = TestLibrary::PathOf("memray_mocha_test_slow");
  void* opened = nullptr;
  std::thread thread([&] { opened = ::dlopen(path.c_str(), RTLD_NOW); });
  while (!IsListed(path)) std::this_thread::yield();
  // By then it waits for its slow function.
  std::this_thread::sleep_for(std::chrono::milliseconds(50));
  installer::Install();
  thread.join();
  const TestLibrary slow(opened);
  EXPECT_EQUAL(slow.Call<int>("call_resolved"), 1);
  EXPECT(SeesMalloc(slow, "call_malloc_slow"));
}

TEST("Installer: a listener is told when libraries come and go") {
  const TestLibrary opener("memray_mocha_test_now");
  const std::string path = TestLibrary::PathOf("memray_mocha_test_late");
  installer::Install();
  RecordingListener listener;
  allocation_listener = &listener;
  void* late = opener.Call<void*>("call_dlopen", path.c_str());
  const int after_dlopen = listener.library_changes;
  const int error = opener.Call<int>("call_dlclose", late);
  allocation_listener = nullptr;
  EXPECT_EQUAL(after_dlopen, 1);
  EXPECT_EQUAL(error, 0);
  EXPECT_EQUAL(listener.library_changes, 2);
}

TEST("Installer: a program without V8 has no V8 module") {
  static const int in_program = 0;
  EXPECT(!installer::IsInV8Module(&in_program));
  EXPECT(!installer::IsInV8Module(nullptr));
}

}  // namespace
}  // namespace memray_mocha::test
