#include "call_stack/native_symbols.h"

#include <sys/mman.h>
#include <unistd.h>

#include <filesystem>
#include <fstream>

#include "test/cancelled_thread.h"
#include "test/library/test_library.h"

namespace memray_mocha::test {
namespace {

namespace fs = std::filesystem;

[[gnu::used]] const uint8_t static_variable[] = {3, 1, 4, 1, 5};

[[gnu::noinline]] int StaticFunction(int value) {
  asm volatile("" : "+r"(value));
  return value;
}

template <typename T>
uintptr_t AddressOf(T* function) {
  return reinterpret_cast<uintptr_t>(function);
}

TEST("NativeSymbols: a static function, demangled, in its module") {
  NativeSymbols& symbols = NativeSymbols::OfProcess();
  const auto symbol = symbols.Find(AddressOf(&StaticFunction) + 1, true);
  EXPECT_EQUAL(
      symbol.function,
      "memray_mocha::test::(anonymous namespace)::StaticFunction(int)");
  EXPECT_EQUAL(symbol.module, fs::read_symlink("/proc/self/exe").string());
}

TEST("NativeSymbols: a function of a library") {
  const TestLibrary library("memray_mocha_test_now");
  NativeSymbols& symbols = NativeSymbols::OfProcess();
  const uintptr_t address =
      AddressOf(library.Find<void*(size_t)>("call_malloc"));
  EXPECT_EQUAL(symbols.Find(address, true).function, "call_malloc");
  EXPECT_EQUAL(symbols.Find(address, true).module,
               TestLibrary::PathOf("memray_mocha_test_now"));
}

TEST("NativeSymbols: a function of a library without .symtab") {
  NativeSymbols& symbols = NativeSymbols::OfProcess();
  const auto symbol = symbols.Find(
      AddressOf(reinterpret_cast<char*>(::dlsym(RTLD_DEFAULT, "qsort"))), true);
  EXPECT(symbol.function.find("qsort") != std::string::npos);
  EXPECT(symbol.module.find("libc") != std::string::npos);
}

TEST("NativeSymbols: a thread is not cancelled while it reads a file") {
  EXPECT(IsDoneWhenCancelled([] {
    NativeSymbols::FindVariable("missing", AddressOf(&StaticFunction), 0, 9);
  }));
}

TEST("NativeSymbols: the module alone, when that is all that is asked for") {
  NativeSymbols& symbols = NativeSymbols::OfProcess();
  const auto symbol = symbols.Find(AddressOf(&StaticFunction), false);
  EXPECT_EQUAL(symbol.function, "");
  EXPECT(!symbol.module.empty());
}

TEST("NativeSymbols: a static variable, by its mangled name") {
  const auto find = [](const char* name, uint64_t min_bytes,
                       uint64_t max_bytes) {
    return NativeSymbols::FindVariable(name, AddressOf(&StaticFunction),
                                       min_bytes, max_bytes);
  };
  constexpr char kName[] =
      "_ZN12memray_mocha4test12_GLOBAL__N_1L15static_variableE";
  const auto found = find(kName, 5, 5);
  EXPECT_EQUAL(static_cast<const void*>(found.data()), static_variable);
  EXPECT_EQUAL(found.size(), sizeof static_variable);
  EXPECT(find(kName, 0, 4).empty());
  EXPECT(find(kName, 6, 9).empty());
  EXPECT(find("static_variable", 0, 9).empty());
}

TEST("NativeSymbols: an address in no module is unknown") {
  NativeSymbols& symbols = NativeSymbols::OfProcess();
  void* page =
      ::mmap(nullptr, 4096, PROT_READ, MAP_PRIVATE | MAP_ANONYMOUS, -1, 0);
  for (const uintptr_t address :
       {uintptr_t{0}, AddressOf(static_cast<char*>(page)), ~uintptr_t{0}}) {
    EXPECT_EQUAL(symbols.Find(address, true).function, "");
    EXPECT_EQUAL(symbols.Find(address, true).module, "");
  }
  ::munmap(page, 4096);
}

/// A library whose file is another one by now.
std::string FunctionAfterFileBecame(const std::string& content) {
  std::string folder = fs::temp_directory_path() / "memray-mocha-test-XXXXXX";
  EXPECT(::mkdtemp(folder.data()));
  const std::string path = folder + "/library.node";
  fs::copy_file(TestLibrary::PathOf("memray_mocha_test_late"), path);
  NativeSymbols& symbols = NativeSymbols::OfProcess();
  NativeSymbols::Symbol symbol;
  {
    const TestLibrary library(::dlopen(path.c_str(), RTLD_LAZY));
    fs::remove(path);  // what is loaded stays
    std::ofstream(path) << content;
    symbol = symbols.Find(
        AddressOf(library.Find<void*(size_t)>("call_malloc_late")), true);
    EXPECT_EQUAL(symbol.module, path);
  }
  fs::remove_all(folder);
  return symbol.function;
}

TEST("NativeSymbols: survives a file that is no ELF") {
  EXPECT_EQUAL(FunctionAfterFileBecame(""), "");
  EXPECT_EQUAL(FunctionAfterFileBecame("#!/bin/sh"), "");
  EXPECT_EQUAL(FunctionAfterFileBecame(std::string(100'000, '\xFF')), "");
}

TEST("NativeSymbols: survives an ELF file that is cut off or spoilt") {
  std::ifstream file(TestLibrary::PathOf("memray_mocha_test_late"),
                     std::ios::binary);
  const std::string elf{std::istreambuf_iterator<char>(file), {}};
  EXPECT_EQUAL(FunctionAfterFileBecame(elf), "call_malloc_late");
  for (const size_t size : {size_t{4}, size_t{63}, size_t{64}, elf.size() / 2})
    FunctionAfterFileBecame(elf.substr(0, size));
  // Offsets and counts of sections, in the header.
  for (size_t i = 40; i < 64; ++i) {
    std::string spoilt = elf;
    spoilt[i] = '\xFF';
    FunctionAfterFileBecame(spoilt);
  }
  // And all that the sections say.
  for (size_t i = elf.size() - 1024; i < elf.size(); i += 8) {
    std::string spoilt = elf;
    for (size_t k = 0; k < 8 && i + k < elf.size(); ++k) spoilt[i + k] = '\xFF';
    FunctionAfterFileBecame(spoilt);
  }
}

}  // namespace
}  // namespace memray_mocha::test
