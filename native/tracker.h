#ifndef NATIVE_TRACKER_H_
#define NATIVE_TRACKER_H_

#include <pthread.h>

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>
#include <set>
#include <string>
#include <utility>
#include <vector>

#include "interposition/block_provider.h"
#include "interposition/listener.h"
#include "js_heap/heap.h"
#include "recording_mutex.h"
#include "stack_recorder.h"

namespace v8 {
class Isolate;
}

namespace memray_mocha {

class PeakMeter;
struct MemoryEvent;
struct Sample;
struct SamplerSites;
class Recording;
class SampleMemory;
struct ThreadState;
class Sink;

struct TrackingOptions {
  /// The capture's file; empty: memory and, beyond some megabytes, a temporary
  /// file.
  std::string path;
  std::string temporary_directory;
  /// Record native frames in full, not only the allocator's caller.
  bool native;
  bool trace_js;
  /// The mean distance of two sampled JS heap objects; 1 for every object, 0
  /// leaves the JS heap alone.
  uint64_t js_sample_interval_bytes;
  /// Where this package's own JavaScript is; what that allocates is not
  /// recorded.
  std::string own_directory;
  heap::ProgramFlags program_flags;
  /// Facts about the program for the capture: keys and values.
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// Records what the process allocates from Start() to Stop(). There is one for
/// the process, as there is one allocator, and it is never destroyed.
class Tracker final : public AllocationListener, public BlockProvider {
 public:
  static Tracker& Get();

  /// @return what is wrong, a sentence, which is empty when tracking has begun;
  /// nothing where another thread's has.
  std::optional<std::string> Start(const TrackingOptions& options);

  /// Whether the one that is tracking does so, as it was told to: it cannot
  /// where the program samples its objects itself. Only for who started it.
  bool measures_js_heap() const { return meter_ != nullptr; }

  /// How long the program has waited, since Start(), for its peak to be looked
  /// at and confirmed while it ran. Only for who started it.
  std::chrono::nanoseconds ConfirmingTime() const;

  /// Samples JS heap objects more closely from here on, when `interval_bytes`
  /// is less than it was.
  void SetSampleInterval(uint64_t interval_bytes);

  /// Records native frames in full from here on, if it has not so far.
  void RecordNativeFrames();

  /// Has the peak confirmed where the raw total reaches this; 0 lifts it.
  void SetMemoryLimit(uint64_t limit_bytes, uint64_t first_bytes);

  /// @param codes the id of a code map.
  /// @return the scripts, by V8's ids, of the functions in its call stacks.
  std::set<int> FindScripts(uint64_t codes);

  /// Takes note of the peak so far: what was live until now may be garbage from
  /// here on, and what is found to be, counts as if it always had been. Only
  /// for who started it.
  void NotePeak();

  /// What is live, as far as garbage was collected: native memory, and objects
  /// by their samples. 0 where the JS heap is not measured. Only for who
  /// started it.
  uint64_t LiveBytes();

  /// Has the capture's reader tell what is live now from what becomes live
  /// later. Only for who started it, with workers that stand still.
  void Mark();

  /// Ends the capture. Only for who started it.
  /// @param find_originals may run JavaScript, which is not recorded.
  /// @param collects_in_workers whether what is left of theirs is to be live.
  /// @return the capture, to be read; its error says what went wrong while it
  /// was recorded.
  std::unique_ptr<Sink> Stop(const FindOriginals& find_originals,
                             bool collects_in_workers);

  void OnAllocation(uintptr_t address, size_t size_bytes, Allocator allocator,
                    uintptr_t caller) override;
  void OnDeallocation(uintptr_t address, uintptr_t caller) override;
  void OnMapping(uintptr_t address, size_t size_bytes, Allocator allocator,
                 uintptr_t caller) override;
  void OnUnmapping(uintptr_t address, size_t size_bytes) override;
  void OnLibrary() override;
  void OnHeapPage() override;
  void OnOutOfMemory() override;

  /// Blocks for what V8's sampler notes of each sample.
  void* Provide(size_t size_bytes, uintptr_t caller) override;
  void TakeBack(void* block) override;

 private:
  Tracker();
  ~Tracker() = delete;

  static bool IsInChild();
  /// Takes the call stack of this thread, which has just allocated.
  /// @return nullptr when V8 allocates for itself.
  ThreadState* TakeCallStack(uintptr_t caller, bool with_native_frames) const;
  void StartSampler(uint64_t interval_bytes);
  void StopSampler();
  void OnSampledObject(Sample* sample);
  void OnSampleNoted();
  void OnBegin(MemoryEvent event, uintptr_t caller);
  std::optional<uint32_t> FindStack(ThreadState* thread);
  void Push(ThreadState* thread, const MemoryEvent& event);
  void TakeEvents(EventQueue* queue);
  void RequestLook(std::unique_lock<RecordingMutex> lock);
  static void Look(v8::Isolate*, void* recording_id);
  void LookBy(void (PeakMeter::*look)());
  bool IsInOwnCode();
  bool RequestOfWorker(v8::Isolate* isolate, void (*callback)()) const;
  static void FollowWorker();
  static void LookAtWorkerHeap();
  static void CollectInWorker(v8::Isolate* isolate, void* recording_id);
  bool IsRecording(void* recording_id) const;
  static void EndThread(ThreadState* thread);

  // The one that is tracking, for hooks, which do not hold the lock.
  struct Settings {
    std::atomic<bool> native_frames{false};
    std::atomic<v8::Isolate*> isolate{nullptr};
    std::atomic<uint64_t> capture{0};
    std::atomic<size_t> max_queued_bytes{0};
    uint64_t js_sample_interval_bytes = 0;
    /// Where V8's sampler calls operator new, while it samples.
    std::atomic<const SamplerSites*> sampler{nullptr};
    /// Where V8 frees the memory of dead ArrayBuffers.
    std::atomic<uintptr_t> buffer_freer{0};
  } settings_;
  // Held by Start(), and by Stop() but for what runs JavaScript: without mutex_
  // they set what hooks only read, and V8's sampler. Taken before mutex_, never
  // while workers are waited for.
  std::mutex start_mutex_;
  // Threads queue their events and take the lock for many of them at once, or
  // for a call stack that is new.
  RecordingMutex mutex_;
  std::unique_ptr<Recording> recording_;
  std::unique_ptr<PeakMeter> meter_;
  bool has_requested_look_ = false;

  // Of the thread that samples.
  SampleMemory* sample_memory_ = nullptr;
  pthread_t sampling_thread_;
  uint64_t unseen_js_bytes_ = 0;
  /// While the peak is looked for: of what the latest call allocated, the
  /// samples that V8 has dropped.
  std::vector<void*> kept_samples_;
};

}  // namespace memray_mocha

#endif  // NATIVE_TRACKER_H_
