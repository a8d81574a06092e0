#ifndef NATIVE_CAPTURE_RECORDS_H_
#define NATIVE_CAPTURE_RECORDS_H_

#include <cstddef>
#include <cstdint>

/// The constants of docs/capture-format.md, which draws the layout.
namespace memray_mocha::records {

inline constexpr char kMagic[] = "MEMRAYJS";
inline constexpr uint16_t kVersion = 3;
inline constexpr uint16_t kFlagNative = 1;
inline constexpr uint16_t kFlagTraceJs = 2;
inline constexpr size_t kHeaderBytes = 32;
inline constexpr size_t kBlockHeaderBytes = 8;
inline constexpr size_t kMaxPayloadBytes = 65536;
/// Strings are cut here, so that every record fits into a block.
inline constexpr size_t kMaxStringBytes = 4096;

inline constexpr uint8_t kAllocation = 0x80;
inline constexpr uint8_t kExpectedStack = 0x40;
inline constexpr uint8_t kExpectedAllocator = 0x20;
inline constexpr uint8_t kExpectedSize = 0x10;
inline constexpr uint8_t kDeallocation = 0x40;
inline constexpr uint8_t kAddressFollows = 0x08;
inline constexpr size_t kAddressSlots = 8;
inline constexpr size_t kAddressRegions = 8;
inline constexpr size_t kExpectations = 64;

enum class Tag : uint8_t {
  kEnd = 0x01,
  kThread = 0x02,
  kThreadName = 0x03,
  kString = 0x04,
  kScript = 0x05,
  kCode = 0x06,
  kJsFrame = 0x07,
  kNativeFrame = 0x08,
  kStack = 0x09,
  kUnmap = 0x0A,
  kPosition = 0x0B,
  kSymbol = 0x0C,
  kMetadata = 0x0D,
  kHeap = 0x0E,
  kSamples = 0x0F,
  kOriginal = 0x10,
};

enum class HeapKind : uint8_t {
  kRaw = 0,
  kConfirmed = 1,
  kUnconfirmed = 2,
  kEnd = 3,
  kMark = 4,
};

enum class CodeType : uint8_t {
  kJavaScript = 0,
  kWebAssembly = 1,
  kBuiltin = 2,
  kVmState = 3,
};

}  // namespace memray_mocha::records

#endif  // NATIVE_CAPTURE_RECORDS_H_
