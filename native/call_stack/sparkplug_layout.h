#ifndef NATIVE_CALL_STACK_SPARKPLUG_LAYOUT_H_
#define NATIVE_CALL_STACK_SPARKPLUG_LAYOUT_H_

#include <cstdint>
#include <optional>
#include <span>

#include "call_stack/sparkplug_positions.h"

namespace memray_mocha {

/// Where V8 keeps what Sparkplug's code came from. V8 tells lines by that, but
/// has no way for others to read it.
class SparkplugLayout {
 public:
  /// Finds it out once for the process, by V8's metadata for debuggers and the
  /// symbols of its file.
  /// @return nullptr when this V8 is not as expected.
  static const SparkplugLayout* OfProcess();

  /// @param code the first instruction of code that exists on V8's heap, on the
  /// isolate's thread.
  /// @return nothing when it is not as expected. Valid until V8 collects
  /// garbage.
  std::optional<SparkplugSource> FindSource(uintptr_t code) const;

  /// As TranslatePositions takes them.
  std::span<const uint8_t> instruction_sizes() const {
    return instruction_sizes_;
  }

 private:
  static std::optional<SparkplugLayout> Find();
  std::span<const uint8_t> BytesOf(uint64_t array, int64_t offset) const;

  // In bytes, from where an object begins.
  int64_t stream_instructions_ = 0;
  int64_t array_length_ = 0;
  int64_t bytecode_ = 0;
  // Types of objects.
  int code_type_ = 0;
  int bytecode_array_type_ = 0;
  int interpreter_data_type_ = 0;
  int byte_array_type_ = 0;
  std::span<const uint8_t> instruction_sizes_;
};

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_SPARKPLUG_LAYOUT_H_
