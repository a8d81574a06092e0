#ifndef NATIVE_TEST_GOLDEN_CAPTURES_H_
#define NATIVE_TEST_GOLDEN_CAPTURES_H_

#include <string>

namespace memray_mocha::test {

/// Writes the captures that assembly/ is tested with (test/captures/) into a
/// folder. They depend on nothing but this program. @return whether it
/// succeeded.
bool WriteGoldenCaptures(const std::string& folder);

}  // namespace memray_mocha::test

#endif  // NATIVE_TEST_GOLDEN_CAPTURES_H_
