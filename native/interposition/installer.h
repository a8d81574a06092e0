#ifndef NATIVE_INTERPOSITION_INSTALLER_H_
#define NATIVE_INTERPOSITION_INSTALLER_H_

#include <string>

namespace memray_mocha {

/// Puts the hooks of hooks.h in place of the process's allocator. One source a
/// platform: elf_installer.cc. Elsewhere only unsupported_binding.cc is
/// compiled.
namespace installer {

/// Routes every loaded module's calls through the hooks; harmless when
/// repeated: modules already done are skipped.
void Install();

/// @return whether `address` lies in the module that contains V8.
bool IsInV8Module(const void* address);

/// To glibc the caller of dlopen is this module, so what the real caller's
/// RUNPATH says has to be looked up here.
/// @return the path of the library; empty when dlopen finds it as well alone.
std::string FindLibrary(const char* filename, int flags, const void* caller);

}  // namespace installer
}  // namespace memray_mocha

#endif  // NATIVE_INTERPOSITION_INSTALLER_H_
