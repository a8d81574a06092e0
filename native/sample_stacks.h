#ifndef NATIVE_SAMPLE_STACKS_H_
#define NATIVE_SAMPLE_STACKS_H_

#include <algorithm>
#include <cstdint>
#include <utility>
#include <vector>

namespace memray_mocha {

/// The call stacks of sampled objects, by the number V8 gives a sample: they
/// count up from 0. Four bytes for each that was taken since V8's live samples
/// were last looked at; before that, 16 for each that was live.
class SampleStacks {
 public:
  /// For a sample that is not the program's.
  static constexpr uint32_t kNone = UINT32_MAX;

  void Add(uint32_t stack) { new_.push_back(stack); }

  /// @return kNone also for a sample that was not added.
  uint32_t Get(uint64_t number) const {
    if (number >= first_new_) {
      const uint64_t index = number - first_new_;
      return index < new_.size() ? new_[index] : kNone;
    }
    const auto found =
        std::lower_bound(old_.begin(), old_.end(), Numbered{number, 0});
    return found != old_.end() && found->first == number ? found->second
                                                         : kNone;
  }

  /// Forgets all samples but these, which are the live ones. Numbers go on
  /// behind the last of them that V8 took without it being added.
  void KeepOnly(const std::vector<uint64_t>& numbers) {
    uint64_t next = first_new_ + new_.size();
    std::vector<Numbered> kept;
    for (const uint64_t number : numbers) {
      next = std::max(next, number + 1);
      const uint32_t stack = Get(number);
      if (stack != kNone) kept.emplace_back(number, stack);
    }
    std::sort(kept.begin(), kept.end());
    kept.shrink_to_fit();
    old_ = std::move(kept);
    new_ = {};
    first_new_ = next;
  }

  /// Whether so many were added that it is worth a look which are live.
  bool IsCrowded() const {
    constexpr size_t kMinCrowd = size_t{1} << 20;
    return new_.size() >= std::max(kMinCrowd, old_.size());
  }

  void Clear() { *this = SampleStacks(); }

 private:
  using Numbered = std::pair<uint64_t, uint32_t>;

  std::vector<Numbered> old_;  // in the order of numbers
  std::vector<uint32_t> new_;
  uint64_t first_new_ = 0;
};

}  // namespace memray_mocha

#endif  // NATIVE_SAMPLE_STACKS_H_
