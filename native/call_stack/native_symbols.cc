#include "call_stack/native_symbols.h"

#include <cxxabi.h>
#include <elf.h>
#include <fcntl.h>
#include <link.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>

#include <algorithm>
#include <climits>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "cancellation_guard.h"

namespace memray_mocha {
namespace {

/// Its path is empty when there is none at an address.
struct Module {
  uintptr_t base = 0;
  std::string path;
};

const std::string& PathOfProgram() {
  // Never destroyed: other threads may ask while the process exits.
  static const std::string& program = *new std::string([] {
    char path[PATH_MAX];
    const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
    return std::string(path, length > 0 ? length : 0);
  }());
  return program;
}

Module FindModule(uintptr_t address) {
  struct Search {
    uintptr_t address;
    Module module;
    bool is_found;
  } search{address, {}, false};
  dl_iterate_phdr(
      [](dl_phdr_info* info, size_t, void* data) {
        auto* search = static_cast<Search*>(data);
        for (int i = 0; i < info->dlpi_phnum; ++i) {
          const ElfW(Phdr)& segment = info->dlpi_phdr[i];
          if (segment.p_type != PT_LOAD ||
              search->address - info->dlpi_addr - segment.p_vaddr >=
                  segment.p_memsz) {
            continue;
          }
          search->module = {info->dlpi_addr, info->dlpi_name};
          search->is_found = true;
          return 1;
        }
        return 0;
      },
      &search);
  // The program itself is listed without a name.
  if (search.is_found && search.module.path.empty())
    search.module.path = PathOfProgram();
  return search.module;
}

std::string Demangle(const char* name) {
  int status = 0;
  char* demangled = abi::__cxa_demangle(name, nullptr, nullptr, &status);
  std::string result = status == 0 ? demangled : name;
  std::free(demangled);
  return result;
}

/// A whole file, read-only, in memory while this lives.
class MappedFile {
 public:
  explicit MappedFile(const std::string& path) {
    const CancellationGuard guard;
    const int file = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
    if (file < 0) return;
    struct stat status;
    if (::fstat(file, &status) == 0 && status.st_size > 0) {
      void* data =
          ::mmap(nullptr, status.st_size, PROT_READ, MAP_PRIVATE, file, 0);
      if (data != MAP_FAILED) {
        data_ = static_cast<const char*>(data);
        size_bytes_ = status.st_size;
      }
    }
    ::close(file);
  }
  ~MappedFile() {
    if (data_) ::munmap(const_cast<char*>(data_), size_bytes_);
  }
  MappedFile(const MappedFile&) = delete;
  MappedFile& operator=(const MappedFile&) = delete;

  /// @return the bytes from `offset` on; nullptr when there are fewer than
  /// `size_bytes`.
  const char* At(uint64_t offset, uint64_t size_bytes) const {
    if (offset > size_bytes_ || size_bytes > size_bytes_ - offset)
      return nullptr;
    return data_ + offset;
  }

 private:
  const char* data_ = nullptr;
  uint64_t size_bytes_ = 0;
};

/// The symbols of an ELF file.
class ElfSymbols {
 public:
  explicit ElfSymbols(const std::string& path) : file_(path) {}

  /// Calls `visit(const ElfW(Sym)&, const char* name)` for what is defined in
  /// .symtab, which has local symbols too; if that takes none of them, for what
  /// is in .dynsym.
  template <typename Visit>
  void ForEach(Visit visit) const {
    const auto* header = Read<ElfW(Ehdr)>(0, 1);
    if (!header || std::memcmp(header->e_ident, ELFMAG, SELFMAG) != 0) return;
    const auto* sections = Read<ElfW(Shdr)>(header->e_shoff, header->e_shnum);
    if (!sections) return;
    bool is_taken = false;
    for (const unsigned wanted : {SHT_SYMTAB, SHT_DYNSYM}) {
      for (int i = 0; i < header->e_shnum && !is_taken; ++i) {
        if (sections[i].sh_type == wanted &&
            sections[i].sh_link < header->e_shnum) {
          is_taken =
              VisitTable(sections[i], sections[sections[i].sh_link], visit);
        }
      }
    }
  }

