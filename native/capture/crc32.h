#ifndef NATIVE_CAPTURE_CRC32_H_
#define NATIVE_CAPTURE_CRC32_H_

#include <cstddef>
#include <cstdint>

namespace memray_mocha {

/// @return the CRC-32 (ISO-HDLC, as zlib's) of the bytes, by slicing-by-8:
///     M. E. Kounavis, F. L. Berry, "Novel Table Lookup-Based Algorithms for
///     High-Performance CRC Generation", 2008.
uint32_t Crc32(const void* data, size_t size_bytes);

}  // namespace memray_mocha

#endif  // NATIVE_CAPTURE_CRC32_H_
