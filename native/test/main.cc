// The tests of native/ that need no Node.
//
//   memray_mocha_tests --captures DIR [FILTER]
//     runs those whose title contains FILTER
//   memray_mocha_tests --captures DIR --write
//     writes the golden captures anew instead

#include <unistd.h>

#include <climits>
#include <cstdio>
#include <string>

#include "test/golden_captures.h"
#include "test/test_runner.h"

using namespace memray_mocha::test;

namespace {

/// Where this program is, and the libraries that are compiled with it.
std::string OwnDirectory() {
  char path[PATH_MAX];
  const ssize_t length = ::readlink("/proc/self/exe", path, sizeof path);
  const std::string file(path, length > 0 ? length : 0);
  return file.substr(0, file.rfind('/'));
}

}  // namespace

int main(int count, char** arguments) {
  std::string filter;
  bool writes = false;
  for (int i = 1; i < count; ++i) {
    const std::string argument = arguments[i];
    if (argument == "--captures" && i + 1 < count) {
      settings.captures = arguments[++i];
    } else if (argument == "--write") {
      writes = true;
    } else {
      filter = argument;
    }
  }
  settings.libraries = OwnDirectory();
  if (settings.captures.empty()) {
    std::fprintf(
        stderr, "Expected --captures and the folder of the golden captures.\n");
    return 2;
  }
  if (writes) return WriteGoldenCaptures(settings.captures) ? 0 : 1;
  return RunTests(filter) == 0 ? 0 : 1;
}
