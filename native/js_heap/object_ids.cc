#include "js_heap/object_ids.h"

#include <v8-profiler.h>
#include <v8.h>

#include <utility>

namespace memray_mocha::object_ids {
namespace {

/// Takes what V8 writes.
class Text : public v8::OutputStream {
 public:
  void EndOfStream() override {}
  int GetChunkSize() override { return 1 << 16; }

  WriteResult WriteAsciiChunk(char* data, int size) override {
    text_.append(data, size);
    return kContinue;
  }

  WriteResult WriteHeapStatsChunk(v8::HeapStatsUpdate*, int) override {
    return kContinue;
  }

  std::string Take() { return std::move(text_); }

 private:
  std::string text_;
};

}  // namespace

uint32_t AssignAll() {
  v8::HeapProfiler* profiler = v8::Isolate::GetCurrent()->GetHeapProfiler();
  profiler->StartTrackingHeapObjects();
  Text ignored;
  return profiler->GetHeapStats(&ignored);
}

std::string TakeSnapshot() {
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  const v8::HandleScope scope(isolate);
  const v8::HeapSnapshot* snapshot =
      isolate->GetHeapProfiler()->TakeHeapSnapshot(
          v8::HeapProfiler::HeapSnapshotOptions());
  Text text;
  snapshot->Serialize(&text);
  const_cast<v8::HeapSnapshot*>(snapshot)->Delete();
  return text.Take();
}

void Forget() {
  v8::HeapProfiler* profiler = v8::Isolate::GetCurrent()->GetHeapProfiler();
  profiler->StopTrackingHeapObjects();
  profiler->ClearObjectIds();
}

}  // namespace memray_mocha::object_ids
