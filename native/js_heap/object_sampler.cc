#include "js_heap/object_sampler.h"

#include <v8-profiler.h>
#include <v8.h>

#include <cmath>
#include <memory>

namespace memray_mocha::object_sampler {
namespace {

double mean_interval_bytes = 1;

/// How many objects of its size a sample stands for. V8 tells that as well, but
/// as a whole number: a quarter too few where there ought to be 1.3.
double CountFor(size_t size_bytes) {
  if (mean_interval_bytes <= 1) return 1;
  return -1 /
         std::expm1(-static_cast<double>(size_bytes) / mean_interval_bytes);
}

v8::HeapProfiler* Profiler() {
  return v8::Isolate::GetCurrent()->GetHeapProfiler();
}

}  // namespace

void Start(uint64_t interval_bytes) {
  mean_interval_bytes = static_cast<double>(interval_bytes);
  constexpr int kStackDepth = 0;
  Profiler()->StartSamplingHeapProfiler(interval_bytes, kStackDepth);
}

void Stop() { Profiler()->StopSamplingHeapProfiler(); }

uint64_t BytesForSample(size_t size_bytes) {
  if (size_bytes == 0) return static_cast<uint64_t>(mean_interval_bytes);
  return std::llround(static_cast<double>(size_bytes) * CountFor(size_bytes));
}

std::vector<LiveSample> LiveSamples() {
  const v8::HandleScope scope(v8::Isolate::GetCurrent());
  const std::unique_ptr<v8::AllocationProfile> profile(
      Profiler()->GetAllocationProfile());
  std::vector<LiveSample> live;
  if (!profile) return live;
  live.reserve(profile->GetSamples().size());
  for (const v8::AllocationProfile::Sample& sample : profile->GetSamples()) {
    const double count = CountFor(sample.size);
    // Ids count up from 1 in the order in which samples are taken.
    live.push_back({sample.sample_id - 1,
                    static_cast<double>(sample.size) * count, count});
  }
  return live;
}

void AllocateObjects(size_t count) {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  for (size_t i = 0; i < count; ++i) {
    const v8::HandleScope scope(isolate);
    v8::Object::New(isolate);
  }
}

}  // namespace memray_mocha::object_sampler
