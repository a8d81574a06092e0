#ifndef NATIVE_LIVE_SAMPLES_H_
#define NATIVE_LIVE_SAMPLES_H_

#include <algorithm>
#include <cmath>
#include <cstddef>
#include <cstdint>
#include <map>
#include <vector>

namespace memray_mocha {

/// What a sampled object stands for.
struct SampledMemory {
  uint64_t bytes = 0;
  double objects = 0;
};

/// What of a sampled object V8 may make smaller: itself, or an array's
/// elements.
struct ShrinkingPart {
  uint32_t words = 0;
  uint16_t type = 0;  // as V8 numbers them
};

/// A sampled object: the block in which V8's sampler notes it and, behind that,
/// what we do.
struct Sample {
  static constexpr size_t kBlockBytes = 40;
  /// Of an object that is not the program's.
  static constexpr uint32_t kNoStack = UINT32_MAX;

  std::byte block[kBlockBytes];
  uint32_t stack;
  /// Which of the program's calls allocated it, as far as they can be told
  /// apart: later ones have larger numbers.
  uint32_t call;
  /// Counted as live.
  uint64_t live_bytes : 48;
  uint64_t part_type : 16;
  float live_objects;
  uint32_t part_words;

  ShrinkingPart part() const {
    return {part_words, static_cast<uint16_t>(part_type)};
  }
  void SetPart(const ShrinkingPart& part) {
    part_words = part.words;
    part_type = part.type;
  }
};
static_assert(sizeof(Sample) == 64);

/// The sums of what live samples stand for, and dead ones. For one thread.
class LiveSamples {
 public:
  using ByStack = std::map<uint32_t, SampledMemory>;

  /// Counts a sample as live, if it is the program's.
  /// @param dropped_bytes what of it is garbage from the start.
  void Add(Sample* sample, const SampledMemory& memory,
           uint64_t dropped_bytes) {
    variance_ += VarianceOf(memory);
    sample->live_bytes = 0;
    if (sample->stack == Sample::kNoStack) {
      dead_bytes_ += memory.bytes;
      return;
    }
    sample->live_bytes = memory.bytes - dropped_bytes;
    sample->live_objects = static_cast<float>(memory.objects);
    dead_bytes_ += dropped_bytes;
    live_bytes_ += sample->live_bytes;
    Show(*sample);
  }

  /// Counts one that was added as dead.
  void Remove(const Sample& sample) {
    if (sample.stack == Sample::kNoStack) return;
    live_bytes_ -= sample.live_bytes;
    dead_bytes_ += sample.live_bytes;
    Hide(sample);
  }

  /// Counts a part of one that was added as dead.
  /// @param dropped_bytes what the sample stands for, of that part.
  void Shorten(Sample* sample, uint64_t dropped_bytes) {
    Remove(*sample);
    const uint64_t dropped =
        std::min<uint64_t>(dropped_bytes, sample->live_bytes);
    sample->live_bytes -= dropped;
    if (sample->live_bytes == 0) sample->live_objects = 0;
    dead_bytes_ -= sample->live_bytes;
    live_bytes_ += sample->live_bytes;
    Show(*sample);
  }

  /// Counts one that was not added as dead.
  void AddDead(const SampledMemory& memory) {
    variance_ += VarianceOf(memory);
    dead_bytes_ += memory.bytes;
  }

  /// Takes a live one off the sum of its call stack, for a while.
  void Hide(const Sample& sample) {
    SampledMemory& live = SumToChange(sample.stack).live;
    live.bytes -= sample.live_bytes;
    live.objects -= sample.live_objects;
  }
  /// Puts it back.
  void Show(const Sample& sample) {
    SampledMemory& live = SumToChange(sample.stack).live;
    live.bytes += sample.live_bytes;
    live.objects += sample.live_objects;
  }

  /// Forgets all samples: nothing of them is live.
  void Clear() {
    live_bytes_ = dead_bytes_ = 0;
    variance_ = 0;
    SetSums({});
  }

  /// In place of what samples say.
  void SetSums(const ByStack& sums) {
    for (Sum& sum : sums_) {
      if (sum.live.bytes > 0) SumToChange(sum.stack).live = {};
    }
    for (const auto& [stack, memory] : sums) SumToChange(stack).live = memory;
  }

  uint64_t live_bytes() const { return live_bytes_; }
  uint64_t dead_bytes() const { return dead_bytes_; }
  /// How far chance has the sum of the live and the dead off: large objects are
  /// nearly all among the samples.
  double StandardError() const { return std::sqrt(variance_); }

  /// Calls `visit(stack, bytes, objects)` for each call stack of which
  /// something else is live than the last time.
  template <typename Visit>
  void TakeChanges(Visit visit) {
    for (const uint32_t index : changed_) {
      Sum& sum = sums_[index];
      sum.is_changed = false;
      const auto objects = static_cast<uint64_t>(sum.live.objects + 0.5);
      if (sum.live.bytes == sum.taken_bytes && objects == sum.taken_objects)
        continue;
      sum.taken_bytes = sum.live.bytes;
      sum.taken_objects = objects;
      visit(sum.stack, sum.live.bytes, objects);
    }
    changed_.clear();
  }

 private:
  struct Sum {
    uint32_t stack;
    bool is_changed = false;
    SampledMemory live;
    // By TakeChanges.
    uint64_t taken_bytes = 0;
    uint64_t taken_objects = 0;
  };

  /// That of an estimate by whether an object was sampled, as Horvitz and
  /// Thompson have it: it was with a probability of one to those it stands for.
  static double VarianceOf(const SampledMemory& memory) {
    const auto bytes = static_cast<double>(memory.bytes);
    return bytes * bytes * (1 - 1 / memory.objects);
  }

  Sum& SumToChange(uint32_t stack) {
    if (stack >= sum_numbers_.size()) sum_numbers_.resize(stack + 1);
    uint32_t& number = sum_numbers_[stack];
    if (number == 0) {
      sums_.push_back({.stack = stack, .live = {}});
      number = static_cast<uint32_t>(sums_.size());
    }
    Sum& sum = sums_[number - 1];
    if (!sum.is_changed) {
      sum.is_changed = true;
      changed_.push_back(number - 1);
    }
    return sum;
  }

  std::vector<Sum> sums_;
  /// By call stack, of which few have sums; counted from 1, 0 for none.
  std::vector<uint32_t> sum_numbers_;
  std::vector<uint32_t> changed_;  // by index in sums_
  uint64_t live_bytes_ = 0;
  uint64_t dead_bytes_ = 0;
  double variance_ = 0;
};

}  // namespace memray_mocha

#endif  // NATIVE_LIVE_SAMPLES_H_
