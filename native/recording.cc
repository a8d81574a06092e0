#include "recording.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>

#include "js_heap/object_sampler.h"
#include "recursion_guard.h"

namespace memray_mocha {
namespace {

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

constexpr uint32_t kFirstThread = 1;

bool IsOfOtherThread(const ThreadState& thread) {
  return thread.id != kFirstThread;
}

CaptureHeader MakeHeader(const TrackingOptions& options) {
  uint16_t flags = 0;
  if (options.native) flags |= records::kFlagNative;
  if (options.trace_js) flags |= records::kFlagTraceJs;
  return {flags, static_cast<uint32_t>(::getpid()), NowMs(), kFirstThread};
}

}  // namespace

Recording::Recording(uint64_t id, const TrackingOptions& options)
    : id(id),
      follows_live_memory_(options.js_sample_interval_bytes != 0),
      sink_(MakeSink(options)),
      writer_(sink_.get(), MakeHeader(options)),
      recorder_(&writer_, options.native, options.own_directory) {
  for (const auto& [key, value] : options.metadata)
    writer_.WriteMetadata(key, value);
}

void Recording::Enter(ThreadState* thread) {
  if (thread->capture == id) return;
  thread->capture = id;
  thread->id = ++threads_;
  thread->last_count = 0;
  thread->last_js_stack = 0;
  thread->known_stacks.fill({});
  char name[16];
  if (pthread_getname_np(pthread_self(), name, sizeof name) == 0)
    writer_.WriteThreadName(thread->id, name);
}

void Recording::Allocate(ThreadState* thread, uintptr_t address,
                         size_t size_bytes, Allocator allocator) {
  Enter(thread);
  const std::optional<uint32_t> stack = recorder_.Record(thread);
  if (!stack) return;
  if (follows_live_memory_) {
    // Another thread was given what the collection has just freed.
    if (is_collecting_ && std::erase(dead_blocks_, address) > 0)
      writer_.WriteDeallocation(address);
    Grow(size_bytes);
    live_.Insert(address, size_bytes, IsOfOtherThread(*thread), window_);
  }
  writer_.WriteAllocation(thread->id, address, size_bytes, allocator, *stack);
}

void Recording::Deallocate(uintptr_t address) {
  if (!follows_live_memory_) return writer_.WriteDeallocation(address);
  const LiveBlocks::Block block = live_.Get(address);
  if (block.address == 0) return;  // from before, or not the program's
  if (is_collecting_ && IsYoung(block.window)) {
    dead_blocks_.push_back(address);
    return;
  }
  live_.Erase(address);
  writer_.WriteDeallocation(address);
}

void Recording::Map(ThreadState* thread, uintptr_t address, size_t size_bytes,
                    Allocator allocator) {
  Enter(thread);
  const std::optional<uint32_t> stack = recorder_.Record(thread);
  if (stack) AddMapping(*thread, address, size_bytes, allocator, *stack);
}

void Recording::AddMapping(const ThreadState& thread, uintptr_t address,
                           size_t size_bytes, Allocator allocator,
                           uint32_t stack) {
  EndMapping(address, address + size_bytes);
  Grow(size_bytes);
  const bool is_of_other_thread = IsOfOtherThread(thread);
  mappings_[address] = {address + size_bytes, is_of_other_thread, window_};
  mapped_bytes_ += size_bytes;
  if (is_of_other_thread) mapped_by_other_threads_bytes_ += size_bytes;
  writer_.WriteAllocation(thread.id, address, size_bytes, allocator, stack);
}

void Recording::Unmap(uintptr_t address, size_t size_bytes) {
  if (is_collecting_ && HasYoungMapping(address, address + size_bytes)) {
    dead_mappings_.emplace_back(address, size_bytes);
    return;
  }
  EndMapping(address, address + size_bytes);
  writer_.WriteUnmapping(address, size_bytes);
}

void Recording::SetWorkerHeap(ThreadState* thread, uint64_t used_bytes) {
  Enter(thread);
  ThreadState::WorkerHeap& known = thread->worker_heap;
  if (known.capture != id) known = {id, used_bytes, 0};
  known.base_bytes = std::min(known.base_bytes, used_bytes);
  constexpr uint64_t kPageBytes = uint64_t{256} << 10;
  const uint64_t bytes =
      (used_bytes - known.base_bytes) / kPageBytes * kPageBytes;
  // The addresses of its pages are not known: any will do that are no
  // program's.
  const uintptr_t begin = uintptr_t{1} << 63 | uintptr_t{thread->id} << 40;
  if (bytes > known.bytes) {
    AddMapping(*thread, begin + known.bytes, bytes - known.bytes,
               Allocator::kMmap, recorder_.WorkerHeapStack());
  } else if (bytes < known.bytes) {
    Unmap(begin + bytes, known.bytes - bytes);
  }
  known.bytes = bytes;
}

void Recording::EndWorkerHeap(ThreadState* thread) {
  if (thread->worker_heap.capture == id) SetWorkerHeap(thread, 0);
}

/// A window is at least so much that was allocated one after the other.
void Recording::Grow(uint64_t bytes) {
  constexpr uint64_t kWindowBytes = uint64_t{256} << 10;
  if (window_bytes_ >= kWindowBytes) BeginWindow();
  window_bytes_ += bytes;
}

void Recording::BeginWindow() {
  ++window_;
  window_bytes_ = 0;
}

/// The last window may have just begun, so that the one before it is young,
/// too.
bool Recording::IsYoung(LiveBlocks::Window window) const {
  return static_cast<LiveBlocks::Window>(window_ - window) <= 1;
}

bool Recording::HasYoungMapping(uintptr_t begin, uintptr_t end) const {
  for (auto next = mappings_.lower_bound(begin);
       next != mappings_.end() && next->first < end; ++next) {
    if (IsYoung(next->second.window)) return true;
  }
  return false;
}

void Recording::EndMapping(uintptr_t begin, uintptr_t end) {
  auto next = mappings_.upper_bound(begin);
  if (next != mappings_.begin() && std::prev(next)->second.end > begin) --next;
  while (next != mappings_.end() && next->first < end) {
    const auto [old_begin, old] = *next;
    next = mappings_.erase(next);
    const uint64_t ended = std::min(end, old.end) - std::max(begin, old_begin);
    mapped_bytes_ -= ended;
    if (old.is_of_other_thread) mapped_by_other_threads_bytes_ -= ended;
    if (old_begin < begin)
      mappings_[old_begin] = {begin, old.is_of_other_thread, old.window};
    if (end < old.end) mappings_[end] = old;
  }
}

void Recording::Sample(ThreadState* thread) {
  sample_stacks_.Add(
      thread->vm_state == VmState::kOwnWork
          ? recorder_.CompilerStack()
          : recorder_.Record(thread).value_or(SampleStacks::kNone));
}

void Recording::EndCollection() {
  is_collecting_ = false;
  for (const uintptr_t address : dead_blocks_) Deallocate(address);
  for (const auto& [address, size_bytes] : dead_mappings_)
    Unmap(address, size_bytes);
  dead_blocks_.clear();
  dead_mappings_.clear();
}

Recording::SampledHeap Recording::SumLiveSamples() {
  const auto samples = object_sampler::LiveSamples();
  SampledHeap by_stack;
  std::vector<uint64_t> live;
  live.reserve(samples.size());
  for (const auto& sample : samples) {
    live.push_back(sample.index);
    const uint32_t stack = sample_stacks_.Get(sample.index);
    if (stack == SampleStacks::kNone) continue;
    SampledMemory& sum = by_stack[stack];
    sum.bytes += sample.bytes;
    sum.objects += sample.objects;
  }
  // To list them, V8 makes a string or two on its heap, which may be sampled as
  // well, but while the recursion guard keeps that from us. They are the last
  // ones.
  sample_stacks_.KeepOnly(live);
  return by_stack;
}

void Recording::ForgetDeadSamples() {
  if (!sample_stacks_.IsCrowded()) return;
  const RecursionGuard guard;
  SumLiveSamples();
}

void Recording::WriteHeap(records::HeapKind kind, uint64_t js_bytes,
                          const SampledHeap& sampled) {
  writer_.WriteHeap(kind, js_bytes);
  for (const auto& [stack, memory] : sampled) {
    writer_.WriteSamples(stack, static_cast<uint64_t>(memory.bytes + 0.5),
                         static_cast<uint64_t>(memory.objects + 0.5));
  }
}

std::unique_ptr<Sink> Recording::Finish(const FindOriginals& find_originals) {
  recorder_.WriteSymbols(JsCallStacks::OfThisThread(), find_originals);
  writer_.Finish(std::chrono::duration_cast<std::chrono::milliseconds>(
                     Clock::now() - started_at)
                     .count());
  return std::move(sink_);
}

}  // namespace memray_mocha
