#include "tracker.h"

#include <pthread.h>
#include <unistd.h>

#include <chrono>
#include <optional>

#include "call_stack/native_call_stack.h"
#include "capture/record_writer.h"
#include "capture/sink.h"
#include "interposition/installer.h"
#include "recursion_guard.h"
#include "stack_recorder.h"
#include "thread_state.h"

namespace memray_mocha {
namespace {

using Clock = std::chrono::steady_clock;

uint64_t NowMs() {
  using std::chrono::milliseconds, std::chrono::system_clock;
  return std::chrono::duration_cast<milliseconds>(
             system_clock::now().time_since_epoch())
      .count();
}

std::unique_ptr<Sink> MakeSink(const TrackingOptions& options) {
  if (options.path.empty())
    return std::make_unique<SpillingSink>(options.temporary_directory);
  return std::make_unique<FileSink>(options.path);
}

CaptureHeader MakeHeader(const TrackingOptions& options) {
  uint16_t flags = 0;
  if (options.native) flags |= records::kFlagNative;
  if (options.trace_js) flags |= records::kFlagTraceJs;
  return {flags, static_cast<uint32_t>(::getpid()), NowMs(), 1};
}

// A forked child shares neither the tracker's lock nor its file: it goes
// untracked. Its hooks must not take a lock either that another thread held.
void StopInChild() {
  allocation_listener = nullptr;
  RecursionGuard::ActivateForever();
}

}  // namespace

/// A capture while it is recorded.
struct Capture {
  Capture(uint64_t id, const TrackingOptions& options)
      : id(id),
        sink(MakeSink(options)),
        writer(sink.get(), MakeHeader(options)),
        recorder(&writer, options.native, options.own_directory) {
    for (const auto& [key, value] : options.metadata)
      writer.WriteMetadata(key, value);
  }

  /// Numbers this thread when it is new to the capture.
  void Enter(ThreadState* thread) {
    if (thread->capture == id) return;
    thread->capture = id;
    thread->id = ++threads;
    thread->last_count = 0;
    char name[16];
    if (pthread_getname_np(pthread_self(), name, sizeof name) == 0)
      writer.WriteThreadName(thread->id, name);
  }

  const uint64_t id;
  const Clock::time_point started_at = Clock::now();
  std::unique_ptr<Sink> sink;
  RecordWriter writer;
  StackRecorder recorder;
  uint32_t threads = 0;
};

Tracker& Tracker::Get() {
  static Tracker& tracker = *new Tracker;
  return tracker;
}

std::string Tracker::Start(const TrackingOptions& options) {
  static uint64_t last_id = 0;
  static const int has_fork_handler =
      pthread_atfork(nullptr, nullptr, StopInChild);
  (void)has_fork_handler;
  const RecursionGuard guard;
  installer::Install();
  std::lock_guard lock(mutex_);
  if (capture_) return "A tracker is already running in this process.";
  auto capture = std::make_unique<Capture>(++last_id, options);
  if (!capture->sink->error().empty()) return capture->sink->error();
  capture->Enter(&ThreadState::Get());
  capture_ = std::move(capture);
  wants_native_frames_ = options.native;
  allocation_listener = this;
  return "";
}

std::unique_ptr<Sink> Tracker::Stop() {
  const RecursionGuard guard;
  allocation_listener = nullptr;
  std::unique_ptr<Capture> capture;
  {
    // A thread still in a hook finds no capture once it gets the lock.
    std::lock_guard lock(mutex_);
    capture = std::move(capture_);
  }
  capture->recorder.WriteSymbols(JsCallStacks::OfThisThread());
  capture->writer.Finish(std::chrono::duration_cast<std::chrono::milliseconds>(
                             Clock::now() - capture->started_at)
                             .count());
  return std::move(capture->sink);
}

void Tracker::OnAllocation(uintptr_t address, size_t size_bytes,
                           Allocator allocator, uintptr_t caller) {
  RecordAllocation(address, size_bytes, allocator, caller);
}

void Tracker::OnMapping(uintptr_t address, size_t size_bytes,
                        Allocator allocator, uintptr_t caller) {
  RecordAllocation(address, size_bytes, allocator, caller);
}

void Tracker::OnDeallocation(uintptr_t address) {
  std::lock_guard lock(mutex_);
  if (capture_) capture_->writer.WriteDeallocation(address);
}

void Tracker::OnUnmapping(uintptr_t address, size_t size_bytes) {
  std::lock_guard lock(mutex_);
  if (capture_) capture_->writer.WriteUnmapping(address, size_bytes);
}

void Tracker::RecordAllocation(uintptr_t address, size_t size_bytes,
                               Allocator allocator, uintptr_t caller) {
  // The call stack is taken before the lock: other threads need not wait for
  // that.
  ThreadState& thread = ThreadState::Get();
  thread.js_call_stacks = JsCallStacks::OfThisThread();
  thread.js_count = 0;
  thread.vm_state = VmState::kProgram;
  if (thread.js_call_stacks) {
    thread.js_count =
        thread.js_call_stacks->Sample(thread.js_frames, &thread.vm_state);
  }
  // What V8 uses for itself comes and goes at its own mood: a limit that
  // counted it would fail now and then. Its part that stays is the JS heap's.
  if (thread.is_v8_helper || thread.vm_state == VmState::kOwnWork) return;
  thread.native_frames[0] = caller;
  thread.native_count = 1;
  if (wants_native_frames_.load(std::memory_order_relaxed)) {
    thread.native_count = UnwindNativeFrames(caller, thread.native_frames,
                                             ThreadState::kMaxNativeFrames);
  }
  std::lock_guard lock(mutex_);
  if (!capture_) return;
  capture_->Enter(&thread);
  const std::optional<uint32_t> stack = capture_->recorder.Record(&thread);
  if (!stack) return;
  capture_->writer.WriteAllocation(thread.id, address, size_bytes, allocator,
                                   *stack);
}

}  // namespace memray_mocha
