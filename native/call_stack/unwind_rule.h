#ifndef NATIVE_CALL_STACK_UNWIND_RULE_H_
#define NATIVE_CALL_STACK_UNWIND_RULE_H_

#include <array>
#include <atomic>
#include <cstddef>
#include <cstdint>

namespace memray_mocha {

/// How to get from a frame of native code to its caller's, as far as it takes
/// to follow return addresses: the part of the code's unwind tables that tells
/// of rsp and rbp. Distances are in bytes.
struct UnwindRule {
  enum class Kind : uint8_t {
    kUnknown,  // the tables say it in a way that is not read here
    kEnd,      // a thread begins here, or there are no tables
    kFrame,
  };

  Kind kind = Kind::kUnknown;
  /// Whether the caller's rsp is found from rbp, or else from rsp.
  bool is_from_rbp = false;
  /// From there to the caller's rsp, below which is the return address.
  int32_t caller_sp = 0;
  /// From the caller's rsp to where its rbp was saved; 0 when it was not.
  int32_t saved_rbp = 0;

  /// Reads the rule for an address of an instruction. Remembers it, for all
  /// threads and without a lock.
  static UnwindRule Find(uintptr_t pc) {
    const uint64_t entry =
        known_[pc % known_.size()].load(std::memory_order_relaxed);
    if (entry >> kTagShift != pc >> kIndexBits) [[unlikely]]
      return Read(pc);
    return {static_cast<Kind>(entry >> kKindShift & 3),
            (entry >> kFromRbpShift & 1) != 0,
            static_cast<int32_t>(entry >> kCallerSpShift & kMaxCallerSp) * 8,
            static_cast<int32_t>(entry & kMaxSavedRbp) * -8};
  }
  /// To be called when an address may have come to be other code.
  static void ForgetAll();
  /// @return how often that was: as long as it is the same, so are all rules.
  static uint64_t Version() { return version_.load(std::memory_order_acquire); }

 private:
  static constexpr int kIndexBits = 12;
  static constexpr int kTagShift = 29;
  static constexpr int kKindShift = 27;
  static constexpr int kFromRbpShift = 26;
  static constexpr int kCallerSpShift = 9;
  static constexpr int64_t kMaxCallerSp = 0xFFFF;
  static constexpr int64_t kMaxSavedRbp = 0x1FF;

  /// @return the rule as Find gives it back: unknown when it does not fit.
  static UnwindRule Read(uintptr_t pc);

  // By the lower bits of their address: an entry is one word, so that no thread
  // can see half of one.
  //
  //     63          29 28    27 26       25   24        9 8         0
  //     | address >> 12 | kind  | from rbp | caller_sp/8 | -saved_rbp/8 |
  static inline constinit std::array<std::atomic<uint64_t>,
                                     size_t{1} << kIndexBits>
      known_{};
  static inline constinit std::atomic<uint64_t> version_{1};
};

}  // namespace memray_mocha

#endif  // NATIVE_CALL_STACK_UNWIND_RULE_H_
