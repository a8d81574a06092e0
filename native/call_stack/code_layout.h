#ifndef NATIVE_CALL_STACK_CODE_LAYOUT_H_
#define NATIVE_CALL_STACK_CODE_LAYOUT_H_

#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include "call_stack/code_map.h"
#include "call_stack/sparkplug_positions.h"

namespace memray_mocha {

/// Where V8 keeps what it knows of machine code and tells nobody: what
/// Sparkplug's came from, and what TurboFan inlined. V8 tells lines by that,
/// but has no way for others to read it.
///
/// Reads V8's heap, on the isolate's thread. What is found there is valid until
/// V8 collects garbage.
class CodeLayout {
 public:
  /// What TurboFan left of the functions that it inlined.
  struct Inlining {
    /// As DecodeCallsByOffset takes them.
    std::span<const uint8_t> positions;
    /// As DecodeInlinedCalls takes them.
    std::span<const uint8_t> calls;
    /// The first instruction of each inlined function's bytecode, 0 when it is
    /// not known. DecodedCall::function is an index.
    std::vector<uintptr_t> functions;
    /// None where they are not as expected.
    LazyExits lazy_exits;
  };

  /// Found out once for the process, by V8's metadata for debuggers and the
  /// symbols of its file.
  static const CodeLayout& OfProcess();

  /// Whether this V8 is as expected.
  bool KnowsSparkplug() const { return !instruction_sizes_.empty(); }
  bool KnowsInlining() const { return inlining_positions_ != 0; }

  /// Only if it is known.
  /// @param code the first instruction of code that exists.
  /// @return nothing when it is not as expected.
  std::optional<SparkplugSource> FindSparkplugSource(uintptr_t code) const;
  std::optional<Inlining> FindInlining(uintptr_t code) const;

  /// As TranslatePositions takes them.
  std::span<const uint8_t> instruction_sizes() const {
    return instruction_sizes_;
  }

 private:
  /// What the object that describes code names: for Sparkplug's, bytecode and
  /// the sizes of its instructions' code; for TurboFan's, what it takes to
  /// leave the code, and the table of positions.
  struct Sources {
    uint64_t origin;
    uint64_t bytes;
  };

  CodeLayout();
  bool ReadConstants();
  void ReadInliningConstants();
  LazyExits FindLazyExits(uintptr_t code, uint64_t data) const;
  template <typename IsOrigin>
  std::optional<Sources> FindSources(uintptr_t code, IsOrigin is_origin) const;
  uint64_t FindBytecodeArray(uint64_t word) const;
  uintptr_t FindBytecode(uint64_t function) const;
  int64_t LengthOf(uint64_t array) const;
  uint64_t ElementOf(uint64_t array, int64_t index) const;
  std::span<const uint8_t> BytesOf(uint64_t array, int64_t offset) const;
  std::span<const uint8_t> BytesOf(uint64_t byte_array) const;

  // In bytes, from where an object begins.
  int64_t stream_instructions_ = 0;
  int64_t array_length_ = 0;
  int64_t array_elements_ = 0;
  int64_t bytecode_ = 0;
  // Types of objects.
  int code_type_ = 0;
  int bytecode_array_type_ = 0;
  int interpreter_data_type_ = 0;
  int function_type_ = 0;
  std::vector<int> array_types_;
  std::vector<int> byte_array_types_;
  // Elements of the array of what it takes to leave TurboFan's code.
  int64_t inlined_count_ = 0;
  int64_t literals_ = 0;
  int64_t inlining_positions_ = 0;
  std::span<const uint8_t> instruction_sizes_;
};

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_CODE_LAYOUT_H_
