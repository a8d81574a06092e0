#include "sampler_calibration.h"

#include <pthread.h>
#include <sys/resource.h>

#include <algorithm>
#include <cstdlib>
#include <map>
#include <set>
#include <utility>

#include "interposition/listener.h"
#include "js_heap/object_sampler.h"
#include "notices.h"

namespace memray_mocha {
namespace {

using object_sampler::Stacks;

/// For tests.
constexpr const char* kForceFunctionLevel = "MEMRAY_MOCHA_FORCE_FUNCTION_LEVEL";

/// @return the addresses to reserve for samples: more than there is memory for,
/// but where the program may have few (`ulimit -v`), a sixteenth of those.
size_t FindRangeBytes() {
  constexpr rlim_t kMostBytes = rlim_t{64} << 30;
  constexpr rlim_t kUnitBytes = SampleMemory::kRangeUnitBytes;
  rlimit limit;
  getrlimit(RLIMIT_AS, &limit);
  return std::min(limit.rlim_cur / 16 / kUnitBytes * kUnitBytes, kMostBytes);
}

/// Counts this thread's calls of operator new by who calls and how much is
/// asked for, and what it frees.
class OperatorNewCounter final : public AllocationListener {
 public:
  /// The blocks, in their order.
  using Calls = std::map<std::pair<uintptr_t, size_t>, std::vector<uintptr_t>>;

  OperatorNewCounter() { allocation_listener = this; }
  void Finish() { allocation_listener = nullptr; }

  void OnAllocation(uintptr_t address, size_t size_bytes, Allocator allocator,
                    uintptr_t caller) override {
    // Other threads must not touch the map.
    if (allocator == Allocator::kOperatorNew && pthread_self() == thread_)
      calls[{caller, size_bytes}].push_back(address);
  }
  void OnDeallocation(uintptr_t address, uintptr_t) override {
    if (pthread_self() == thread_) freed.insert(address);
  }
  void OnMapping(uintptr_t, size_t, Allocator, uintptr_t) override {}
  void OnUnmapping(uintptr_t, size_t) override {}

  Calls calls;
  std::set<uintptr_t> freed;

 private:
  const pthread_t thread_ = pthread_self();
};

/// @param action is given the calls so far.
template <typename Action>
const OperatorNewCounter& CountDuring(Action action) {
  // Leaked on purpose: another thread may be in a hook still when this returns.
  auto& counter = *new OperatorNewCounter;
  action(std::as_const(counter.calls));
  counter.Finish();
  return counter;
}

SamplerSites Find() {
  // Enough for the sampler's hash table to grow some times, which is its third
  // site, and to need more handles than V8 allocates at once, which is its
  // fourth: so there must be none left.
  constexpr size_t kObjects = 500;
  const auto allocate = [](const auto&) {
    object_sampler::AllocateObjects(kObjects);
  };
  const auto& without = CountDuring(allocate).calls;
  std::shared_ptr<void> handles;
  CountDuring([&](const auto& calls) {
    handles = object_sampler::TakeFreeHandles([&] { return !calls.empty(); });
  });
  object_sampler::Start(1, Stacks::kNone);
  const OperatorNewCounter& sampled = CountDuring(allocate);
  SamplerSites sites;
  std::vector<uintptr_t> samples;
  for (const auto& [call, blocks] : sampled.calls) {
    if (without.contains(call)) continue;
    const auto [caller, size_bytes] = call;
    sites.own.push_back(caller);
    if (blocks.size() < kObjects) continue;
    if (size_bytes == Sample::kBlockBytes) {
      // Two candidates are none: a wrong one would blame wrong lines.
      sites.sample = sites.sample == 0 ? caller : UINTPTR_MAX;
      samples = blocks;
    } else if (size_bytes <= SampleMemory::kEntryBytes) {
      sites.entry = caller;
      sites.entry_bytes = size_bytes;
    }
  }
  const auto& freed = CountDuring([&](const auto&) {
                        sites.block = SampleBlock(samples);
                        object_sampler::Stop();
                      }).freed;
  const bool are_freed =
      std::all_of(samples.begin(), samples.end(), [&](uintptr_t block) {
        return sampled.freed.contains(block) || freed.contains(block);
      });
  if (sites.sample != UINTPTR_MAX && sites.block.IsKnown() && are_freed &&
      !std::getenv(kForceFunctionLevel)) {
    sites.memory = SampleMemory::Reserve(FindRangeBytes());
    if (sites.memory) return sites;
    notices::too_few_addresses.Raise();
  } else {
    notices::sampler_unknown.Raise();
  }
  sites.sample = 0;
  // Its call stacks are bookkeeping, too.
  object_sampler::Start(1, Stacks::kFunctions);
  const auto& with_stacks = CountDuring(allocate).calls;
  object_sampler::Stop();
  for (const auto& [call, blocks] : with_stacks) {
    if (!without.contains(call)) sites.own.push_back(call.first);
  }
  return sites;
}

}  // namespace

const SamplerSites& FindSamplerSites() {
  // Never destroyed: hooks look at it until the process ends.
  static const SamplerSites& sites = *new SamplerSites(Find());
  return sites;
}

}  // namespace memray_mocha
