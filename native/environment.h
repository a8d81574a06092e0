#ifndef NATIVE_ENVIRONMENT_H_
#define NATIVE_ENVIRONMENT_H_

#include <napi.h>

#include <memory>

#include "call_stack/js_call_stack.h"
#include "capture/sink.h"

namespace memray_mocha {

/// What belongs to one Node environment (the main thread's or a worker's): the
/// call stacks of its isolate, and the capture it started, if it did. Ends with
/// it.
class Environment {
 public:
  explicit Environment(Napi::Env env);
  ~Environment();

  void Start(const Napi::CallbackInfo& info);
  Napi::Value Stop(const Napi::CallbackInfo& info);

  /// The capture that was ended last, or nullptr. Of this environment only: a
  /// worker must not end what another one still reads.
  Sink* capture() const { return capture_.get(); }
  void DiscardCapture() { capture_.reset(); }

 private:
  JsCallStacks js_call_stacks_;
  std::unique_ptr<Sink> capture_;
  bool is_tracking_ = false;
};

}  // namespace memray_mocha

#endif  // NATIVE_ENVIRONMENT_H_
