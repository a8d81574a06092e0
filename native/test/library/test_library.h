#ifndef NATIVE_TEST_LIBRARY_TEST_LIBRARY_H_
#define NATIVE_TEST_LIBRARY_TEST_LIBRARY_H_

#include <dlfcn.h>
#include <link.h>

#include <string>

#include "test/test_runner.h"

namespace memray_mocha::test {

/// One of the libraries in this folder, loaded while this lives.
class TestLibrary {
 public:
  static std::string PathOf(const std::string& name) {
    return settings.libraries + '/' + name + ".node";
  }

  explicit TestLibrary(const std::string& name, int flags = RTLD_LAZY)
      : TestLibrary(::dlopen(PathOf(name).c_str(), flags)) {}

  /// @param handle of dlopen; this takes it over.
  explicit TestLibrary(void* handle) : handle_(handle) {
    if (!handle_) throw Failure(::dlerror());
  }
  ~TestLibrary() { ::dlclose(handle_); }
  TestLibrary(const TestLibrary&) = delete;
  TestLibrary& operator=(const TestLibrary&) = delete;

  /// @return the address of a function or variable; T is its type.
  template <typename T>
  T* Find(const char* name) const {
    void* address = ::dlsym(handle_, name);
    if (!address) throw Failure(::dlerror());
    return reinterpret_cast<T*>(address);
  }

  /// Calls a function that returns Result.
  template <typename Result, typename... Parameters>
  Result Call(const char* name, Parameters... parameters) const {
    return Find<Result(Parameters...)>(name)(parameters...);
  }

  const link_map& map() const { return *static_cast<const link_map*>(handle_); }

 private:
  void* const handle_;
};

}  // namespace memray_mocha::test

#endif  // NATIVE_TEST_LIBRARY_TEST_LIBRARY_H_
