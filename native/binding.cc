// The native boundary: every function that JavaScript can call. TypeScript
// (src/native/) checks and completes arguments; see Addon there.

#include <napi.h>

#include <chrono>

#include "capture/sink.h"
#include "environment.h"
#include "interposition/installer.h"
#include "js_heap/object_ids.h"
#include "notices.h"
#include "tracker.h"

namespace memray_mocha {
namespace {

Environment& EnvironmentOf(const Napi::CallbackInfo& info) {
  return *info.Env().GetInstanceData<Environment>();
}

/// What an environment does when it is called.
template <auto method>
auto Call(const Napi::CallbackInfo& info) {
  return (EnvironmentOf(info).*method)(info);
}

void RestrictCompilers(const Napi::CallbackInfo&) {
  JsCallStacks::RestrictCompilers();
}

CaptureHandle& CaptureOf(const Napi::CallbackInfo& info) {
  return *info[0].As<Napi::External<CaptureHandle>>().Data();
}

/// readCapture(capture, offset, target: Uint8Array) -> bytes read, 0 at the end
Napi::Value ReadCapture(const Napi::CallbackInfo& info) {
  const CaptureHandle& capture = CaptureOf(info);
  if (!capture) return Napi::Number::New(info.Env(), 0);
  const auto offset = info[1].As<Napi::Number>().Int64Value();
  auto target = info[2].As<Napi::Uint8Array>();
  const size_t count =
      capture->Read(offset, target.Data(), target.ByteLength());
  if (!capture->error().empty()) {
    Napi::Error::New(info.Env(), capture->error()).ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  return Napi::Number::New(info.Env(), static_cast<double>(count));
}

void SetSampleInterval(const Napi::CallbackInfo& info) {
  if (!EnvironmentOf(info).is_tracking()) return;
  Tracker::Get().SetSampleInterval(info[0].As<Napi::Number>().Int64Value());
}

void RecordNativeFrames(const Napi::CallbackInfo& info) {
  if (EnvironmentOf(info).is_tracking()) Tracker::Get().RecordNativeFrames();
}

void SetMemoryLimit(const Napi::CallbackInfo& info) {
  if (!EnvironmentOf(info).is_tracking()) return;
  Tracker::Get().SetMemoryLimit(info[0].As<Napi::Number>().Int64Value(),
                                info[1].As<Napi::Number>().Int64Value());
}

void NotePeak(const Napi::CallbackInfo& info) {
  if (EnvironmentOf(info).is_tracking()) Tracker::Get().NotePeak();
}

/// liveBytes() -> bytes
Napi::Value LiveBytes(const Napi::CallbackInfo& info) {
  const uint64_t bytes =
      EnvironmentOf(info).is_tracking() ? Tracker::Get().LiveBytes() : 0;
  return Napi::Number::New(info.Env(), static_cast<double>(bytes));
}

/// confirmingMs() -> milliseconds
Napi::Value ConfirmingMs(const Napi::CallbackInfo& info) {
  using Milliseconds = std::chrono::duration<double, std::milli>;
  const Milliseconds time = EnvironmentOf(info).is_tracking()
                                ? Tracker::Get().ConfirmingTime()
                                : Milliseconds::zero();
  return Napi::Number::New(info.Env(), time.count());
}

Napi::Value CaptureSize(const Napi::CallbackInfo& info) {
  const CaptureHandle& capture = CaptureOf(info);
  return Napi::Number::New(
      info.Env(), capture ? static_cast<double>(capture->size_bytes()) : 0);
}

void CloseCapture(const Napi::CallbackInfo& info) { CaptureOf(info).reset(); }

/// assignObjectIds() -> the largest one given so far
Napi::Value AssignObjectIds(const Napi::CallbackInfo& info) {
  return Napi::Number::New(info.Env(), object_ids::AssignAll());
}

/// takeHeapSnapshot() -> Buffer of JSON
Napi::Value TakeHeapSnapshot(const Napi::CallbackInfo& info) {
  const std::string json = object_ids::TakeSnapshot();
  return Napi::Buffer<char>::Copy(info.Env(), json.data(), json.size());
}

void ForgetObjectIds(const Napi::CallbackInfo&) { object_ids::Forget(); }

/// takeNotices() -> { code: message }, of those that are due
Napi::Value TakeNotices(const Napi::CallbackInfo& info) {
  Napi::Object due = Napi::Object::New(info.Env());
  for (Notice* notice : notices::kAll) {
    if (notice->Take()) due[notice->code] = notice->message;
  }
  return due;
}

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  // Memory that is made before a test may grow in it.
  installer::Install();
  env.SetInstanceData(new Environment);
  exports["unsupportedReason"] = Napi::String::New(env, "");
  exports["restrictCompilers"] = Napi::Function::New(env, RestrictCompilers);
  exports["startTracking"] =
      Napi::Function::New(env, Call<&Environment::Start>);
  exports["stopTracking"] = Napi::Function::New(env, Call<&Environment::Stop>);
  exports["describeScript"] =
      Napi::Function::New(env, Call<&Environment::DescribeScript>);
  exports["setSampleInterval"] = Napi::Function::New(env, SetSampleInterval);
  exports["recordNativeFrames"] = Napi::Function::New(env, RecordNativeFrames);
  exports["setMemoryLimit"] = Napi::Function::New(env, SetMemoryLimit);
  exports["notePeak"] = Napi::Function::New(env, NotePeak);
  exports["liveBytes"] = Napi::Function::New(env, LiveBytes);
  exports["confirmingMs"] = Napi::Function::New(env, ConfirmingMs);
  exports["mark"] = Napi::Function::New(env, Call<&Environment::Mark>);
  exports["captureSize"] = Napi::Function::New(env, CaptureSize);
  exports["readCapture"] = Napi::Function::New(env, ReadCapture);
  exports["closeCapture"] = Napi::Function::New(env, CloseCapture);
  exports["collectGarbage"] =
      Napi::Function::New(env, Call<&Environment::CollectGarbage>);
  exports["assignObjectIds"] = Napi::Function::New(env, AssignObjectIds);
  exports["takeHeapSnapshot"] = Napi::Function::New(env, TakeHeapSnapshot);
  exports["forgetObjectIds"] = Napi::Function::New(env, ForgetObjectIds);
  exports["takeNotices"] = Napi::Function::New(env, TakeNotices);
  return exports;
}

}  // namespace

NODE_API_MODULE(memray_mocha, Init)

}  // namespace memray_mocha
