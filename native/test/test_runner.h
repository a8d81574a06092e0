#ifndef NATIVE_TEST_TEST_RUNNER_H_
#define NATIVE_TEST_TEST_RUNNER_H_

#include <sstream>
#include <stdexcept>
#include <string>
#include <vector>

namespace memray_mocha::test {

using Body = void (*)();

/// Adds a test to those that main() runs.
struct Registration {
  Registration(const char* title, Body body);
};

/// Runs the tests and prints a line for each and the line of counts that
/// scripts/test-native.mjs reads. @return how many failed.
int RunTests(const std::string& filter);

/// What main() was given; see there.
struct Settings {
  std::string captures;
  std::string libraries;
};
inline Settings settings;

struct Failure : std::runtime_error {
  using runtime_error::runtime_error;
};

template <typename T>
std::string Show(const T& value) {
  std::ostringstream text;
  if constexpr (std::is_enum_v<T>) {
    text << static_cast<int64_t>(value);
  } else if constexpr (std::is_same_v<T, std::vector<uint8_t>>) {
    text << std::hex;
    for (const uint8_t byte : value) text << int{byte} << ' ';
  } else {
    text << value;
  }
  return text.str();
}

[[noreturn]] inline void Fail(const char* file, int line,
                              const std::string& what) {
  throw Failure(std::string(file) + ":" + std::to_string(line) + ": " + what);
}

/// Made with braces, which evaluate in order. Not all in the macro: what a
/// temporary has ends with it.
struct ExpectEqual {
  template <typename Actual, typename Expected>
  ExpectEqual(const char* file, int line, const char* text,
              const Actual& actual, const Expected& expected) {
    if (actual == expected) return;
    Fail(file, line,
         std::string(text) + " is " + Show(actual) + ", not " + Show(expected));
  }
};

}  // namespace memray_mocha::test

#define MEMRAY_MOCHA_JOIN(a, b) MEMRAY_MOCHA_JOIN_EXPANDED(a, b)
#define MEMRAY_MOCHA_JOIN_EXPANDED(a, b) a##b

/// TEST("what is expected") { ... } runs unless it is filtered out.
#define TEST(title)                                                      \
  static void MEMRAY_MOCHA_JOIN(Test, __LINE__)();                       \
  static const ::memray_mocha::test::Registration MEMRAY_MOCHA_JOIN(     \
      registration, __LINE__)(title, MEMRAY_MOCHA_JOIN(Test, __LINE__)); \
  static void MEMRAY_MOCHA_JOIN(Test, __LINE__)()

#define EXPECT(condition)                                                 \
  do {                                                                    \
    if (!(condition))                                                     \
      ::memray_mocha::test::Fail(__FILE__, __LINE__, "not: " #condition); \
  } while (false)

#define EXPECT_EQUAL(actual, expected)                \
  ::memray_mocha::test::ExpectEqual {                 \
    __FILE__, __LINE__, #actual, (actual), (expected) \
  }

#endif  // NATIVE_TEST_TEST_RUNNER_H_
