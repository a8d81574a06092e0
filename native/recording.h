#ifndef NATIVE_RECORDING_H_
#define NATIVE_RECORDING_H_

#include <chrono>
#include <cstdint>
#include <map>
#include <memory>
#include <optional>
#include <set>
#include <vector>

#include "capture/record_writer.h"
#include "capture/sink.h"
#include "held_events.h"
#include "js_heap/object_sampler.h"
#include "live_blocks.h"
#include "live_samples.h"
#include "memory_event.h"
#include "sampler_calibration.h"
#include "stack_recorder.h"
#include "thread_state.h"
#include "tracker.h"

namespace memray_mocha {

/// A capture while it is recorded. Not thread-safe: the tracker's lock guards
/// it.
class Recording {
 public:
  using Clock = std::chrono::steady_clock;

  /// @param sampler nullptr when the JS heap is not measured.
  Recording(uint64_t id, const TrackingOptions& options,
            const SamplerSites* sampler);

  /// @return the id of the call stack that `thread` has just taken; nothing
  /// when it is this package's own.
  std::optional<uint32_t> StackOf(ThreadState* thread);

  /// See Tracker::RecordNativeFrames.
  void RecordNativeFrames() { recorder_.RecordNativeFrames(); }

  /// @param thread its number; 0 when its call stack is not of this capture.
  void Apply(const MemoryEvent& event, uint32_t thread);
  /// To be called a while before that, which is faster then; only with a
  /// sampler. Inlined for LiveBlocks::Prefetch.
  [[gnu::always_inline]] void Prepare(const MemoryEvent& event) const {
    if (event.kind == EventKind::kAllocation ||
        event.kind == EventKind::kDeallocation)
      live_.Prefetch(event.address);
  }
  /// Takes note of what a peak must not reach by workers' garbage.
  void SetLimit(uint64_t limit_bytes) { limit_bytes_ = limit_bytes; }
  /// Takes note that all that workers have now is live, while events are held.
  void ConfirmWorkers() { held_.ConfirmWorkers(); }

  /// See Tracker::FindScripts.
  std::set<int> FindScripts(uint64_t codes) const {
    return recorder_.FindScripts(codes);
  }
  /// Takes note of how much of its JS heap a worker uses now, in pages of
  /// 256 KiB. What it used when this was first told does not count: that is
  /// what Node needs to start it, or from before.
  void SetWorkerHeap(ThreadState* thread, uint64_t used_bytes);
  /// For a worker that ends.
  void EndWorkerHeap(ThreadState* thread);
  /// @param is_program whether the object is, or V8's own.
  /// @return the call stack of the object V8 is about to sample.
  uint32_t FindSampleStack(ThreadState* thread, bool is_program);

  /// From here on, what happens to native memory waits until a peak is told,
  /// or is found to be none.
  void HoldEvents() {
    if (is_holding_) return;
    held_.Begin(native_bytes());
    is_holding_ = true;
  }
  /// Whether what is held may be so still after a look. Of small blocks too
  /// many come to wait for a collection.
  /// @param bytes what was allocated since it is held.
  bool can_wait(uint64_t bytes) const {
    return is_holding_ && held_.count() * kWaitingEventBytes <= bytes;
  }
  /// Whether so much is held that it should wait no longer.
  bool has_waited() const {
    return is_holding_ && held_.count() >= kMaxWaitingEvents;
  }
  /// Whether what waits has become too much: beyond that it would take more
  /// memory than it may tell of.
  bool is_full() const {
    return is_holding_ && held_.count() >= kMaxHeldEvents;
  }
  /// The largest native total since then, garbage included.
  uint64_t raw_peak_bytes() const;
  /// The largest total that was certainly live, after a collection.
  /// @param js_bytes as of HeldEvents::FindPeak.
  HeldEvents::Peak FindPeak(uint64_t js_bytes);
  /// Writes that the peak so far was then, and what was held.
  /// @param js_bytes what the JS heap holds now. When it is 0, on any thread;
  /// else it is for the thread that samples.
  void TellPeak(records::HeapKind kind, uint64_t js_bytes);
  /// Writes what was held.
  void ReleaseEvents();
  void ForgetGarbage();

  uint64_t native_bytes() const { return live_.bytes() + mapped_bytes_; }
  /// Writes that the JS heap holds that much, garbage included.
  void WriteRawHeap(uint64_t js_bytes) {
    writer_.WriteHeap(records::HeapKind::kRaw, js_bytes);
  }
  /// Writes what is live now, of objects too: at a mark, or at the end.
  /// @param raw_peak_bytes at the end, the largest total there was, garbage
  /// included; else 0.
  void WriteLive(records::HeapKind kind, uint64_t raw_peak_bytes);

  std::unique_ptr<Sink> Finish(const FindOriginals& find_originals);

  const uint64_t id;
  const Clock::time_point started_at = Clock::now();
  const std::string& error() const { return sink_->error(); }
  /// There is no memory for what was to be recorded. It goes on as far as it
  /// has to, and is an error when it is finished.
  void RunOutOfMemory() { is_out_of_memory_ = true; }
  /// Numbers this thread when it is new to the capture.
  void Enter(ThreadState* thread);

