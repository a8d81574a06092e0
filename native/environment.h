#ifndef NATIVE_ENVIRONMENT_H_
#define NATIVE_ENVIRONMENT_H_

#include <napi.h>

#include <memory>

#include "call_stack/js_call_stack.h"

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

 private:
  JsCallStacks js_call_stacks_;
  bool is_tracking_ = false;
};

}  // namespace memray_mocha

#endif  // NATIVE_ENVIRONMENT_H_
