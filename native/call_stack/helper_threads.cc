#include "call_stack/helper_threads.h"

#include <dlfcn.h>
#include <unwind.h>
#include <v8-platform.h>
#include <v8-version.h>

#include <algorithm>
#include <atomic>
#include <chrono>
#include <memory>
#include <mutex>
#include <string>
#include <thread>
#include <utility>

#include "call_stack/native_symbols.h"

namespace memray_mocha::helper_threads {
namespace {

/// Longer it need not take, unless V8 keeps all of them busy.
constexpr std::chrono::milliseconds kMaxWait{100};

/// The function of Node's that runs V8's tasks: nullptr while none of ours was
/// run.
std::atomic<void*> task_runner{nullptr};
std::atomic<bool> is_probing{false};

/// @return where the function begins that an address to return to lies in, as
/// its unwind tables say.
void* BeginOfFunction(void* return_address) {
  return _Unwind_FindEnclosingFunction(return_address);
}

class ProbingTask final : public v8::Task {
 public:
  void Run() override {
    task_runner = BeginOfFunction(__builtin_return_address(0));
  }
};

void Post(v8::Platform* platform, std::unique_ptr<v8::Task> task) {
#if V8_MAJOR_VERSION >= 13
  platform->PostTaskOnWorkerThread(v8::TaskPriority::kUserBlocking,
                                   std::move(task));
#else
  platform->CallBlockingTaskOnWorkerThread(std::move(task));
#endif
}

void AwaitProbe() {
  using Clock = std::chrono::steady_clock;
  const auto end = Clock::now() + kMaxWait;
  while (is_probing && !task_runner && Clock::now() < end)
    std::this_thread::sleep_for(std::chrono::milliseconds(1));
}

void ReadSymbols() {
  // Any function of Node's: it is in the module that has the threads' own.
  const void* function = dlsym(RTLD_DEFAULT, "napi_module_register");
  NativeSymbols::OfProcess().Find(reinterpret_cast<uintptr_t>(function), true);
}

}  // namespace

void Probe(v8::Platform* platform) {
  // One that only waits for delayed tasks is counted, too. Without others a
  // task would wait forever, and Node for it when the program ends.
  if (!platform || platform->NumberOfWorkerThreads() < 2) return;
  if (!is_probing.exchange(true))
    Post(platform, std::make_unique<ProbingTask>());
}

void Prepare() {
  static std::once_flag is_done;
  std::call_once(is_done, [] {
    ReadSymbols();
    AwaitProbe();
  });
}

bool IsOne(const uintptr_t* frames, size_t count) {
  // Below it there are libc's and libuv's functions that start threads.
  constexpr size_t kFramesAtRoot = 6;
  void* const runner = task_runner;
  for (size_t i = count - std::min(count, kFramesAtRoot); i < count; ++i) {
    if (runner && BeginOfFunction(reinterpret_cast<void*>(frames[i])) == runner)
      return true;
    const std::string function =
        NativeSymbols::OfProcess().Find(frames[i] - 1, true).function;
    // The names of the second are exported: a stripped file has them.
    if (function.find("PlatformWorkerThread") != function.npos ||
        function.find("DelayedTaskScheduler") != function.npos) {
      return true;
    }
  }
  return false;
}

}  // namespace memray_mocha::helper_threads
