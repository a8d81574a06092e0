#include "environment.h"

#include <string>

#include "tracker.h"

namespace memray_mocha {
namespace {

std::string GetString(const Napi::Object& options, const char* key) {
  return options.Get(key).ToString().Utf8Value();
}

TrackingOptions ReadOptions(const Napi::Object& options) {
  TrackingOptions result{
      GetString(options, "path"),
      GetString(options, "temporaryDirectory"),
      options.Get("native").ToBoolean(),
      options.Get("traceJs").ToBoolean(),
      static_cast<uint64_t>(
          options.Get("jsSampleIntervalBytes").ToNumber().Int64Value()),
      GetString(options, "ownDirectory"),
      options.Get("isGcExposed").ToBoolean(),
      {}};
  const auto metadata = options.Get("metadata").As<Napi::Object>();
  const Napi::Array keys = metadata.GetPropertyNames();
  for (uint32_t i = 0; i < keys.Length(); ++i) {
    const std::string key = keys.Get(i).ToString().Utf8Value();
    result.metadata.emplace_back(key, GetString(metadata, key.c_str()));
  }
  return result;
}

}  // namespace

Environment::Environment(Napi::Env) {}

Environment::~Environment() {
  if (is_tracking_) Tracker::Get().Stop();
}

void Environment::Start(const Napi::CallbackInfo& info) {
  const std::string error =
      Tracker::Get().Start(ReadOptions(info[0].As<Napi::Object>()));
  if (error.empty()) {
    is_tracking_ = true;
  } else {
    Napi::Error::New(info.Env(), error).ThrowAsJavaScriptException();
  }
}

Napi::Value Environment::Stop(const Napi::CallbackInfo& info) {
  if (!is_tracking_) {
    Napi::Error::New(info.Env(), "No tracker is running.")
        .ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  is_tracking_ = false;
  auto capture = std::make_unique<CaptureHandle>(Tracker::Get().Stop());
  const std::string& error = (*capture)->error();
  if (!error.empty()) {
    Napi::Error::New(info.Env(), error).ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  return Napi::External<CaptureHandle>::New(
      info.Env(), capture.release(),
      [](Napi::Env, CaptureHandle* handle) { delete handle; });
}

}  // namespace memray_mocha
