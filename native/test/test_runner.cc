#include "test/test_runner.h"

#include <cstdio>

namespace memray_mocha::test {
namespace {

struct Test {
  const char* title;
  Body body;
};

// Registered by initialisers of other files: in a function, so that it is there
// in time.
std::vector<Test>& Tests() {
  static std::vector<Test> tests;
  return tests;
}

}  // namespace

Registration::Registration(const char* title, Body body) {
  Tests().push_back({title, body});
}

int RunTests(const std::string& filter) {
  int passed = 0, failed = 0, skipped = 0;
  for (const auto& [title, body] : Tests()) {
    if (std::string(title).find(filter) == std::string::npos) {
      ++skipped;
      continue;
    }
    try {
      body();
      std::printf("ok      %s\n", title);
      ++passed;
    } catch (const std::exception& error) {
      std::printf("FAILED  %s\n        %s\n", title, error.what());
      ++failed;
    }
    // Seen also when the next test crashes.
    std::fflush(stdout);
  }
  std::printf("%d passed, %d failed, %d skipped\n", passed, failed, skipped);
  return failed;
}

}  // namespace memray_mocha::test
