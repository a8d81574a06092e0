#ifndef NATIVE_RECORDING_H_
#define NATIVE_RECORDING_H_

#include <atomic>
#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <unordered_map>
#include <utility>
#include <vector>

#include "capture/record_writer.h"
#include "capture/sink.h"
#include "live_blocks.h"
#include "sample_stacks.h"
#include "stack_recorder.h"
#include "thread_state.h"
#include "tracker.h"

namespace memray_mocha {

/// A capture while it is recorded. Not thread-safe: the tracker's lock guards
/// it.
class Recording {
 public:
  using Clock = std::chrono::steady_clock;

  Recording(uint64_t id, const TrackingOptions& options);

  void Allocate(ThreadState* thread, uintptr_t address, size_t size_bytes,
                Allocator allocator);
  void Deallocate(uintptr_t address);
  void Map(ThreadState* thread, uintptr_t address, size_t size_bytes,
           Allocator allocator);
  void Unmap(uintptr_t address, size_t size_bytes);
  /// Takes note of how much of its JS heap a worker uses now, in pages of
  /// 256 KiB. What it used when this was first told does not count: that is
  /// what Node needs to start it, or from before.
  void SetWorkerHeap(ThreadState* thread, uint64_t used_bytes);
  /// For a worker that ends.
  void EndWorkerHeap(ThreadState* thread);

  /// Takes note of the call stack that allocates the object V8 has just
  /// sampled.
  void Sample(ThreadState* thread);

  void ForgetSamples() { sample_stacks_.Clear(); }

  /// From here to EndCollection, what dies of the native memory that was
  /// allocated a moment ago counts as live: it was, when the peak may have
  /// been.
  void BeginCollection() { is_collecting_ = true; }
  void EndCollection();
  /// To be called when that moment may be over because of what the JS heap has
  /// grown by.
  void BeginWindow();

  uint64_t native_bytes() const { return live_.bytes() + mapped_bytes_; }
  /// The part of it that other threads allocated than the one that began to
  /// track.
  uint64_t other_threads_bytes() const {
    return live_.other_threads_bytes() + mapped_by_other_threads_bytes_;
  }
  struct SampledMemory {
    double bytes = 0;
    double objects = 0;
  };
  using SampledHeap = std::unordered_map<uint32_t, SampledMemory>;

  /// What is live of the program's objects, by call stack, as V8's live samples
  /// tell. On the thread that takes them, without the lock: V8 allocates on its
  /// heap here, and waits for its helper threads to sweep, while these may wait
  /// for the lock in a hook.
  SampledHeap SumLiveSamples();
  /// Gives the memory of dead samples back when there are many, by the same
  /// way.
  void ForgetDeadSamples();
  void WriteHeap(records::HeapKind kind, uint64_t js_bytes,
                 const SampledHeap& sampled);

  std::unique_ptr<Sink> Finish(const FindOriginals& find_originals);

  const uint64_t id;
  const Clock::time_point started_at = Clock::now();
  const std::string& error() const { return sink_->error(); }
  /// Numbers this thread when it is new to the capture.
  void Enter(ThreadState* thread);

 private:
  void AddMapping(const ThreadState& thread, uintptr_t address,
                  size_t size_bytes, Allocator allocator, uint32_t stack);
  void Grow(uint64_t bytes);
  bool IsYoung(LiveBlocks::Window window) const;
  bool HasYoungMapping(uintptr_t begin, uintptr_t end) const;
  void EndMapping(uintptr_t begin, uintptr_t end);

  /// Only the peak meter asks what is live: without it, the reader of the
  /// capture finds that out, and the hot path need not.
  const bool follows_live_memory_;
  std::unique_ptr<Sink> sink_;
  RecordWriter writer_;
  StackRecorder recorder_;
  uint32_t threads_ = 0;

  LiveBlocks live_;
  struct Mapping {
    uintptr_t end;
    bool is_of_other_thread;
    LiveBlocks::Window window;
  };
  std::map<uintptr_t, Mapping> mappings_;  // by address
  uint64_t mapped_bytes_ = 0;
  uint64_t mapped_by_other_threads_bytes_ = 0;
  LiveBlocks::Window window_ = 0;
  uint64_t window_bytes_ = 0;
  bool is_collecting_ = false;
  std::vector<uintptr_t> dead_blocks_;
  std::vector<std::pair<uintptr_t, size_t>> dead_mappings_;
  SampleStacks sample_stacks_;
};

}  // namespace memray_mocha

#endif  // NATIVE_RECORDING_H_
