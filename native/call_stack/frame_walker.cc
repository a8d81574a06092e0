#include "call_stack/frame_walker.h"

namespace memray_mocha {
namespace {

constexpr size_t kInitialKnownFrames = 1024;  // a power of two
/// JIT compiled code is made again and again at new addresses.
constexpr size_t kMaxKnownFrames = size_t{64} << 10;
constexpr uint32_t kMaxCheckDistance = 16384;
constexpr int kSmiShift = 32;

}  // namespace

FrameWalker::FrameWalker(const FrameLayout* layout, uintptr_t isolate,
                         uintptr_t stack_end)
    : layout_(stack_end == 0 ? nullptr : layout),
      isolate_(isolate),
      stack_end_(stack_end),
      known_frames_(kInitialKnownFrames) {}

FrameWalker::Result FrameWalker::Walk(uintptr_t sp, void** frames, size_t limit,
                                      size_t* count) {
  if (IsSameAsLast()) return Result::kSame;
  size_t written = 0;
  bool is_known = true;
  Frame callee{};
  interpreter_.reset();
  const bool is_followed = VisitFrames(sp, [&](const Frame& frame) {
    const Kind kind = Find(frame).kind;
    if (written == 0 && kind == Kind::kBytecode && callee.pointer != 0 &&
        !frame.is_below_cpp) {
      interpreter_ = {callee.pointer, callee.pc,
                      *At<uintptr_t>(frame.pointer + layout_->bytecode_array)};
    }
    callee = frame;
    if (kind == Kind::kUnknown) return is_known = false;
    if (kind == Kind::kMachineCode) {
      frames[written++] = reinterpret_cast<void*>(frame.pc);
    } else if (kind == Kind::kBytecode) {
      frames[written++] = PlaceInBytecode(frame);
    }
    return written < limit;
  });
  if (!is_followed || !is_known) {
    Forget();
    return Result::kUnknown;
  }
  *count = written;
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
  Forget();
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

bool FrameWalker::IsCheckDue() {
  if (--until_check_ > 0) return false;
  if (check_distance_ < kMaxCheckDistance) check_distance_ *= 2;
  // Not in step with a loop of the program's.
  until_check_ = check_distance_ + known_count_ % 7;
  return true;
}

template <typename Visit>
bool FrameWalker::VisitFrames(uintptr_t sp, Visit visit) {
  watched_count_ = 0;
  last_exit_frame_ = *At<uintptr_t>(isolate_ + layout_->exit_frame);
  if (last_exit_frame_ == 0 || IsInFastCall()) return false;
  uintptr_t frame = last_exit_frame_;
  if (!IsOnStack(frame, sp)) return false;
  bool is_below_cpp = false;
  while (watched_count_ + kMaxWordsOfFrame <= kMaxWatchedWords) {
    const uintptr_t caller = Watch(frame);
    const uintptr_t pc = Watch(frame + sizeof frame);
    if (!IsOnStack(caller, frame)) return false;
    uint64_t type = *At<uint64_t>(caller + layout_->context_or_type);
    if (IsSmi(type)) type = Watch(caller + layout_->context_or_type);
    frame = caller;
    if (type == layout_->entry || type == layout_->construct_entry) {
      frame = Watch(caller + layout_->outer_exit_frame);
      if (frame == 0) return true;
      if (!IsOnStack(frame, caller)) return false;
      is_below_cpp = true;
    } else if (!visit({caller, pc, type, is_below_cpp})) {
      return true;
    } else {
      is_below_cpp = false;
    }
  }
  return false;
}

bool FrameWalker::IsSameAsLast() const {
  if (watched_count_ == 0 ||
      *At<uintptr_t>(isolate_ + layout_->exit_frame) != last_exit_frame_ ||
      IsInFastCall()) {
    return false;
  }
  // The innermost frames come first, which differ most often.
  for (size_t i = 0; i < watched_count_; ++i) {
    if (*watched_[i].address != watched_[i].value) return false;
  }
  return true;
}

bool FrameWalker::IsInFastCall() const {
  return *At<uintptr_t>(isolate_ + layout_->fast_call) != 0;
}

bool FrameWalker::IsOnStack(uintptr_t frame, uintptr_t below) const {
  constexpr uintptr_t kWordBytes = sizeof(uintptr_t);
  return frame > below && frame % kWordBytes == 0 &&
         frame <= stack_end_ - 2 * kWordBytes;
}

uint64_t FrameWalker::Watch(uintptr_t address) {
  const auto* word = At<uint64_t>(address);
  watched_[watched_count_++] = {word, *word};
  return *word;
}

uint64_t FrameWalker::WatchAlso(uintptr_t address) {
  if (watched_count_ < kMaxWatchedWords) return Watch(address);
  Forget();
  return *At<uint64_t>(address);
}

/// @return where V8 says that the frame is, if it runs bytecode.
void* FrameWalker::PlaceInBytecode(const Frame& frame) {
  const uint64_t array = Watch(frame.pointer + layout_->bytecode_array);
  const uint64_t offset = Watch(frame.pointer + layout_->bytecode_offset);
  if (!IsHeapObject(array) || !IsSmi(offset))
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

FrameWalker::KnownFrame& FrameWalker::Find(const Frame& frame) {
  const uint64_t type = TypeOf(frame);
  const size_t mask = known_frames_.size() - 1;
  // Fibonacci hashing: Knuth, The Art of Computer Programming, vol. 3, 6.4.
  size_t i = (frame.pc ^ type << 48) * 0x9E3779B97F4A7C15 >> 32;
  for (;; ++i) {
    KnownFrame& known = known_frames_[i & mask];
    if (known.kind == Kind::kUnknown ||
        (known.pc == frame.pc && known.type == type)) {
      return known;
    }
  }
}

void FrameWalker::Remember(const Frame& frame, Kind kind) {
  if (known_count_ * 2 >= known_frames_.size()) {
    std::vector<KnownFrame> old(known_frames_.size() < kMaxKnownFrames
                                    ? known_frames_.size() * 2
                                    : kInitialKnownFrames);
    old.swap(known_frames_);
    known_count_ = 0;
    if (known_frames_.size() > old.size()) {
      for (const KnownFrame& known : old) {
        if (known.kind == Kind::kUnknown) continue;
        Find({0, known.pc, known.type, false}) = known;
        ++known_count_;
      }
    }
  }
  Find(frame) = {frame.pc, TypeOf(frame), kind};
  ++known_count_;
}

}  // namespace memray_mocha
