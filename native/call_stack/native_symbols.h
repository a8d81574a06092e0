#ifndef NATIVE_CALL_STACK_NATIVE_SYMBOLS_H_
#define NATIVE_CALL_STACK_NATIVE_SYMBOLS_H_

#include <cstdint>
#include <map>
#include <memory>
#include <mutex>
#include <span>
#include <string>

namespace memray_mocha {

/// Names of native code addresses, from the symbol tables of the loaded
/// modules' files. A module's table is read when one of its addresses is first
/// asked for, and kept.
class NativeSymbols {
 public:
  struct Symbol {
    std::string function;  // demangled; empty when unknown
    std::string module;    // path of the module's file; empty when unknown
  };

  /// The one of this process, never destroyed.
  static NativeSymbols& OfProcess();

  /// @param with_function whether the function is wanted too; the module alone
  /// is cheap.
  Symbol Find(uintptr_t address, bool with_function);

  /// @param name mangled.
  /// @param module_address any in the module that may have it.
  /// @param min_bytes, max_bytes between which its size is. A file may name
  /// tens of thousands, and to read each name takes milliseconds.
  /// @return a variable's bytes; none where the module's file does not name it.
  static std::span<const uint8_t> FindVariable(const char* name,
                                               uintptr_t module_address,
                                               uint64_t min_bytes,
                                               uint64_t max_bytes);

 private:
  class SymbolTable;
  NativeSymbols();

  std::mutex mutex_;
  std::map<std::string, std::unique_ptr<SymbolTable>> tables_;  // by path
};

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_NATIVE_SYMBOLS_H_
