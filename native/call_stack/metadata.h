#ifndef NATIVE_CALL_STACK_METADATA_H_
#define NATIVE_CALL_STACK_METADATA_H_

#include <dlfcn.h>

namespace memray_mocha {

/// Reads a number that V8 exports for debuggers.
/// @return false when this V8 does not have it.
template <typename T>
bool ReadMetadata(const char* name, T* value) {
  const void* symbol = dlsym(RTLD_DEFAULT, name);
  if (symbol) *value = static_cast<T>(*static_cast<const int*>(symbol));
  return symbol != nullptr;
}

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_METADATA_H_
