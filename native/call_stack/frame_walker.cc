#include "call_stack/frame_walker.h"

#include <v8-internal.h>

#include <algorithm>
#include <utility>

#include "fibonacci_hash.h"

namespace memray_mocha {
namespace {

/// JIT compiled code is made again and again at new addresses.
constexpr size_t kMaxKnownFrames = size_t{64} << 10;
constexpr uint32_t kMaxCheckDistance = 16384;
constexpr int kSmiShift = 32;
constexpr size_t kComparedAtOnce = 4;

}  // namespace

FrameWalker::FrameWalker(const FrameLayout* layout, uintptr_t isolate,
                         uintptr_t stack_end, std::shared_ptr<Learnt> learnt)
    : layout_(stack_end == 0 ? nullptr : layout),
      isolate_(isolate),
      stack_end_(stack_end),
      learnt_(std::move(learnt)) {}

FrameWalker::Result FrameWalker::Walk(uintptr_t sp, void** frames, size_t limit,
                                      size_t* count) {
  same_steps_ = is_whole_ ? CountSameSteps() : 0;
  if (step_count_ > 0 && *count > 0) frames[*count - 1] = innermost_;
  void* inner[kMaxFrames];
  uint32_t& written = new_frame_count_;
  bool is_known = true;
  Frame callee{};
  interpreter_.reset();
  innermost_function_ = 0;
  const bool is_followed = VisitFrames(sp, [&](const Frame& frame) {
    const Kind kind = KindOf(frame);
    if (written == 0 && kind == Kind::kBytecode && callee.pointer != 0 &&
        !frame.is_below_cpp) {
      interpreter_ = {callee.pointer, callee.pc,
                      *At<uintptr_t>(frame.pointer + layout_->bytecode_array)};
    }
    callee = frame;
    if (kind == Kind::kUnknown) return is_known = false;
    if (kind == Kind::kNone) return true;
    if (written == 0) innermost_function_ = frame.pointer + layout_->function;
    if (kind == Kind::kBytecode)
      Watch(frame.pointer + layout_->bytecode_offset);
    inner[written++] = kind == Kind::kBytecode
                           ? PlaceInBytecode(frame)
                           : reinterpret_cast<void*>(frame.pc);
    return written < limit;
  });
  if (!is_followed || !is_known) {
    Forget();
    return Result::kUnknown;
  }
  const size_t outer = same_steps_ == 0 ? 0 : steps_[same_steps_ - 1].frames;
  if (written + outer > limit) {
    Forget();
    return Walk(sp, frames, limit, count);
  }
  std::reverse_copy(inner, inner + written, frames + outer);
  *count = outer + written;
  if (written > 0) innermost_ = inner[0];
  KeepWalk();
  return Result::kWalked;
}

void FrameWalker::Learn(uintptr_t sp, void* const* frames, size_t count,
                        bool is_whole,
                        const std::function<bool(void*)>& is_code) {
  struct Lesson {
    Frame frame;
    Kind kind;
  };
  std::vector<Lesson> lessons;
  size_t matched = 0;
  bool is_clear = true;
  Forget();
  const bool is_followed = VisitFrames(sp, [&](const Frame& frame) {
    if (matched == count && !is_whole) return false;
    const auto kind_of_next = [&] {
      if (matched == count) return Kind::kNone;
      if (frames[matched] == reinterpret_cast<void*>(frame.pc))
        return Kind::kMachineCode;
      return frames[matched] == PlaceInBytecode(frame) ? Kind::kBytecode
                                                       : Kind::kNone;
    };
    Kind kind = kind_of_next();
    if (kind == Kind::kNone && frame.is_below_cpp && matched < count &&
        !is_code(frames[matched])) {
      ++matched;
      kind = kind_of_next();
    }
    if (kind != Kind::kNone) ++matched;
    lessons.push_back({frame, kind});
    return is_clear = kind != Kind::kNone || !IsFunction(frame);
  });
  if (!is_followed || !is_clear || matched != count) return;
  for (const auto& [frame, kind] : lessons) {
    const Kind known = Find(frame).kind;
    if (known == Kind::kUnknown) {
      Remember(frame, kind);
    } else if (known != kind) {
      return Fail();
    }
  }
}

void FrameWalker::PutOffCheck() {
  if (learnt_->check_distance < kMaxCheckDistance) learnt_->check_distance *= 2;
  // Not in step with a loop of the program's.
  learnt_->until_check = learnt_->check_distance + learnt_->count % 7;
}

/// Once there is a frame, ends where the last walk's way begins that is as it
/// was: `same_steps_` is how many steps that still has, 0 for none.
template <typename Visit>
bool FrameWalker::VisitFrames(uintptr_t sp, Visit visit) {
  new_watched_count_ = new_step_count_ = new_frame_count_ = 0;
  is_whole_ = true;
  last_exit_frame_ = *At<uintptr_t>(isolate_ + layout_->exit_frame);
  last_fast_caller_ = ReadFastCaller();
  auto [caller, pc] = last_fast_caller_;
  uintptr_t frame = caller != 0 ? 0 : last_exit_frame_;
  if (caller == 0 && !IsOnStack(frame, sp)) return false;
  bool is_below_cpp = false;
  while (new_step_count_ < kMaxSteps) {
    if (new_frame_count_ > 0 && IsOnLastWay(frame, is_below_cpp)) return true;
    new_steps_[new_step_count_++] = {frame, is_below_cpp, new_watched_count_,
                                     new_frame_count_};
    if (frame != 0) {
      Watch(frame);
      caller = *At<uintptr_t>(frame);
      pc = *At<uintptr_t>(frame + sizeof frame);
    }
    if (!IsOnStack(caller, std::max(frame, sp))) return false;
    const uint64_t type = *At<uint64_t>(caller + layout_->context_or_type);
    if (IsSmi(type)) Watch(caller + layout_->context_or_type);
    if (type == layout_->entry || type == layout_->construct_entry) {
      Watch(caller + layout_->outer_exit_frame);
      frame = *At<uintptr_t>(caller + layout_->outer_exit_frame);
      if (frame == 0) {
        same_steps_ = 0;
        return true;
      }
      if (!IsOnStack(frame, caller)) return false;
      is_below_cpp = true;
    } else if (visit({caller, pc, type, is_below_cpp})) {
      frame = caller;
      is_below_cpp = false;
    } else {
      is_whole_ = false;
      same_steps_ = 0;
      return true;
    }
  }
  return false;
}

bool FrameWalker::IsOnLastWay(uintptr_t frame, bool is_below_cpp) {
  while (same_steps_ > 0 && steps_[same_steps_ - 1].frame < frame)
    --same_steps_;
  return same_steps_ > 0 && steps_[same_steps_ - 1].frame == frame &&
         steps_[same_steps_ - 1].is_below_cpp == is_below_cpp;
}

/// Puts the steps just taken in the place of the last walk's that were not the
/// same.
void FrameWalker::KeepWalk() {
  step_count_ = same_steps_;
  Step total =
      step_count_ == 0 ? Step{0, false, 0, 0} : steps_[step_count_ - 1];
  uint32_t watched_end = new_watched_count_;
  uint32_t frames_end = new_frame_count_;
  if (step_count_ + new_step_count_ > kMaxSteps) return Forget();
  for (size_t i = new_step_count_; i-- > 0;) {
    const Step& step = new_steps_[i];
    for (uint32_t word = step.watched; word < watched_end; ++word)
      watched_[total.watched++] = new_watched_[word];
    total = {step.frame, step.is_below_cpp, total.watched,
             total.frames + frames_end - step.frames};
    steps_[step_count_++] = total;
    watched_end = step.watched;
    frames_end = step.frames;
  }
  watched_count_ = total.watched;
  FillUpWatched();
}

/// To a multiple of kComparedAtOnce, with what is watched anyway.
void FrameWalker::FillUpWatched() {
  static_assert(kMaxSteps * kMaxWatchedByStep % kComparedAtOnce == 0);
  if (watched_count_ == 0) return;
  for (size_t i = watched_count_; i % kComparedAtOnce != 0; ++i)
    watched_[i] = watched_[watched_count_ - 1];
}

bool FrameWalker::IsSameAsLast() const {
  if (watched_count_ == 0 ||
      *At<uintptr_t>(isolate_ + layout_->exit_frame) != last_exit_frame_ ||
      ReadFastCaller() != last_fast_caller_) {
    return false;
  }
  // The innermost frames come last, and differ most often.
  size_t i = (watched_count_ - 1) / kComparedAtOnce * kComparedAtOnce;
  while (AreSeveralSame(&watched_[i])) {
    if (i == 0) return true;
    i -= kComparedAtOnce;
  }
  return false;
}

/// @param words kComparedAtOnce of them.
bool FrameWalker::AreSeveralSame(const WatchedWords* words) {
  __m128i are_same = _mm_set1_epi8(-1);
#pragma GCC unroll kComparedAtOnce
  for (size_t i = 0; i < kComparedAtOnce; ++i)
    are_same = _mm_and_si128(are_same, words[i].Compare());
  return _mm_movemask_epi8(are_same) == kAllSame;
}

/// @return how many steps, from the outermost on, saw what is there now.
size_t FrameWalker::CountSameSteps() const {
  size_t words = 0;
  while (words + kComparedAtOnce <= watched_count_ &&
         AreSeveralSame(&watched_[words])) {
    words += kComparedAtOnce;
  }
  while (words < watched_count_ && watched_[words].AreSame()) ++words;
  const auto different = std::upper_bound(
      steps_.begin(), steps_.begin() + step_count_, words,
      [](size_t same, const Step& step) { return same < step.watched; });
  return different - steps_.begin();
}

FrameWalker::FastCaller FrameWalker::ReadFastCaller() const {
  const auto frame = *At<uintptr_t>(isolate_ + layout_->fast_caller_frame);
  if (frame == 0) [[likely]]
    return {};
  return {frame, *At<uintptr_t>(isolate_ + layout_->fast_caller_pc)};
}

bool FrameWalker::IsOnStack(uintptr_t frame, uintptr_t below) const {
  constexpr uintptr_t kWordBytes = sizeof(uintptr_t);
  return frame > below && frame % kWordBytes == 0 &&
         frame <= stack_end_ - 2 * kWordBytes;
}

/// For the step under way.
void FrameWalker::Watch(uintptr_t address) {
  new_watched_[new_watched_count_++] = WatchedWords::At(address);
}

uint64_t FrameWalker::WatchAlso(uintptr_t address) {
  if (watched_count_ < watched_.size() && step_count_ > 0) {
    watched_[watched_count_++] = WatchedWords::At(address);
    ++steps_[step_count_ - 1].watched;
    FillUpWatched();
  } else {
    Forget();
  }
  return *At<uint64_t>(address);
}

/// @return where V8 says that the frame is, if it runs bytecode.
void* FrameWalker::PlaceInBytecode(const Frame& frame) const {
  const auto array = *At<uint64_t>(frame.pointer + layout_->bytecode_array);
  const auto offset = *At<uint64_t>(frame.pointer + layout_->bytecode_offset);
  if (!v8::internal::Internals::HasHeapObjectTag(array) || !IsSmi(offset))
    return reinterpret_cast<void*>(frame.pc);
  return reinterpret_cast<void*>(array + (offset >> kSmiShift));
}

bool FrameWalker::IsFunction(const Frame& frame) const {
  return !IsSmi(frame.context_or_type) &&
         !IsSmi(*At<uint64_t>(frame.pointer + layout_->function));
}

/// Contexts are all the same to a frame.
uint64_t FrameWalker::TypeOf(const Frame& frame) {
  return IsSmi(frame.context_or_type) ? frame.context_or_type : 1;
}

[[gnu::always_inline]] inline FrameWalker::KnownFrame& FrameWalker::Find(
    const Frame& frame) {
  const uint64_t type = TypeOf(frame);
  const size_t mask = learnt_->frames.size() - 1;
  size_t i = FibonacciHash(frame.pc ^ type << 48, 32);
  for (;; ++i) {
    KnownFrame& known = learnt_->frames[i & mask];
    if (known.kind == Kind::kUnknown ||
        (known.pc == frame.pc && known.type == type)) {
      return known;
    }
  }
}

[[gnu::always_inline]] inline FrameWalker::Kind FrameWalker::KindOf(
    const Frame& frame) {
  Kind kind = Find(frame).kind;
  if (kind == Kind::kUnknown && IsFunction(frame)) {
    kind = learnt_->kind_of_function(frame.pc);
    if (kind != Kind::kUnknown) Remember(frame, kind);
  }
  return kind;
}

void FrameWalker::Remember(const Frame& frame, Kind kind) {
  if (learnt_->count * 2 >= learnt_->frames.size()) {
    std::vector<KnownFrame> old(learnt_->frames.size() < kMaxKnownFrames
                                    ? learnt_->frames.size() * 2
                                    : Learnt::kInitialFrames);
    old.swap(learnt_->frames);
    learnt_->count = 0;
    if (learnt_->frames.size() > old.size()) {
      for (const KnownFrame& known : old) {
        if (known.kind == Kind::kUnknown) continue;
        Find({0, known.pc, known.type, false}) = known;
        ++learnt_->count;
      }
    }
  }
  Find(frame) = {frame.pc, TypeOf(frame), kind};
  ++learnt_->count;
}

}  // namespace memray_mocha