 private:
  template <typename T>
  const T* Read(uint64_t offset, uint64_t count) const {
    return reinterpret_cast<const T*>(file_.At(offset, count * sizeof(T)));
  }

  /// @return whether `visit` took any.
  template <typename Visit>
  bool VisitTable(const ElfW(Shdr) & table, const ElfW(Shdr) & strings,
                  Visit visit) const {
    const uint64_t count = table.sh_size / sizeof(ElfW(Sym));
    const auto* symbols = Read<ElfW(Sym)>(table.sh_offset, count);
    const char* names = Read<char>(strings.sh_offset, strings.sh_size);
    if (!symbols || !names || strings.sh_size == 0 ||
        names[strings.sh_size - 1] != '\0') {
      return false;
    }
    bool is_any_taken = false;
    for (uint64_t i = 0; i < count; ++i) {
      const ElfW(Sym)& symbol = symbols[i];
      if (symbol.st_shndx == SHN_UNDEF || symbol.st_size == 0 ||
          symbol.st_name >= strings.sh_size) {
        continue;
      }
      is_any_taken |= visit(symbol, names + symbol.st_name);
    }
    return is_any_taken;
  }

  const MappedFile file_;
};

}  // namespace

/// The functions of an ELF file, sorted by address.
class NativeSymbols::SymbolTable {
 public:
  explicit SymbolTable(const std::string& path) : symbols_(path) {
    symbols_.ForEach([this](const ElfW(Sym) & symbol, const char* name) {
      const int type = ELF64_ST_TYPE(symbol.st_info);
      if (type != STT_FUNC && type != STT_GNU_IFUNC) return false;
      functions_.push_back({symbol.st_value, symbol.st_size, name});
      return true;
    });
    std::sort(functions_.begin(), functions_.end(),
              [](const Function& a, const Function& b) {
                return a.address < b.address;
              });
  }

  /// @param address relative to where the module is loaded.
  std::string Find(uintptr_t address) const {
    auto found = std::upper_bound(
        functions_.begin(), functions_.end(), address,
        [](uintptr_t a, const Function& f) { return a < f.address; });
    if (found == functions_.begin()) return "";
    --found;
    return address - found->address < found->size_bytes ? Demangle(found->name)
                                                        : "";
  }

 private:
  struct Function {
    uintptr_t address;
    uint64_t size_bytes;
    const char* name;
  };

  const ElfSymbols symbols_;
  std::vector<Function> functions_;
};

NativeSymbols::NativeSymbols() = default;

NativeSymbols& NativeSymbols::OfProcess() {
  static NativeSymbols& symbols = *new NativeSymbols;
  return symbols;
}

NativeSymbols::Symbol NativeSymbols::Find(uintptr_t address,
                                          bool with_function) {
  const Module module = FindModule(address);
  Symbol symbol{"", module.path};
  if (!with_function || module.path.empty()) return symbol;
  std::lock_guard lock(mutex_);
  auto& table = tables_[module.path];
  if (!table) table = std::make_unique<SymbolTable>(module.path);
  symbol.function = table->Find(address - module.base);
  return symbol;
}

std::span<const uint8_t> NativeSymbols::FindVariable(const char* name,
                                                     uintptr_t module_address,
                                                     uint64_t min_bytes,
                                                     uint64_t max_bytes) {
  const Module module = FindModule(module_address);
  std::span<const uint8_t> found;
  ElfSymbols(module.path)
      .ForEach([&](const ElfW(Sym) & symbol, const char* symbol_name) {
        if (ELF64_ST_TYPE(symbol.st_info) != STT_OBJECT ||
            symbol.st_size < min_bytes || symbol.st_size > max_bytes ||
            std::strcmp(symbol_name, name) != 0) {
          return false;
        }
        found = {
            reinterpret_cast<const uint8_t*>(module.base + symbol.st_value),
            symbol.st_size};
        return true;
      });
  return found;
}

}  // namespace memray_mocha
