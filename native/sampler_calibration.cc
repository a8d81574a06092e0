#include "sampler_calibration.h"

#include <pthread.h>

#include <map>
#include <utility>

#include "interposition/listener.h"
#include "js_heap/object_sampler.h"

namespace memray_mocha {
namespace {

/// Counts this thread's calls of operator new by who calls and how much is
/// asked for.
class OperatorNewCounter final : public AllocationListener {
 public:
  /// The blocks, in their order.
  using Calls = std::map<std::pair<uintptr_t, size_t>, std::vector<uintptr_t>>;

  OperatorNewCounter() { allocation_listener = this; }
  Calls Finish() {
    allocation_listener = nullptr;
    return std::move(calls_);
  }

  void OnAllocation(uintptr_t address, size_t size_bytes, Allocator allocator,
                    uintptr_t caller) override {
    // Other threads must not touch the map.
    if (allocator == Allocator::kOperatorNew && pthread_self() == thread_)
      calls_[{caller, size_bytes}].push_back(address);
  }
  void OnDeallocation(uintptr_t) override {}
  void OnMapping(uintptr_t, size_t, Allocator, uintptr_t) override {}
  void OnUnmapping(uintptr_t, size_t) override {}

 private:
  const pthread_t thread_ = pthread_self();
  Calls calls_;
};

OperatorNewCounter::Calls CountWhileAllocating(size_t objects) {
  // Leaked on purpose: another thread may be in a hook still when this returns.
  auto& counter = *new OperatorNewCounter;
  object_sampler::AllocateObjects(objects);
  return counter.Finish();
}

SamplerSites Find() {
  // Enough for the sampler's hash table to grow some times, which is its third
  // site.
  constexpr size_t kObjects = 500;
  const auto without = CountWhileAllocating(kObjects);
  object_sampler::Start(1);
  const auto with = CountWhileAllocating(kObjects);
  SamplerSites sites;
  for (const auto& [call, blocks] : with) {
    if (without.contains(call)) continue;
    const auto [caller, size_bytes] = call;
    sites.own.push_back(caller);
    if (size_bytes != object_sampler::kSampleBytes || blocks.size() < kObjects)
      continue;
    // Two candidates are none: a wrong one would blame wrong lines.
    sites.sample = sites.sample == 0 ? caller : UINTPTR_MAX;
    sites.block = SampleBlock(blocks);
  }
  object_sampler::Stop();
  if (sites.sample == UINTPTR_MAX) sites.sample = 0;
  return sites;
}

}  // namespace

const SamplerSites& FindSamplerSites() {
  // Never destroyed: hooks look at it until the process ends.
  static const SamplerSites& sites = *new SamplerSites(Find());
  return sites;
}

}  // namespace memray_mocha
