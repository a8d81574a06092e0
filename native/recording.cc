#include "recording.h"

#include <pthread.h>
#include <unistd.h>

#include <algorithm>
#include <cmath>

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

/// @param objects how many the sample stands for.
uint64_t ScaleToSample(size_t bytes, double objects) {
  if (bytes == 0) return 0;
  // To the nearest: of many small parts what is cut off adds up.
  return static_cast<uint64_t>(
      std::llround(static_cast<double>(bytes) * objects));
}

constexpr uint32_t kFirstThread = 1;

/// What part of one call's memory is much for later ones.
constexpr uint64_t kMuchDivisor = 16;

CaptureHeader MakeHeader(const TrackingOptions& options) {
  uint16_t flags = 0;
  if (options.native) flags |= records::kFlagNative;
  if (options.trace_js) flags |= records::kFlagTraceJs;
  return {flags, static_cast<uint32_t>(::getpid()), NowMs(), kFirstThread};
}

}  // namespace

Recording::Recording(uint64_t id, const TrackingOptions& options,
                     const SamplerSites* sampler)
    : id(id),
      sampler_(sampler),
      sink_(MakeSink(options)),
      writer_(sink_.get(), MakeHeader(options)),
      recorder_(&writer_, options.native, options.own_directory) {
  for (const auto& [key, value] : options.metadata)
    writer_.WriteMetadata(key, value);
  // For CountNewestSample, which may not write: it is called without the lock.
  if (sampler_) recorder_.CompilerStack();
}

void Recording::Enter(ThreadState* thread) {
  if (thread->capture == id) return;
  thread->capture = id;
  thread->id = ++threads_;
  thread->queue.thread = thread->id;
  thread->last_count = 0;
  thread->known_stacks.Clear();
  thread->last_native_count = 0;
  char name[16];
  if (pthread_getname_np(pthread_self(), name, sizeof name) == 0)
    writer_.WriteThreadName(thread->id, name);
}

std::optional<uint32_t> Recording::StackOf(ThreadState* thread) {
  if (is_out_of_memory_) return {};
  Enter(thread);
  return recorder_.Record(thread);
}

void Recording::Apply(const MemoryEvent& event, uint32_t thread) {
  if (!IsEnd(event.kind) && thread == 0) return;
  switch (event.kind) {
    case EventKind::kAllocation:
      return Allocate(event, thread);
    case EventKind::kDeallocation:
      return Deallocate(event, thread);
    case EventKind::kMapping:
      return Map(event, thread);
    case EventKind::kUnmapping:
      return Unmap(event, thread);
    case EventKind::kObject:
      return AddObject(event);
    case EventKind::kObjectEnd:
      return EndObject(event);
  }
}

void Recording::Allocate(const MemoryEvent& event, uint32_t thread) {
  if (!sampler_) {
    return writer_.WriteAllocation(thread, event.address, event.size_bytes,
                                   event.allocator, event.stack);
  }
  const uint64_t before = live_.bytes();
  live_.Insert({.address = event.address,
                .bytes = event.size_bytes,
                .is_of_other_thread = thread != kFirstThread});
  Put({.kind = EventKind::kAllocation,
       .allocator = event.allocator,
       .thread = thread,
       .stack = event.stack,
       .address = event.address,
       .size_bytes = event.size_bytes,
       .added_bytes = static_cast<int64_t>(live_.bytes() - before)});
}

void Recording::Deallocate(const MemoryEvent& event, uint32_t thread) {
  if (!sampler_) return writer_.WriteDeallocation(event.address);
  const LiveBlocks::Block block = live_.Erase(event.address);
  if (block.address == 0) return;  // from before, or not the program's
  Put({.kind = EventKind::kDeallocation,
       .is_garbage = event.by_collector && !block.is_of_other_thread,
       .is_of_worker = event.by_collector && block.is_of_other_thread,
       .address = event.address,
       .added_bytes = -static_cast<int64_t>(block.bytes)});
}

