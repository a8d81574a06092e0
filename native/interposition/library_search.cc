// Where dlopen looks for a library that is named without a path.

#include <dlfcn.h>
#include <link.h>
#include <unistd.h>

#include <algorithm>
#include <cstring>
#include <string>
#include <vector>

#include "interposition/installer.h"

namespace memray_mocha::installer {
namespace {

/// Something whose address lies in this module.
const char marker = 0;

/// The directories that dlopen searches when the module that has `address`
/// calls it.
std::vector<std::string> SearchDirectories(const void* address) {
  Dl_info info;
  link_map* map = nullptr;
  if (!dladdr1(address, &info, reinterpret_cast<void**>(&map), RTLD_DL_LINKMAP))
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

}  // namespace

std::string FindLibrary(const char* filename, int flags, const void* caller) {
  // The program itself, or a path.
  if (!filename || std::strchr(filename, '/')) return "";
  if (void* loaded = ::dlopen(filename, flags | RTLD_NOLOAD)) {
    ::dlclose(loaded);
    return "";
  }
  for (const std::string& directory : SearchDirectories(caller)) {
    const std::string path = directory + "/" + filename;
    if (::access(path.c_str(), R_OK) != 0) continue;
    // What this module's own search comes to is left to dlopen, which knows of
    // more: ld.so.cache, and subdirectories for some processors (glibc-hwcaps).
    const auto own = SearchDirectories(&marker);
    return std::find(own.begin(), own.end(), directory) == own.end() ? path
                                                                     : "";
  }
  return "";
}

}  // namespace memray_mocha::installer
