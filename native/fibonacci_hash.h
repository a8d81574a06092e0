#ifndef NATIVE_FIBONACCI_HASH_H_
#define NATIVE_FIBONACCI_HASH_H_

#include <cstdint>

namespace memray_mocha {

/// Fibonacci hashing: Knuth, The Art of Computer Programming, vol. 3, 6.4. The
/// multiplier is 2^64 divided by the golden ratio.
/// @param bits how many the hash has: at least as many as an index of the
/// table, which takes the lowest of them.
constexpr uint64_t FibonacciHash(uint64_t key, int bits) {
  return key * 0x9E3779B97F4A7C15 >> (64 - bits);
}

}  // namespace memray_mocha

#endif  // NATIVE_FIBONACCI_HASH_H_