void Recording::Map(const MemoryEvent& event, uint32_t thread) {
  const uintptr_t end = event.address + event.size_bytes;
  const uint64_t ended_bytes = EndMapping(event.address, end);
  mappings_[event.address] = end;
  mapped_bytes_ += event.size_bytes;
  Put({.kind = EventKind::kMapping,
       .allocator = event.allocator,
       .thread = thread,
       .stack = event.stack,
       .address = event.address,
       .size_bytes = event.size_bytes,
       .added_bytes = static_cast<int64_t>(event.size_bytes - ended_bytes)});
}

void Recording::Unmap(const MemoryEvent& event, uint32_t thread) {
  const uint64_t ended_bytes =
      EndMapping(event.address, event.address + event.size_bytes);
  if (sampler_ && ended_bytes == 0) return;  // as of a block
  Put({.kind = EventKind::kUnmapping,
       .is_garbage = event.by_collector && thread == kFirstThread,
       .is_of_worker = event.by_collector && thread != kFirstThread,
       .address = event.address,
       .size_bytes = event.size_bytes,
       .added_bytes = -static_cast<int64_t>(ended_bytes)});
}

void Recording::AddObject(const MemoryEvent& event) {
  if (!is_holding_) return;
  held_.Add({.kind = EventKind::kObject,
             .stack = event.stack,
             .address = event.address});
}

void Recording::EndObject(const MemoryEvent& event) {
  if (!is_holding_) return;
  held_.Add({.kind = EventKind::kObjectEnd,
             .is_garbage = true,
             .address = event.address});
}

void Recording::SetWorkerHeap(ThreadState* thread, uint64_t used_bytes) {
  if (is_out_of_memory_) return;
  Enter(thread);
  ThreadState::WorkerHeap& known = thread->worker_heap;
  if (known.capture != id) known = {id, used_bytes, 0};
  known.base_bytes = std::min(known.base_bytes, used_bytes);
  using heap::kPageBytes;
  const uint64_t bytes =
      (used_bytes - known.base_bytes) / kPageBytes * kPageBytes;
  // The addresses of its pages are not known: any will do that are no
  // program's.
  const uintptr_t begin = uintptr_t{1} << 63 | uintptr_t{thread->id} << 40;
  // Each on its own: a part of what is live has not died.
  for (; known.bytes < bytes; known.bytes += kPageBytes) {
    Map({.kind = EventKind::kMapping,
         .allocator = Allocator::kMmap,
         .stack = recorder_.WorkerHeapStack(),
         .address = begin + known.bytes,
         .size_bytes = kPageBytes},
        thread->id);
  }
  for (; known.bytes > bytes; known.bytes -= kPageBytes) {
    Unmap({.kind = EventKind::kUnmapping,
           .by_collector = true,
           .address = begin + known.bytes - kPageBytes,
           .size_bytes = kPageBytes},
          thread->id);
  }
}

void Recording::EndWorkerHeap(ThreadState* thread) {
  if (thread->worker_heap.capture == id) SetWorkerHeap(thread, 0);
}

/// @return how much of the range was mapped.
uint64_t Recording::EndMapping(uintptr_t begin, uintptr_t end) {
  uint64_t ended_bytes = 0;
  auto next = mappings_.upper_bound(begin);
  if (next != mappings_.begin() && std::prev(next)->second > begin) --next;
  while (next != mappings_.end() && next->first < end) {
    const auto [old_begin, old_end] = *next;
    next = mappings_.erase(next);
    ended_bytes += std::min(end, old_end) - std::max(begin, old_begin);
    if (old_begin < begin) mappings_[old_begin] = begin;
    if (end < old_end) mappings_[end] = old_end;
  }
  mapped_bytes_ -= ended_bytes;
  return ended_bytes;
}

