#include "environment.h"

// The <node.h> of Node 20 defines another.
#undef NAPI_VERSION
#include <node.h>

#include <optional>
#include <string>

#include "call_stack/helper_threads.h"
#include "js_heap/heap.h"
#include "js_heap/worker_isolates.h"
#include "tracker.h"

namespace memray_mocha {
namespace {

/// What an object has. Of a thread that is being terminated nothing can be
/// read: then it is empty, as is what an empty object has.
template <typename Key>
Napi::Value Read(const Napi::Object& object, Key key) {
  return object.IsEmpty() ? Napi::Value() : object.Get(key);
}

template <typename Key>
std::string ReadString(const Napi::Object& object, Key key) {
  const Napi::Value value = Read(object, key);
  return value.IsString() ? value.As<Napi::String>().Utf8Value() : "";
}

bool ReadBoolean(const Napi::Object& object, const char* key) {
  const Napi::Value value = Read(object, key);
  return value.IsBoolean() && value.As<Napi::Boolean>().Value();
}

template <typename Number>
Number ReadNumber(const Napi::Object& object, const char* key) {
  const Napi::Value value = Read(object, key);
  if (!value.IsNumber()) return 0;
  return static_cast<Number>(value.As<Napi::Number>().Int64Value());
}

heap::ProgramFlags ReadFlags(const Napi::Object& flags) {
  return {.exposes_gc = ReadBoolean(flags, "exposesGc"),
          .sweeps_at_once = ReadBoolean(flags, "sweepsAtOnce")};
}

/// @return nothing on a thread that is being terminated.
std::optional<TrackingOptions> ReadOptions(const Napi::Object& options) {
  TrackingOptions result{
      .path = ReadString(options, "path"),
      .temporary_directory = ReadString(options, "temporaryDirectory"),
      .native = ReadBoolean(options, "native"),
      .trace_js = ReadBoolean(options, "traceJs"),
      .js_sample_interval_bytes =
          ReadNumber<uint64_t>(options, "jsSampleIntervalBytes"),
      .own_directory = ReadString(options, "ownDirectory"),
      .program_flags =
          ReadFlags(Read(options, "programFlags").As<Napi::Object>()),
      .metadata = {}};
  // A list: names of an object's properties would include those that tests give
  // to all objects.
  const Napi::Value metadata = Read(options, "metadata");
  if (!metadata.IsArray()) return std::nullopt;
  const uint32_t count = metadata.As<Napi::Array>().Length();
  for (uint32_t i = 0; i < count; ++i) {
    const auto entry = Read(metadata.As<Napi::Object>(), i).As<Napi::Object>();
    result.metadata.emplace_back(ReadString(entry, 0u), ReadString(entry, 1u));
  }
  return result;
}

KeptScripts::Place ReadPlace(const Napi::Object& place) {
  return {ReadNumber<uint32_t>(place, "line"),
          ReadNumber<uint32_t>(place, "column")};
}

/// Asks `find_originals(scriptId, [{line, column}...])`, which gives for each
/// `{file, line, column}` or undefined.
std::vector<OriginalPlace> CallFindOriginals(
    const Napi::Function& find_originals, int script_id,
    const std::vector<KeptScripts::Place>& places) {
  const Napi::Env env = find_originals.Env();
  const Napi::HandleScope scope(env);
  Napi::Array generated = Napi::Array::New(env, places.size());
  for (uint32_t i = 0; i < places.size(); ++i) {
    Napi::Object place = Napi::Object::New(env);
    place["line"] = places[i].line;
    place["column"] = places[i].column;
    generated[i] = place;
  }
  const Napi::Value result =
      find_originals.Call({Napi::Number::New(env, script_id), generated});
  std::vector<OriginalPlace> originals(places.size());
  if (!result.IsArray()) return originals;
  for (uint32_t i = 0; i < places.size(); ++i) {
    const Napi::Value original = Read(result.As<Napi::Object>(), i);
    if (!original.IsObject()) continue;
    const auto object = original.As<Napi::Object>();
    originals[i] = {ReadString(object, "file"), ReadPlace(object)};
  }
  return originals;
}

std::vector<OriginalPlace> FindNoOriginals(
    int, const std::vector<KeptScripts::Place>&) {
  return {};
}

/// See Addon.
Napi::Value ThrowNotRecorded(Napi::Env env, const std::string& message) {
  Napi::Error error = Napi::Error::New(env, message);
  error.Set("code", "ERR_MEMRAY_NOT_RECORDED");
  error.ThrowAsJavaScriptException();
  return env.Undefined();
}

/// @return nullptr where the isolate is not one of Node's.
v8::Platform* PlatformOfThisThread() {
  const auto context = v8::Isolate::GetCurrent()->GetCurrentContext();
  node::Environment* environment = node::GetCurrentEnvironment(context);
  return environment ? node::GetMultiIsolatePlatform(environment) : nullptr;
}

/// See worker_isolates::Host.
bool RunAtEnd(v8::Isolate* isolate, void (*callback)(void*), void* argument) {
  const v8::HandleScope scope(isolate);
  if (!node::GetCurrentEnvironment(isolate->GetCurrentContext())) return false;
  node::AddEnvironmentCleanupHook(isolate, callback, argument);
  return true;
}

/// Those of this thread. A thread that loads the package twice has two
/// environments, and V8 tells of code once.
std::shared_ptr<JsCallStacks> ShareJsCallStacks() {
  static thread_local std::weak_ptr<JsCallStacks> of_this_thread;
  std::shared_ptr<JsCallStacks> shared = of_this_thread.lock();
  if (!shared) of_this_thread = shared = std::make_shared<JsCallStacks>();
  return shared;
}

}  // namespace

Environment::Environment() : js_call_stacks_(ShareJsCallStacks()) {
  v8::Platform* platform = PlatformOfThisThread();
  // Here, for by the time that tracking begins the answer should be there.
  helper_threads::Probe(platform);
  worker_isolates::SetHost({platform, RunAtEnd});
}

Environment::~Environment() {
  if (is_tracking_) Tracker::Get().Stop(FindNoOriginals, false);
}

Napi::Value Environment::Start(const Napi::CallbackInfo& info) {
  const auto options = ReadOptions(info[0].As<Napi::Object>());
  if (!options) return info.Env().Undefined();
  const std::optional<std::string> error = Tracker::Get().Start(*options);
  if (!error) return info.Env().Undefined();
  if (!error->empty()) return ThrowNotRecorded(info.Env(), *error);
  js_call_stacks_->code().scripts().Mark();
  is_tracking_ = true;
  return Napi::Boolean::New(info.Env(), Tracker::Get().measures_js_heap());
}

/// Garbage of this environment's isolate.
void Environment::Collect(heap::Collection kind,
                          const heap::ProgramFlags& flags) {
  IsolateCode& code = js_call_stacks_->code();
  if (is_tracking_)
    code.scripts().Release(Tracker::Get().FindScripts(code.id()));
  heap::Collect(kind, flags);
  code.scripts().Reclaim();
}

void Environment::CollectGarbage(const Napi::CallbackInfo& info) {
  const auto flags = ReadFlags(info[0].As<Napi::Object>());
  Collect(heap::Collection::kFull, flags);
  worker_isolates::Standstill(flags).Await();
}

void Environment::Mark(const Napi::CallbackInfo& info) {
  if (!is_tracking_) return;
  const auto flags = ReadFlags(info[0].As<Napi::Object>());
  Collect(heap::Collection::kThorough, flags);
  worker_isolates::Standstill workers(flags);
  workers.Await();
  Tracker::Get().Mark();
}

Napi::Value Environment::Stop(const Napi::CallbackInfo& info) {
  if (!is_tracking_) {
    Napi::Error::New(info.Env(), "No tracker is running.")
        .ThrowAsJavaScriptException();
    return info.Env().Undefined();
  }
  const bool collects = info[1].IsObject();
  if (collects) {
    Collect(heap::Collection::kThorough, ReadFlags(info[1].As<Napi::Object>()));
  }
  is_tracking_ = false;
  const auto find_originals = info[0].As<Napi::Function>();
  auto capture = std::make_unique<CaptureHandle>(Tracker::Get().Stop(
      [&](int script_id, const std::vector<KeptScripts::Place>& places) {
        return CallFindOriginals(find_originals, script_id, places);
      },
      collects));
  const std::string& error = (*capture)->error();
  if (!error.empty()) return ThrowNotRecorded(info.Env(), error);
  return Napi::External<CaptureHandle>::New(
      info.Env(), capture.release(),
      [](Napi::Env, CaptureHandle* handle) { delete handle; });
}

Napi::Value Environment::DescribeScript(const Napi::CallbackInfo& info) {
  const auto [name, source_mapping_url] =
      js_call_stacks_->code().scripts().Describe(
          info[0].ToNumber().Int32Value());
  Napi::Object script = Napi::Object::New(info.Env());
  script["name"] = name;
  script["sourceMappingUrl"] = source_mapping_url;
  return script;
}

}  // namespace memray_mocha
