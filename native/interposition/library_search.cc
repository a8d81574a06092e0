// Where dlopen looks for a library that is named without a path.

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <cstring>
#include <string>
#include <vector>

#include "interposition/installer.h"
#include "recursion_guard.h"

namespace memray_mocha::installer {
namespace {

/// The directories that dlopen searches when the module of `caller` calls it.
std::vector<std::string> SearchDirectories(const void* caller) {
  Dl_info info;
  link_map* map = nullptr;
  if (!dladdr1(caller, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP))
    return {};
  Dl_serinfo size;
  if (dlinfo(map, RTLD_DI_SERINFOSIZE, &size) != 0) return {};
  std::vector<char> buffer(size.dls_size);
  auto* paths = reinterpret_cast<Dl_serinfo*>(buffer.data());
  if (dlinfo(map, RTLD_DI_SERINFOSIZE, paths) != 0 ||
      dlinfo(map, RTLD_DI_SERINFO, paths) != 0) {
    return {};
  }
  std::vector<std::string> directories;
  for (unsigned i = 0; i < paths->dls_cnt; ++i)
    directories.emplace_back(paths->dls_serpath[i].dls_name);
  return directories;
}

/// To glibc the caller of dlopen is this module, so what the real caller's
/// RUNPATH says has to be looked up here.
/// @return the path of the library; empty when dlopen finds it as well alone:
/// it is a path, the program itself, or loaded already.
std::string ResolveForCaller(const char* filename, int flags,
                             const void* caller) {
  const RecursionGuard guard;
  if (!filename || std::strchr(filename, '/')) return "";
  if (void* loaded = ::dlopen(filename, flags | RTLD_NOLOAD)) {
    ::dlclose(loaded);
    return "";
  }
  for (const std::string& directory : SearchDirectories(caller)) {
    const std::string path = directory + "/" + filename;
    if (::access(path.c_str(), R_OK) == 0) return path;
  }
  return "";
}

}  // namespace

void* OpenLibrary(const char* filename, int flags, const void* caller) {
  const std::string path = ResolveForCaller(filename, flags, caller);
  return ::dlopen(path.empty() ? filename : path.c_str(), flags);
}

}  // namespace memray_mocha::installer