void Recording::Write(const HeldEvents::Event& event) {
  switch (event.kind) {
    case EventKind::kAllocation:
    case EventKind::kMapping:
      return writer_.WriteAllocation(event.thread, event.address,
                                     event.size_bytes, event.allocator,
                                     event.stack);
    case EventKind::kDeallocation:
      return writer_.WriteDeallocation(event.address);
    case EventKind::kUnmapping:
      return writer_.WriteUnmapping(event.address, event.size_bytes);
    case EventKind::kObject:
    case EventKind::kObjectEnd:
      return;  // the capture tells the JS heap at peaks only
  }
}

uint64_t Recording::raw_peak_bytes() const {
  return is_holding_ ? held_.raw_peak_bytes() : native_bytes();
}

HeldEvents::Peak Recording::FindPeak(uint64_t js_bytes) {
  return is_holding_ ? held_.FindPeak(js_bytes, limit_bytes_)
                     : HeldEvents::Peak{0, native_bytes(), js_bytes};
}

void Recording::ForgetGarbage() {
  if (is_holding_) held_.ForgetGarbage();
}

void Recording::TellPeak(records::HeapKind kind, uint64_t js_bytes) {
  HoldEvents();
  const HeldEvents::Peak peak = held_.FindPeak(js_bytes, limit_bytes_);
  held_.WriteAll(
      peak.position, [this](const HeldEvents::Event& event) { Write(event); },
      [&] {
        // What is taken for none has no call stacks either.
        if (peak.js_bytes > 0) WriteSamplesBefore(peak.position);
        writer_.WriteHeap(kind, peak.js_bytes);
      });
  is_holding_ = false;
}

/// Writes which objects are live, but those that came after what is held up to
/// there.
void Recording::WriteSamplesBefore(size_t position) {
  held_.ForEachObjectAfter(
      position, [this](const Sample& sample) { samples_.Hide(sample); });
  WriteSamples();
  held_.ForEachObjectAfter(
      position, [this](const Sample& sample) { samples_.Show(sample); });
}

void Recording::WriteSamples() {
  samples_.TakeChanges(
      [this](uint32_t stack, uint64_t bytes, uint64_t objects) {
        writer_.WriteSamples(stack, bytes, objects);
      });
}

void Recording::WriteLive(records::HeapKind kind, uint64_t raw_peak_bytes) {
  if (sampler_) {
    CountNewestSample();
    ShortenSamples();
    WriteSamples();
  }
  writer_.WriteHeap(kind, raw_peak_bytes);
}

void Recording::ReleaseEvents() {
  if (!is_holding_) return;
  held_.ForgetGarbage();
  held_.WriteAll(
      0, [this](const HeldEvents::Event& event) { Write(event); }, [] {});
  is_holding_ = false;
}

uint32_t Recording::FindSampleStack(ThreadState* thread, bool is_program) {
  if (is_out_of_memory_) return Sample::kNoStack;
  return is_program ? recorder_.Record(thread).value_or(Sample::kNoStack)
                    : recorder_.CompilerStack();
}

void Recording::AddSample(Sample* sample, uint32_t stack, uint64_t round) {
  CountNewestSample();
  const bool is_program =
      stack != Sample::kNoStack && stack != recorder_.CompilerStack();
  // Not the same place of the same round: so not the same call.
  if (is_program &&
      (stack != call_.stack || round != call_.round || round == 0))
    call_ = {stack, call_.number + 1, round, 0};
  sample->stack = stack;
  sample->call = call_.number;
  sample->live_bytes = 0;
  sample->live_objects = 0;
  sample->SetPart({});
  newest_sample_ = sample;
  has_newest_bytes_ = true;
}

uint64_t Recording::TakeNewestBytes() {
  if (!newest_sample_ || !has_newest_bytes_) return 0;
  has_newest_bytes_ = false;
  const auto address = reinterpret_cast<uintptr_t>(newest_sample_->block);
  return object_sampler::MemoryOf(sampler_->block.AllocatedBytes(address))
      .bytes;
}

