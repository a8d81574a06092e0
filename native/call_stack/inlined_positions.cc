#include "call_stack/inlined_positions.h"

#include <cstring>

#include "call_stack/varint.h"

namespace memray_mocha {
namespace {

constexpr size_t kCallBytes = 16;

/// A position as V8 packs it.
struct PackedPosition {
  uint64_t bits = 0;

  bool IsInFileOfV8() const { return bits & 1; }
  /// -1 when it is not known.
  int64_t offset() const {
    return static_cast<int64_t>(bits >> 1 & 0x3FFFFFFF) - 1;
  }
  /// One more than the number of the inlined call, 0 for none.
  uint32_t call() const { return static_cast<uint32_t>(bits >> 31 & 0xFFFF); }
};

}  // namespace

std::optional<PositionTable> DecodeCallsByOffset(
    std::span<const uint8_t> table, const PositionTable& positions) {
  PositionTable calls;
  PositionTable::Reader told(positions);
  PackedPosition packed;
  uint32_t last_call = 0;
  while (!table.empty()) {
    const auto advance = TakeVarint(&table);
    const auto difference = TakeVarint(&table);
    if (!advance || !difference) return std::nullopt;
    packed.bits += *difference >> 1 ^ (~(*difference & 1) + 1);
    if (packed.IsInFileOfV8()) continue;
    if (!told.Advance() || told.position() != packed.offset())
      return std::nullopt;
    if (packed.call() == last_call) continue;
    last_call = packed.call();
    calls.Add(told.offset(), last_call);
  }
  if (told.Advance()) return std::nullopt;
  return calls;
}

std::optional<std::vector<DecodedCall>> DecodeInlinedCalls(
    std::span<const uint8_t> calls, size_t function_count) {
  if (calls.size() % kCallBytes != 0) return std::nullopt;
  std::vector<DecodedCall> decoded;
  for (; !calls.empty(); calls = calls.subspan(kCallBytes)) {
    PackedPosition packed;
    int32_t function;
    std::memcpy(&packed.bits, calls.data(), sizeof packed.bits);
    std::memcpy(&function, calls.data() + sizeof packed.bits, sizeof function);
    // Whoever calls was inlined before.
    if (packed.IsInFileOfV8() || packed.call() > decoded.size() ||
        function < -1 || function >= static_cast<int64_t>(function_count)) {
      return std::nullopt;
    }
    decoded.push_back({packed.offset(), packed.call(), function});
  }
  return decoded;
}

}  // namespace memray_mocha
