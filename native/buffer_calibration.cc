#include "buffer_calibration.h"

#include <atomic>

#include "interposition/listener.h"

namespace memray_mocha {
namespace {

class FreeCallListener final : public AllocationListener {
 public:
  void Await(uintptr_t address) { address_ = address; }
  uintptr_t caller() const { return caller_; }

  void OnDeallocation(uintptr_t address, uintptr_t caller) override {
    uintptr_t awaited = address;
    if (address_.compare_exchange_strong(awaited, 0)) caller_ = caller;
  }
  void OnAllocation(uintptr_t, size_t, Allocator, uintptr_t) override {}
  void OnMapping(uintptr_t, size_t, Allocator, uintptr_t) override {}
  void OnUnmapping(uintptr_t, size_t) override {}

 private:
  std::atomic<uintptr_t> address_{0};
  std::atomic<uintptr_t> caller_{0};
};

uintptr_t Find(const heap::ProgramFlags& program_flags) {
  using heap::Collection;
  // Leaked on purpose: another thread may be in a hook still when this returns.
  auto& listener = *new FreeCallListener;
  allocation_listener = &listener;
  listener.Await(heap::DropArrayBuffer());
  // The first one will do, but for flags that leave out young generations.
  for (const auto kind : {Collection::kYoung, Collection::kFull}) {
    if (listener.caller() == 0) heap::Collect(kind, program_flags);
  }
  allocation_listener = nullptr;
  return listener.caller();
}

}  // namespace

uintptr_t FindBufferFreer(const heap::ProgramFlags& program_flags) {
  static const uintptr_t caller = Find(program_flags);
  return caller;
}

}  // namespace memray_mocha
