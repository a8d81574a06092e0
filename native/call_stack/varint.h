#ifndef NATIVE_CALL_STACK_VARINT_H_
#define NATIVE_CALL_STACK_VARINT_H_

#include <cstdint>
#include <optional>
#include <span>

namespace memray_mocha {

/// Takes a number off the front, as V8's tables have them, and ours: 7 bits a
/// byte, the lowest first, the highest bit set in all bytes but the last one.
/// @return nothing when it is cut off, or has more than 64 bits.
inline std::optional<uint64_t> TakeVarint(std::span<const uint8_t>* bytes) {
  uint64_t value = 0;
  for (int shift = 0; shift < 64 && !bytes->empty(); shift += 7) {
    const uint8_t byte = bytes->front();
    *bytes = bytes->subspan(1);
    value |= uint64_t{byte & 0x7Fu} << shift;
    if (!(byte & 0x80)) return value;
  }
  return std::nullopt;
}

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_VARINT_H_
