#ifndef NATIVE_ENVIRONMENT_H_
#define NATIVE_ENVIRONMENT_H_

#include <napi.h>

#include <memory>

#include "call_stack/js_call_stack.h"
#include "capture/sink.h"
#include "js_heap/heap.h"

namespace memray_mocha {

/// A finished capture, which JavaScript holds; nullptr once it is closed.
using CaptureHandle = std::unique_ptr<Sink>;

/// What belongs to one Node environment (the main thread's or a worker's): the
/// call stacks of its isolate, and the tracker it started, if it did. Ends with
/// it.
class Environment {
 public:
  Environment();
  ~Environment();

  /// @return whether the JS heap is measured; undefined, and nothing begins,
  /// while another environment's tracker runs.
  Napi::Value Start(const Napi::CallbackInfo& info);
  /// collectGarbage(programFlags)
  void CollectGarbage(const Napi::CallbackInfo& info);

  /// mark(programFlags): the flags are for the collection that comes first.
  void Mark(const Napi::CallbackInfo& info);

  /// stopTracking(findOriginals, programFlags): with the flags, garbage is
  /// collected first.
  /// @return an External of the CaptureHandle.
  Napi::Value Stop(const Napi::CallbackInfo& info);

  /// describeScript(id) -> {name, sourceMappingUrl}, both empty when the
  /// program is done with it
  Napi::Value DescribeScript(const Napi::CallbackInfo& info);

  /// Whether the tracker that runs is this environment's.
  bool is_tracking() const { return is_tracking_; }

 private:
  void Collect(heap::Collection kind, const heap::ProgramFlags& flags);

  const std::shared_ptr<JsCallStacks> js_call_stacks_;
  bool is_tracking_ = false;
};

}  // namespace memray_mocha

#endif  // NATIVE_ENVIRONMENT_H_
