// Interposition by rewriting relocated slots: every call that a module makes
// into another goes through a pointer that the dynamic linker filled in, in the
// module's GOT or in a table of function pointers. The dynamic section says
// where these slots are and the names of their functions. After
// https://refspecs.linuxfoundation.org/elf/gabi4+/ch5.dynamic.html.

#include <dlfcn.h>
#include <elf.h>
#include <gnu/libc-version.h>
#include <link.h>
#include <sys/mman.h>

#include <algorithm>
#include <array>
#include <climits>
#include <mutex>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include "interposition/hook_switches.h"
#include "interposition/hooks.h"
#include "interposition/installer.h"
#include "recursion_guard.h"

namespace memray_mocha::installer {
namespace {

struct Hook {
  std::string_view name;
  void* function;
};

#define MEMRAY_MOCHA_COUNT_HOOK(result, name, parameters) +1
constexpr int kHookCount = 0 MEMRAY_MOCHA_HOOKS(MEMRAY_MOCHA_COUNT_HOOK);
constexpr int kBlockHookCount =
    0 MEMRAY_MOCHA_BLOCK_HOOKS(MEMRAY_MOCHA_COUNT_HOOK);
#undef MEMRAY_MOCHA_COUNT_HOOK

const Hook kHooks[kHookCount] = {
#define MEMRAY_MOCHA_HOOK_ENTRY(result, name, parameters) \
  {#name, reinterpret_cast<void*>(&hooks::name)},
    MEMRAY_MOCHA_HOOKS(MEMRAY_MOCHA_HOOK_ENTRY)
#undef MEMRAY_MOCHA_HOOK_ENTRY
};

/// By letter: whether the name of a hook begins with it.
constexpr auto kIsFirstLetter = [] {
  std::array<bool, UCHAR_MAX + 1> is_first_letter{};
#define MEMRAY_MOCHA_NOTE_LETTER(result, name, parameters) \
  is_first_letter[static_cast<unsigned char>(*#name)] = true;
  MEMRAY_MOCHA_HOOKS(MEMRAY_MOCHA_NOTE_LETTER)
#undef MEMRAY_MOCHA_NOTE_LETTER
  return is_first_letter;
}();

const Hook* FindHook(const char* name) {
  // Few symbols begin with one of these letters, and node has 40,000 of them.
  if (!kIsFirstLetter[static_cast<unsigned char>(*name)]) return nullptr;
  for (const Hook& hook : kHooks) {
    if (hook.name == name) return &hook;
  }
  return nullptr;
}

/// @return what the program calls when it calls a function by its name; nullptr
/// when there is none: glibc has free_sized from 2.43 on.
void* RealFunction(const Hook& hook) {
  static const std::array<void*, kHookCount> functions = [] {
    std::array<void*, kHookCount> found;
    for (int i = 0; i < kHookCount; ++i)
      found[i] = ::dlsym(RTLD_DEFAULT, kHooks[i].name.data());
    ::dlerror();  // a missing function is no error of the program's
    return found;
  }();
  return functions[&hook - kHooks];
}

/// Whether it gives or takes a block of the allocator.
bool IsOfBlocks(const Hook& hook) { return &hook - kHooks < kBlockHookCount; }

/// The process's patched modules. Never destroyed: hooks run until the very
/// end.
struct State {
  std::mutex mutex;
  std::vector<uintptr_t> modules;  // where they are loaded
  uint64_t additions = 0;  // the dynamic linker's counts of modules loaded
  uint64_t removals = 0;   // and unloaded when it was last looked at

  bool Knows(const dl_phdr_info& module) const {
    return std::find(modules.begin(), modules.end(), module.dlpi_addr) !=
           modules.end();
  }
};

/// Something whose address lies in this module, which is never patched.
const char state_marker = 0;

State& GetState() {
  static State& state = *new State;
  return state;
}

bool Contains(const dl_phdr_info& module, const void* address) {
  const auto offset = reinterpret_cast<uintptr_t>(address) - module.dlpi_addr;
  return std::any_of(module.dlpi_phdr, module.dlpi_phdr + module.dlpi_phnum,
                     [&](const ElfW(Phdr) & segment) {
                       return segment.p_type == PT_LOAD &&
                              offset - segment.p_vaddr < segment.p_memsz;
                     });
}

template <typename Visit>
void ForEachModule(Visit visit) {
  dl_iterate_phdr(
      [](dl_phdr_info* module, size_t, void* data) {
        return (*static_cast<Visit*>(data))(*module) ? 1 : 0;
      },
      &visit);
}

/// Whether this is the C library, of which strdup(), getline() and others call
/// the allocator for the program, by slots: a program may have another one.
bool IsCLibrary(const dl_phdr_info& module) {
  return Contains(module, reinterpret_cast<const void*>(gnu_get_libc_version));
}

/// The parts of a module's dynamic section that say what its slots are.
class DynamicSection {
 public:
  explicit DynamicSection(const dl_phdr_info& module)
      : base_(module.dlpi_addr), is_c_library_(IsCLibrary(module)) {
    for (int i = 0; i < module.dlpi_phnum; ++i) {
      if (module.dlpi_phdr[i].p_type != PT_DYNAMIC) continue;
      Read(reinterpret_cast<const ElfW(Dyn)*>(base_ +
                                              module.dlpi_phdr[i].p_vaddr));
    }
  }

  /// Calls visit(slot, hook, is_variable) for every slot of a hooked function.
  /// A variable is the program's own, initialised with the function's address.
  template <typename Visit>
  void ForEachHookedSlot(Visit visit) const {
    if (!symbols_ || !strings_) return;
    for (const auto& [entries, size] : {relocations_, plt_relocations_}) {
      for (size_t i = 0; entries && i < size / sizeof(ElfW(Rela)); ++i) {
        const ElfW(Rela)& entry = entries[i];
        const auto type = ELF64_R_TYPE(entry.r_info);
        if (type != R_X86_64_JUMP_SLOT && type != R_X86_64_GLOB_DAT &&
            !(type == R_X86_64_64 && entry.r_addend == 0)) {
          continue;
        }
        const ElfW(Sym)& symbol = symbols_[ELF64_R_SYM(entry.r_info)];
        // A module that has an allocator of its own (jemalloc) calls itself.
        if (symbol.st_shndx != SHN_UNDEF && !is_c_library_) continue;
        const Hook* hook = FindHook(strings_ + symbol.st_name);
        if (!hook) continue;
        visit(reinterpret_cast<void**>(base_ + entry.r_offset), *hook,
              type == R_X86_64_64);
      }
    }
  }

 private:
  struct Relocations {
    const ElfW(Rela) * entries;
    size_t size_bytes;
  };

  void Read(const ElfW(Dyn) * entry) {
    for (; entry->d_tag != DT_NULL; ++entry) {
      switch (entry->d_tag) {
        case DT_SYMTAB:
          symbols_ = At<ElfW(Sym)>(entry);
          break;
        case DT_STRTAB:
          strings_ = At<char>(entry);
          break;
        case DT_RELA:
          relocations_.entries = At<ElfW(Rela)>(entry);
          break;
        case DT_RELASZ:
          relocations_.size_bytes = entry->d_un.d_val;
          break;
        case DT_JMPREL:
          plt_relocations_.entries = At<ElfW(Rela)>(entry);
          break;
        case DT_PLTRELSZ:
          plt_relocations_.size_bytes = entry->d_un.d_val;
          break;
      }
    }
  }

  /// glibc relocates most modules' dynamic pointers in place, but not all.
  template <typename T>
  const T* At(const ElfW(Dyn) * entry) const {
    const uintptr_t value = entry->d_un.d_ptr;
    return reinterpret_cast<const T*>(value < base_ ? base_ + value : value);
  }

  const uintptr_t base_;
  const bool is_c_library_;
  const ElfW(Sym) * symbols_ = nullptr;
  const char* strings_ = nullptr;
  Relocations relocations_{};
  Relocations plt_relocations_{};
};

/// Makes a module's RELRO segment (read-only after relocation) writable while
/// it lives.
class WritableRelro {
 public:
  explicit WritableRelro(const dl_phdr_info& module) {
    for (int i = 0; i < module.dlpi_phnum; ++i) {
      const ElfW(Phdr)& segment = module.dlpi_phdr[i];
      if (segment.p_type != PT_GNU_RELRO) continue;
      // As the dynamic linker does it: whole pages only, the end rounded down.
      constexpr uintptr_t kPageMask = ~uintptr_t{4095};
      begin_ = (module.dlpi_addr + segment.p_vaddr) & kPageMask;
      end_ = (module.dlpi_addr + segment.p_vaddr + segment.p_memsz) & kPageMask;
    }
    Protect(PROT_READ | PROT_WRITE);
  }
  ~WritableRelro() { Protect(PROT_READ); }
  WritableRelro(const WritableRelro&) = delete;
  WritableRelro& operator=(const WritableRelro&) = delete;

 private:
  void Protect(int protection) {
    if (begin_ < end_)
      ::mprotect(reinterpret_cast<void*>(begin_), end_ - begin_, protection);
  }
  uintptr_t begin_ = 0;
  uintptr_t end_ = 0;
};

bool IsOfDynamicLinker(const dl_phdr_info& module) {
  const std::string_view name = module.dlpi_name;
  return name.find("/ld-linux") != name.npos ||
         name.find("linux-vdso") != name.npos;
}

/// @return what the hook itself calls, to which the dynamic linker has bound
/// this module; nullptr when it is not bound to any. Where the program has the
/// function's address in its code, another one is found by name.
void* CalledFunction(const Hook& hook) {
  static const std::array<void*, kHookCount> functions = [] {
    std::array<void*, kHookCount> found{};
    ForEachModule([&](const dl_phdr_info& module) {
      if (!Contains(module, &state_marker)) return false;
      DynamicSection(module).ForEachHookedSlot(
          [&](void** slot, const Hook& hook, bool is_variable) {
            if (!is_variable) found[&hook - kHooks] = *slot;
          });
      return true;
    });
    return found;
  }();
  return functions[&hook - kHooks];
}

/// Whether a slot leads to the function that the hook calls, or is not bound
/// yet: then it leads to where it is bound, in the module itself.
bool IsReal(const dl_phdr_info& module, const void* value, const Hook& hook) {
  const void* called = CalledFunction(hook);
  return !called || value == called || value == RealFunction(hook) ||
         Contains(module, value);
}

/// Nothing is put into a slot that is empty, because the function is missing,
/// or into a variable in which the program has an allocator of its own by now.
bool IsPatchable(const dl_phdr_info& module, const void* value,
                 const Hook& hook, bool is_variable) {
  return value && (is_variable ? value == RealFunction(hook)
                               : IsReal(module, value, hook));
}

/// Whether blocks of a module come from another allocator than the one that
/// hooks call, as they do where it was opened with RTLD_DEEPBIND.
bool HasOwnAllocator(const dl_phdr_info& module) {
  bool is_found = false;
  DynamicSection(module).ForEachHookedSlot(
      [&](void** slot, const Hook& hook, bool is_variable) {
        is_found |= !is_variable && IsOfBlocks(hook) && *slot &&
                    *slot != hook.function && !IsReal(module, *slot, hook);
      });
  return is_found;
}

void Patch(const dl_phdr_info& module) {
  if (HasOwnAllocator(module)) return;
  std::vector<std::pair<void**, void*>> patches;
  DynamicSection(module).ForEachHookedSlot([&](void** slot, const Hook& hook,
                                               bool is_variable) {
    if (*slot != hook.function && IsPatchable(module, *slot, hook, is_variable))
      patches.emplace_back(slot, hook.function);
  });
  if (patches.empty()) return;
  const WritableRelro writable(module);
  for (const auto& [slot, function] : patches)
    __atomic_store_n(slot, function, __ATOMIC_RELEASE);
}

/// A module that is listed. It may still be on its way: another thread is in
/// dlopen, and the dynamic linker writes the module's slots. What is put into
/// them then is lost, and to make the pages read-only ends the process.
class ModuleToPatch {
 public:
  explicit ModuleToPatch(const dl_phdr_info& module)
      : address_(module.dlpi_addr), name_(module.dlpi_name) {}
  ~ModuleToPatch() {
    if (handle_) ::dlclose(handle_);
  }
  ModuleToPatch(ModuleToPatch&& other) noexcept
      : address_(other.address_),
        name_(std::move(other.name_)),
        handle_(std::exchange(other.handle_, nullptr)) {}
  ModuleToPatch& operator=(ModuleToPatch&&) = delete;

  /// Waits until it is complete, by the lock that dlopen holds, and keeps it
  /// loaded.
  void Await() { handle_ = ::dlopen(name_.c_str(), RTLD_LAZY | RTLD_NOLOAD); }

  bool Is(const dl_phdr_info& module) const {
    return handle_ && address_ == module.dlpi_addr;
  }

 private:
  const uintptr_t address_;
  std::string name_;  // the program's is empty, for dlopen, too
  void* handle_ = nullptr;
};

}  // namespace

void Install() {
  const RecursionGuard guard;
  // Now, for the dynamic linker cannot be asked while it is walked.
  RealFunction(kHooks[0]);
  CalledFunction(kHooks[0]);
  hook_switches.TurnOn();
  State& state = GetState();
  std::vector<ModuleToPatch> modules;
  uint64_t additions = 0, removals = 0;
  // Taken with the dynamic linker's lock, and not before: a program that opens
  // a library in a callback of dl_iterate_phdr has that already.
  std::unique_lock lock(state.mutex, std::defer_lock);
  ForEachModule([&](const dl_phdr_info& module) {
    if (!lock.owns_lock()) {
      lock.lock();
      // The same on every call of one iteration.
      additions = module.dlpi_adds;
      removals = module.dlpi_subs;
      if (additions == state.additions && removals == state.removals)
        return true;
      // After a dlclose an address we know may be another module's: look at all
      // anew.
      if (removals != state.removals) state.modules.clear();
    }
    if (!IsOfDynamicLinker(module) && !Contains(module, &state_marker) &&
        !state.Knows(module)) {
      modules.emplace_back(module);
    }
    return false;
  });
  lock.unlock();
  for (ModuleToPatch& module : modules) module.Await();
  ForEachModule([&](const dl_phdr_info& module) {
    if (!lock.owns_lock()) {
      lock.lock();
      state.additions = additions;
      state.removals = removals;
    }
    const auto is_this = [&](const ModuleToPatch& other) {
      return other.Is(module);
    };
    if (std::any_of(modules.begin(), modules.end(), is_this) &&
        !state.Knows(module)) {
      Patch(module);
      state.modules.push_back(module.dlpi_addr);
    }
    return false;
  });
}

bool IsInV8Module(const void* address) {
  struct Range {
    uintptr_t begin = ~uintptr_t{0};
    uintptr_t end = 0;
  };
  static const Range v8 = [] {
    Range range;
    const void* symbol = dlsym(RTLD_DEFAULT, "_ZN2v87Isolate10GetCurrentEv");
    if (!symbol) return range;
    ForEachModule([&](const dl_phdr_info& module) {
      if (!Contains(module, symbol)) return false;
      for (int i = 0; i < module.dlpi_phnum; ++i) {
        const ElfW(Phdr)& segment = module.dlpi_phdr[i];
        if (segment.p_type != PT_LOAD) continue;
        const uintptr_t begin = module.dlpi_addr + segment.p_vaddr;
        range.begin = std::min(range.begin, begin);
        range.end = std::max(range.end, begin + segment.p_memsz);
      }
      return true;
    });
    return range;
  }();
  const auto value = reinterpret_cast<uintptr_t>(address);
  return v8.begin <= value && value < v8.end;
}

}  // namespace memray_mocha::installer
