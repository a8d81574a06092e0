#include "call_stack/native_call_stack.h"

#include <unwind.h>

#include <algorithm>

#include "call_stack/unwind_rule.h"
#include "fibonacci_hash.h"

namespace memray_mocha {
class NativeUnwinder::Walk {
 public:
  Walk(uintptr_t caller, uintptr_t* frames, size_t limit)
      : caller_(caller),
        frames_(frames),
        limit_(limit),
        has_left_tracker_(caller == 0) {}

  /// @return whether to go on.
  bool Add(uintptr_t address) {
    if (address == caller_) has_left_tracker_ = true;
    if (!has_left_tracker_) return true;
    if (address == 0) return false;
    frames_[count_++] = address;
    return count_ < limit_;
  }

  /// Takes the frames of one that is known.
  /// @return whether there is room for all.
  bool Take(const uintptr_t* frames, size_t count) {
    if (count >= limit_) return false;
    std::copy_n(frames, count, frames_);
    count_ = count;
    return true;
  }

  size_t Finish() {
    if (count_ == 0 && caller_ != 0) frames_[count_++] = caller_;
    return count_;
  }

  uintptr_t caller() const { return caller_; }
  const uintptr_t* frames() const { return frames_; }
  size_t count() const { return count_; }

 private:
  const uintptr_t caller_;
  uintptr_t* const frames_;
  const size_t limit_;
  size_t count_ = 0;
  bool has_left_tracker_;
};

namespace {

uintptr_t Load(uintptr_t address) {
  return *reinterpret_cast<const uintptr_t*>(address);
}

}  // namespace

bool NativeUnwinder::Step::IsSame() const {
  return Load(caller_sp - sizeof return_address) == return_address &&
         Load(saved_rbp_at) == saved_rbp;
}

size_t NativeUnwinder::Unwind(uintptr_t caller, uintptr_t* frames,
                              size_t limit) {
  Walk walk(caller, frames, limit);
  note_ = nullptr;
  if (WalkByRules(&walk)) return walk.Finish();
  // By the ABI's unwinder, which knows all that tables can say.
  Walk slow_walk(caller, frames, limit);
  _Unwind_Backtrace(
      [](_Unwind_Context* context, void* data) {
        return static_cast<Walk*>(data)->Add(_Unwind_GetIP(context))
                   ? _URC_NO_REASON
                   : _URC_END_OF_STACK;
      },
      &slow_walk);
  return slow_walk.Finish();
}

/// @return whether all rules on the way were known.
[[gnu::noinline]] bool NativeUnwinder::WalkByRules(Walk* walk) {
  Registers now;
  asm volatile("lea 0(%%rip), %0\n\tmov %%rsp, %1\n\tmov %%rbp, %2"
               : "=&r"(now.pc), "=&r"(now.sp), "=&r"(now.rbp));
  const uint64_t version = UnwindRule::Version();
  const Registers begin = now;
  KnownWalks& known_walks = KnownWalksOf(walk->caller(), now);
  for (KnownWalk& known : known_walks.walks) {
    if (known.caller == walk->caller() && known.begin == now &&
        known.version == version && known.AreWordsSame() &&
        walk->Take(known.frames, known.frame_count)) {
      note_ = &known.note;
      return true;
    }
  }
  // How many of the last walk's steps this one may come upon.
  size_t old_count = version == version_ ? step_count_ : 0;
  version_ = version;
  step_count_ = 0;
  size_t new_count = 0;
  while (true) {
    while (old_count > 0 && steps_[old_count - 1].from.sp < now.sp) --old_count;
    if (old_count > 0 && steps_[old_count - 1].from == now) {
      if (AreSame(old_count)) break;
      old_count = 0;
    }
    // The call, not what follows it, which may be another function.
    const UnwindRule rule = UnwindRule::Find(now.pc - 1);
    if (rule.kind != UnwindRule::Kind::kFrame) {
      if (rule.kind == UnwindRule::Kind::kUnknown) return false;
      old_count = 0;
      break;
    }
    const uintptr_t caller_sp =
        (rule.is_from_rbp ? now.rbp : now.sp) + rule.caller_sp;
    if (caller_sp <= now.sp || caller_sp % sizeof caller_sp != 0) return false;
    const uintptr_t return_address_at = caller_sp - sizeof now.pc;
    // Or a word that is read anyway.
    const uintptr_t saved_rbp_at =
        rule.saved_rbp == 0 ? return_address_at : caller_sp + rule.saved_rbp;
    const Step step = {now, caller_sp, Load(return_address_at), saved_rbp_at,
                       Load(saved_rbp_at)};
    if (new_count < kMaxSteps) new_steps_[new_count] = step;
    ++new_count;
    now = {step.return_address, caller_sp,
           rule.saved_rbp == 0 ? now.rbp : step.saved_rbp};
    if (!walk->Add(now.pc)) return true;
  }
  for (size_t i = old_count; i-- > 0;) {
    if (!walk->Add(steps_[i].return_address)) return true;
  }
  Keep(old_count, new_count);
  KnownWalk& oldest = known_walks.walks[known_walks.oldest++];
  known_walks.oldest %= known_walks.walks.size();
  Know(&oldest, *walk, begin);
  return true;
}

bool NativeUnwinder::KnownWalk::AreWordsSame() const {
  // Each word's place hangs on those before it: to read it without them would
  // be to read anything.
  for (size_t i = 0; i < word_count; ++i) {
    if (Load(words[i].address) != words[i].value) return false;
  }
  return true;
}

NativeUnwinder::KnownWalks& NativeUnwinder::KnownWalksOf(
    uintptr_t caller, const Registers& begin) {
  if (!known_walks_) {
    known_walks_ = std::make_unique<decltype(known_walks_)::element_type>();
  }
  const uintptr_t key = caller ^ begin.sp << 32 ^ begin.rbp << 16;
  return (*known_walks_)[FibonacciHash(key, kKnownWalksBits)];
}

/// Takes note of the walk just taken, which is in steps_ as well.
void NativeUnwinder::Know(KnownWalk* known, const Walk& walk,
                          const Registers& begin) {
  if (step_count_ == 0 || step_count_ * 2 > KnownWalk::kMaxWords ||
      walk.count() > KnownWalk::kMaxKnownFrames) {
    return;
  }
  known->caller = walk.caller();
  known->begin = begin;
  known->version = version_;
  known->note = {};
  note_ = &known->note;
  known->frame_count = walk.count();
  std::copy_n(walk.frames(), walk.count(), known->frames);
  known->word_count = 0;
  for (size_t i = step_count_; i-- > 0;) {
    const Step& step = steps_[i];
    const uintptr_t at = step.caller_sp - sizeof step.return_address;
    known->words[known->word_count++] = {at, step.return_address};
    if (step.saved_rbp_at != at)
      known->words[known->word_count++] = {step.saved_rbp_at, step.saved_rbp};
  }
}

/// @param count of the last walk's steps, outermost first. The walk under way
/// is where the innermost of them was, so that it would read the same words;
/// and if these are the same it would be where the next one was.
bool NativeUnwinder::AreSame(size_t count) const {
  while (count > 0 && steps_[count - 1].IsSame()) --count;
  return count == 0;
}

/// Puts the steps just taken in the place of the last walk's that were not the
/// same.
void NativeUnwinder::Keep(size_t same_count, size_t new_count) {
  if (same_count + new_count > kMaxSteps) return;
  step_count_ = same_count;
  while (new_count > 0) steps_[step_count_++] = new_steps_[--new_count];
}

}  // namespace memray_mocha