  // What follows is for the thread on which V8 samples, also without the lock.

  /// Takes note of a sample, in which V8 is about to note the object.
  /// @param round another each time that the innermost function jumps back; 0
  /// where that cannot be told.
  void AddSample(Sample* sample, uint32_t stack, uint64_t round);
  /// @return what the newest sample stands for, once: when V8 has noted the
  /// object, which may not be there yet.
  uint64_t TakeNewestBytes();
  /// Whether that is to stand among the events, and its end.
  bool IsInStretch(const Sample& sample) const {
    return sample.call >= first_held_call_ && sample.stack != Sample::kNoStack;
  }
  /// To be called when nothing is held.
  void EndStretch() { first_held_call_ = ++call_.number; }
  /// Whether the object was allocated in the latest call, since EndCalls, but
  /// for those that allocated little.
  bool IsOfLatestCall(const Sample& sample) const {
    return sample.call == large_call_.number &&
           sample.stack == large_call_.stack;
  }
  void EndCalls() {
    ++call_.number;
    large_call_ = {};
    bytes_since_large_call_ = 0;
  }
  /// The object has died, but counts as live until its sample is removed.
  void KeepSample(const Sample& sample) const {
    sampler_->block.ForgetObject(reinterpret_cast<uintptr_t>(sample.block));
  }
  /// The object has died.
  void RemoveSample(const Sample* sample);
  void ForgetSamples();
  /// Counts of what has become shorter what it is now. V8 makes arrays shorter
  /// long after it allocated them: the program does, and they may have been
  /// there to collect something in.
  void ShortenSamples();

  struct SampledTotal {
    /// What is live and the program's, as far as V8 has collected garbage.
    uint64_t live_bytes;
    uint64_t all_bytes;
    /// Of all.
    double standard_error;
  };
  /// What the samples since the sampler was started tell of the JS heap.
  SampledTotal SumSamples();
  /// Whether V8 tells which call stacks allocated what is live, in place of the
  /// samples.
  bool samples_functions() const { return sampler_->sample == 0; }
  /// Takes note of what it tells. With the lock.
  void SetLiveByFunction(
      const std::vector<object_sampler::FunctionNode>& nodes);

 private:
  static constexpr size_t kMaxWaitingEvents = size_t{1} << 12;
  static constexpr uint64_t kWaitingEventBytes = 4096;
  static constexpr size_t kMaxHeldEvents = size_t{1} << 17;

  void Allocate(const MemoryEvent& event, uint32_t thread);
  void Deallocate(const MemoryEvent& event, uint32_t thread);
  void Map(const MemoryEvent& event, uint32_t thread);
  void Unmap(const MemoryEvent& event, uint32_t thread);
  void AddObject(const MemoryEvent& event);
  void EndObject(const MemoryEvent& event);
  uint64_t EndMapping(uintptr_t begin, uintptr_t end);
  [[gnu::always_inline]] void Put(const HeldEvents::Event& event) {
    if (is_holding_)
      held_.Add(event);
    else
      Write(event);
  }
  void Write(const HeldEvents::Event& event);
  void WriteSamplesBefore(size_t position);
  void WriteSamples();
  void CountNewestSample();
  void SettleBytes();

  /// Only the peak meter asks what is live: without it, and so without the
  /// sampler, the reader of the capture finds that out, and the hot path need
  /// not.
  const SamplerSites* const sampler_;
  std::unique_ptr<Sink> sink_;
  RecordWriter writer_;
  StackRecorder recorder_;
  uint32_t threads_ = 0;
  /// Nothing is asked of what may be half done then.
  bool is_out_of_memory_ = false;

  uint64_t limit_bytes_ = UINT64_MAX;
  LiveBlocks live_;
  std::map<uintptr_t, uintptr_t> mappings_;  // begin to end
  uint64_t mapped_bytes_ = 0;
  /// Nothing but memory while it is not holding.
  HeldEvents held_;
  bool is_holding_ = false;
  LiveSamples samples_;
  /// One from a place in JavaScript to where V8 and Node allocate for it.
  struct Call {
    uint32_t stack = Sample::kNoStack;
    uint32_t number = 0;
    uint64_t round = 0;
    uint64_t bytes = 0;
  };
  Call call_{.number = 1};
  /// After which little was allocated.
  Call large_call_;
  uint64_t bytes_since_large_call_ = 0;
  /// Since the peak was looked for and nothing was left held.
  uint32_t first_held_call_ = 0;
  /// Not among them yet: V8 fills it in after it was allocated.
  Sample* newest_sample_ = nullptr;
  bool has_newest_bytes_ = false;
  /// The latest that may become JSON.parse's numbers, which it does after the
  /// object that has them was allocated.
  Sample* bytes_sample_ = nullptr;
};

}  // namespace memray_mocha

#endif  // NATIVE_RECORDING_H_
