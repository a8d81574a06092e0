#ifndef NATIVE_MEMORY_EVENT_H_
#define NATIVE_MEMORY_EVENT_H_

#include <cstddef>
#include <cstdint>

#include "allocator.h"

namespace memray_mocha {

// In this order for IsNativeBegin and IsEnd.
enum class EventKind : uint8_t {
  kAllocation,
  kMapping,
  kObject,
  kDeallocation,
  kUnmapping,
  kObjectEnd
};

inline bool IsNativeBegin(EventKind kind) {
  return kind <= EventKind::kMapping;
}
inline bool IsEnd(EventKind kind) { return kind >= EventKind::kDeallocation; }

/// What a thread has done to native memory, or that an object was sampled.
struct MemoryEvent {
  EventKind kind;
  /// Of a beginning.
  Allocator allocator{};
  /// Of an end: whether a garbage collector made it.
  bool by_collector = false;
  /// Of a beginning: its call stack in the capture.
  uint32_t stack = 0;
  /// Of an object, that of its Sample.
  uintptr_t address;
  size_t size_bytes = 0;
  /// Tells the order of the events of all threads: see EventQueue.
  uint64_t turn = 0;
};

}  // namespace memray_mocha

#endif  // NATIVE_MEMORY_EVENT_H_
