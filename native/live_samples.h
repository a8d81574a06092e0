#ifndef NATIVE_LIVE_SAMPLES_H_
#define NATIVE_LIVE_SAMPLES_H_

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <utility>
#include <vector>

namespace memray_mocha {

/// What a sampled object stands for.
struct SampledMemory {
  uint64_t bytes = 0;
  double objects = 0;
};

/// A sampled object: the block in which V8's sampler notes it and, behind that,
/// what we do.
struct Sample {
  static constexpr size_t kBlockBytes = 40;
  /// Of an object that is not the program's.
  static constexpr uint32_t kNoStack = UINT32_MAX;

  std::byte block[kBlockBytes];
  uint32_t stack;
  /// While this is the recording's, it may stand among held events.
  uint32_t stretch;
  /// Counted as live.
  SampledMemory live;
};

/// The sums of what live samples stand for, and dead ones. For one thread.
class LiveSamples {
 public:
  /// Sorted by call stack; each is there once, and only if it has bytes.
  using ByStack = std::vector<std::pair<uint32_t, SampledMemory>>;

  /// Takes a part of what a call stack has off its sum, which stays there when
  /// nothing is left.
  static void Subtract(ByStack* sums, uint32_t stack,
                       const SampledMemory& memory) {
    const auto sum = std::lower_bound(
        sums->begin(), sums->end(), stack,
        [](const auto& each, uint32_t key) { return each.first < key; });
    if (sum == sums->end() || sum->first != stack) return;
    sum->second.bytes -= memory.bytes;
    sum->second.objects -= memory.objects;
  }

  /// Counts a sample as live, if it is the program's.
  /// @param dropped_bytes what of it is garbage from the start.
  void Add(Sample* sample, const SampledMemory& memory,
           uint64_t dropped_bytes) {
    sample->live = {};
    if (sample->stack == Sample::kNoStack) {
      dead_bytes_ += memory.bytes;
      return;
    }
    sample->live = {memory.bytes - dropped_bytes, memory.objects};
    dead_bytes_ += dropped_bytes;
    live_bytes_ += sample->live.bytes;
    if (sample->stack >= by_stack_.size()) by_stack_.resize(sample->stack + 1);
    SampledMemory& sum = by_stack_[sample->stack];
    sum.bytes += sample->live.bytes;
    sum.objects += sample->live.objects;
  }

  /// Counts one that was added as dead.
  void Remove(const Sample& sample) {
    if (sample.stack == Sample::kNoStack) return;
    live_bytes_ -= sample.live.bytes;
    dead_bytes_ += sample.live.bytes;
    SampledMemory& sum = by_stack_[sample.stack];
    sum.bytes -= sample.live.bytes;
    sum.objects -= sample.live.objects;
  }

  /// Counts one that was not added as dead.
  void AddDead(const SampledMemory& memory) { dead_bytes_ += memory.bytes; }

  void Clear() { *this = LiveSamples(); }

  uint64_t live_bytes() const { return live_bytes_; }
  uint64_t dead_bytes() const { return dead_bytes_; }
  ByStack SumByStack() const {
    ByStack sums;
    for (uint32_t stack = 0; stack < by_stack_.size(); ++stack) {
      if (by_stack_[stack].bytes > 0)
        sums.emplace_back(stack, by_stack_[stack]);
    }
    return sums;
  }

 private:
  std::vector<SampledMemory> by_stack_;
  uint64_t live_bytes_ = 0;
  uint64_t dead_bytes_ = 0;
};

}  // namespace memray_mocha

#endif  // NATIVE_LIVE_SAMPLES_H_
