#include "js_heap/object_sampler.h"

#include <v8-profiler.h>
#include <v8.h>

#include <algorithm>
#include <array>
#include <cmath>
#include <memory>
#include <unordered_map>
#include <utility>
#include <vector>

#include "recursion_guard.h"

namespace memray_mocha::object_sampler {
namespace {

uint64_t mean_interval_bytes = 0;

/// V8 tells how many objects a sample stands for as well, but as a whole
/// number: a quarter too few where there ought to be 1.3.
SampledMemory ComputeMemoryOf(size_t size_bytes) {
  if (mean_interval_bytes <= 1) return {size_bytes, 1};
  const auto size = static_cast<double>(size_bytes);
  const double count =
      -1 / std::expm1(-size / static_cast<double>(mean_interval_bytes));
  return {static_cast<uint64_t>(std::llround(size * count)), count};
}

/// Of the small objects, which are most, by size in words.
std::array<SampledMemory, 512> memory_of_small;
constexpr size_t kWordBytes = sizeof(uintptr_t);

void SetMeanInterval(uint64_t interval_bytes) {
  // It is nearly always the same.
  if (interval_bytes == mean_interval_bytes) return;
  mean_interval_bytes = interval_bytes;
  for (size_t words = 1; words < memory_of_small.size(); ++words)
    memory_of_small[words] = ComputeMemoryOf(words * kWordBytes);
}

v8::HeapProfiler* Profiler() {
  return v8::Isolate::GetCurrent()->GetHeapProfiler();
}

/// @return nullptr when it does not run.
std::unique_ptr<v8::AllocationProfile> TakeProfile() {
  return std::unique_ptr<v8::AllocationProfile>(
      Profiler()->GetAllocationProfile());
}

std::string ToString(v8::Isolate* isolate, v8::Local<v8::String> text) {
  if (text.IsEmpty()) return "";
  const v8::String::Utf8Value value(isolate, text);
  return *value ? std::string(*value, value.length()) : "";
}

Function FunctionOf(v8::Isolate* isolate,
                    const v8::AllocationProfile::Node& node) {
  const auto known = [](int number) { return std::max(number, 0); };
  return {ToString(isolate, node.name), ToString(isolate, node.script_name),
          node.script_id, static_cast<uint32_t>(known(node.line_number)),
          static_cast<uint32_t>(known(node.column_number))};
}

}  // namespace

void Start(uint64_t interval_bytes, Stacks stacks) {
  SetMeanInterval(interval_bytes);
  int max_depth = 0;
  if (stacks == Stacks::kFunctions) {
    max_depth = 64;
    // In V8's own call stacks an inlined function is its caller.
    v8::V8::SetFlagsFromString("--no-turbo-inlining");
  }
  Profiler()->StartSamplingHeapProfiler(interval_bytes, max_depth);
}

bool Stop() {
  // Which it does not when it runs.
  const bool has_started = Profiler()->StartSamplingHeapProfiler();
  Profiler()->StopSamplingHeapProfiler();
  return !has_started;
}

SampledMemory MemoryOf(size_t size_bytes) {
  const size_t words = size_bytes / kWordBytes;
  return words < memory_of_small.size() ? memory_of_small[words]
                                        : ComputeMemoryOf(size_bytes);
}

bool IsRunning() {
  const v8::HandleScope scope(v8::Isolate::GetCurrent());
  return TakeProfile() != nullptr;
}

std::vector<SampledObject> LiveObjects() {
  const v8::HandleScope scope(v8::Isolate::GetCurrent());
  const auto profile = TakeProfile();
  std::vector<SampledObject> live;
  if (!profile) return live;
  for (const v8::AllocationProfile::Sample& sample : profile->GetSamples()) {
    // Ids count up from 1 in the order in which samples are taken.
    live.push_back({sample.sample_id - 1, sample.size});
  }
  return live;
}

std::vector<FunctionNode> LiveByFunction() {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  const v8::HandleScope scope(isolate);
  const auto profile = TakeProfile();
  std::vector<FunctionNode> nodes;
  if (!profile) return nodes;
  std::unordered_map<uint32_t, size_t> index_by_id;
  // Each with its caller's index.
  std::vector<std::pair<const v8::AllocationProfile::Node*, size_t>> waiting{
      {profile->GetRootNode(), 0}};
  while (!waiting.empty()) {
    const auto [node, caller] = waiting.back();
    waiting.pop_back();
    const size_t index = nodes.size();
    nodes.push_back({FunctionOf(isolate, *node), caller, {}});
    index_by_id[node->node_id] = index;
    for (const auto* callee : node->children)
      waiting.push_back({callee, index});
  }
  for (const v8::AllocationProfile::Sample& sample : profile->GetSamples()) {
    const SampledMemory memory = MemoryOf(sample.size);
    SampledMemory& live = nodes[index_by_id[sample.node_id]].live;
    live.bytes += memory.bytes;
    live.objects += memory.objects;
  }
  return nodes;
}

double StandardError(uint64_t sum_bytes) {
  if (mean_interval_bytes <= 1) return 0;
  return std::sqrt(static_cast<double>(sum_bytes) *
                   static_cast<double>(mean_interval_bytes));
}

void AllocateObjects(size_t count) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  for (size_t i = 0; i < count; ++i) {
    const v8::HandleScope scope(isolate);
    v8::Object::New(isolate);
  }
}

std::shared_ptr<void> TakeFreeHandles(
    const std::function<bool()>& has_allocated) {
  constexpr size_t kMaxHandles = size_t{1} << 20;  // 32 MiB of them
  v8::Isolate* const isolate = v8::Isolate::GetCurrent();
  const v8::HandleScope scope(isolate);
  const auto handles = std::make_shared<std::vector<v8::Global<v8::Value>>>();
  // Who watches V8 allocate should not see the vector do it.
  while (handles->size() < kMaxHandles && !has_allocated()) {
    v8::Global<v8::Value> handle(isolate, v8::Null(isolate));
    const RecursionGuard guard;
    handles->push_back(std::move(handle));
  }
  return handles;
}

}  // namespace memray_mocha::object_sampler
