#ifndef NATIVE_TEST_RECORDING_LISTENER_H_
#define NATIVE_TEST_RECORDING_LISTENER_H_

#include <ostream>
#include <vector>

#include "interposition/installer.h"
#include "interposition/listener.h"

namespace memray_mocha::test {

/// What a listener was told.
struct Event {
  enum Kind { kAllocation, kDeallocation, kMapping, kUnmapping };

  Kind kind;
  uintptr_t address;
  size_t size_bytes;
  Allocator allocator;
  uintptr_t caller = 0;  // not compared

  bool operator==(const Event& other) const {
    return kind == other.kind && address == other.address &&
           size_bytes == other.size_bytes && allocator == other.allocator;
  }
};

using Events = std::vector<Event>;

inline std::ostream& operator<<(std::ostream& out, const Events& events) {
  constexpr const char* kNames[] = {"allocation", "deallocation", "mapping",
                                    "unmapping"};
  out << events.size() << " events:";
  for (const Event& event : events) {
    out << ' ' << kNames[event.kind] << '(' << std::hex << event.address
        << std::dec << ", " << event.size_bytes << ", "
        << static_cast<int>(event.allocator) << ')';
  }
  return out;
}

inline Event Allocation(const void* address, size_t size, Allocator allocator) {
  return {Event::kAllocation, reinterpret_cast<uintptr_t>(address), size,
          allocator};
}
inline Event Deallocation(const void* address) {
  return {Event::kDeallocation, reinterpret_cast<uintptr_t>(address), 0, {}};
}
inline Event Mapping(const void* address, size_t size, Allocator allocator) {
  return {Event::kMapping, reinterpret_cast<uintptr_t>(address), size,
          allocator};
}
inline Event Unmapping(const void* address, size_t size) {
  return {Event::kUnmapping, reinterpret_cast<uintptr_t>(address), size, {}};
}

/// Remembers what it is told. For one thread.
class RecordingListener final : public AllocationListener {
 public:
  void OnAllocation(uintptr_t address, size_t size, Allocator allocator,
                    uintptr_t caller) override {
    events.push_back({Event::kAllocation, address, size, allocator, caller});
  }
  void OnDeallocation(uintptr_t address, uintptr_t) override {
    events.push_back({Event::kDeallocation, address, 0, {}});
  }
  void OnMapping(uintptr_t address, size_t size, Allocator allocator,
                 uintptr_t caller) override {
    events.push_back({Event::kMapping, address, size, allocator, caller});
  }
  void OnUnmapping(uintptr_t address, size_t size) override {
    events.push_back({Event::kUnmapping, address, size, {}});
  }
  void OnLibrary() override { ++library_changes; }

  Events events;
  int library_changes = 0;
};

/// @return what a listener is told while `action` runs with the hooks in place.
/// `action` itself must not allocate: the program is not patched, but libstdc++
/// is.
template <typename Action>
Events Record(Action action) {
  RecordingListener listener;
  installer::Install();
  allocation_listener = &listener;
  action();
  allocation_listener = nullptr;
  return std::move(listener.events);
}

}  // namespace memray_mocha::test

#endif  // NATIVE_TEST_RECORDING_LISTENER_H_