void Recording::RemoveSample(const Sample* sample) {
  if (sample == bytes_sample_) bytes_sample_ = nullptr;
  if (sample != newest_sample_) return samples_.Remove(*sample);
  // What it dropped cannot be told any more, and need not.
  const auto address = reinterpret_cast<uintptr_t>(sample->block);
  samples_.AddDead(
      object_sampler::MemoryOf(sampler_->block.AllocatedBytes(address)));
  newest_sample_ = nullptr;
}

void Recording::CountNewestSample() {
  if (bytes_sample_) SettleBytes();
  if (!newest_sample_) return;
  const auto address = reinterpret_cast<uintptr_t>(newest_sample_->block);
  if (newest_sample_->stack != Sample::kNoStack &&
      sampler_->block.IsOfCompilers(address))
    newest_sample_->stack = recorder_.CompilerStack();
  const auto [bytes, dropped, part] = sampler_->block.SizeOf(address);
  const SampledMemory memory = object_sampler::MemoryOf(bytes);
  newest_sample_->SetPart(part);
  samples_.Add(newest_sample_, memory, ScaleToSample(dropped, memory.objects));
  if (newest_sample_->live_bytes > 0 &&
      sampler_->block.MayBecomeNumbers(address))
    bytes_sample_ = newest_sample_;
  if (newest_sample_->stack == call_.stack &&
      newest_sample_->call == call_.number) {
    call_.bytes += memory.bytes;
    bytes_since_large_call_ += memory.bytes;
    if (call_.number == large_call_.number ||
        bytes_since_large_call_ >= large_call_.bytes / kMuchDivisor) {
      large_call_ = call_;
      bytes_since_large_call_ = 0;
    }
  }
  newest_sample_ = nullptr;
}

void Recording::SettleBytes() {
  const size_t dropped = sampler_->block.TakeNumbers(
      reinterpret_cast<uintptr_t>(bytes_sample_->block));
  if (dropped == 0) return;
  samples_.Shorten(bytes_sample_,
                   ScaleToSample(dropped, bytes_sample_->live_objects));
  bytes_sample_ = nullptr;
}

void Recording::ShortenSamples() {
  if (samples_functions()) return;
  sampler_->memory->ForEachLive([this](Sample* sample) {
    const auto before = sample->part();
    const auto now = sampler_->block.PartNow(
        reinterpret_cast<uintptr_t>(sample->block), before);
    sample->SetPart(now);
    if (now.words == before.words) return;
    const size_t dropped = (before.words - now.words) * sizeof(uintptr_t);
    samples_.Shorten(sample, ScaleToSample(dropped, sample->live_objects));
  });
}

Recording::SampledTotal Recording::SumSamples() {
  CountNewestSample();
  const uint64_t live = samples_.live_bytes();
  return {live, live + samples_.dead_bytes(), samples_.StandardError()};
}

void Recording::ForgetSamples() {
  samples_.Clear();
  newest_sample_ = bytes_sample_ = nullptr;
}

void Recording::SetLiveByFunction(
    const std::vector<object_sampler::FunctionNode>& nodes) {
  if (is_out_of_memory_) return;
  const auto stacks = recorder_.RecordFunctions(nodes);
  LiveSamples::ByStack sums;
  for (size_t i = 0; i < nodes.size(); ++i) {
    if (!stacks[i] || nodes[i].live.bytes == 0) continue;
    SampledMemory& sum = sums[*stacks[i]];
    sum.bytes += nodes[i].live.bytes;
    sum.objects += nodes[i].live.objects;
  }
  samples_.SetSums(sums);
}

std::unique_ptr<Sink> Recording::Finish(const FindOriginals& find_originals) {
  if (is_out_of_memory_) {
    sink_->SetError("Could not record what was allocated: out of memory.");
    return std::move(sink_);
  }
  recorder_.WriteSymbols(JsCallStacks::OfThisThread(), find_originals);
  writer_.Finish(std::chrono::duration_cast<std::chrono::milliseconds>(
                     Clock::now() - started_at)
                     .count());
  return std::move(sink_);
}

}  // namespace memray_mocha
