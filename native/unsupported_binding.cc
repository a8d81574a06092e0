// What is compiled where memory cannot be tracked: a module that loads and says
// so.

#include <napi.h>

namespace {

Napi::Object Init(Napi::Env env, Napi::Object exports) {
  exports["unsupportedReason"] = Napi::String::New(
      env, "Memory can be tracked on Linux x64 with glibc only.");
  return exports;
}

NODE_API_MODULE(memray_mocha, Init)

}  // namespace
