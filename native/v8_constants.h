#ifndef NATIVE_V8_CONSTANTS_H_
#define NATIVE_V8_CONSTANTS_H_

#include <dlfcn.h>

#include <optional>

namespace memray_mocha {

/// @return a number that V8 exports for debuggers (`v8dbg_...`); nothing when
/// this V8 does not have it.
inline std::optional<int> FindV8Constant(const char* name) {
  const void* symbol = dlsym(RTLD_DEFAULT, name);
  if (!symbol) return std::nullopt;
  return *static_cast<const int*>(symbol);
}

/// @return false, and leaves the value alone, when this V8 does not have it.
template <typename T>
bool ReadV8Constant(const char* name, T* value) {
  const auto constant = FindV8Constant(name);
  if (constant) *value = static_cast<T>(*constant);
  return constant.has_value();
}

}  // namespace memray_mocha

#endif  // NATIVE_V8_CONSTANTS_H_
