#include "js_heap/worker_isolates.h"

#include <v8-platform.h>
#include <v8.h>

#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <utility>
#include <vector>

#include "js_heap/heap.h"
#include "recursion_guard.h"

namespace memray_mocha::worker_isolates {
namespace {

/// For a worker that waits for the program, which waits here.
constexpr std::chrono::milliseconds kPatience{250};

/// That one worker is to collect all garbage, once: where it runs JavaScript,
/// or else where it waits for something to do.
class Request {
 public:
  explicit Request(const heap::ProgramFlags& program_flags)
      : program_flags_(program_flags) {}

  /// On the worker's thread.
  void Serve() {
    {
      const RecursionGuard guard;
      std::lock_guard lock(mutex_);
      if (is_begun_) return;
      is_begun_ = true;
    }
    heap::Collect(heap::Collection::kFull, program_flags_);
    End();
  }

  /// It is served, or the worker ends.
  void End() {
    const RecursionGuard guard;
    std::lock_guard lock(mutex_);
    is_begun_ = is_ended_ = true;
    ended_.notify_all();
  }

  bool is_ended() const {
    std::lock_guard lock(mutex_);
    return is_ended_;
  }

  void WaitUntil(std::chrono::steady_clock::time_point deadline) {
    std::unique_lock lock(mutex_);
    ended_.wait_until(lock, deadline, [this] { return is_ended_; });
  }

 private:
  const heap::ProgramFlags program_flags_;
  mutable std::mutex mutex_;
  std::condition_variable ended_;
  bool is_begun_ = false;
  bool is_ended_ = false;
};

class Task final : public v8::Task {
 public:
  explicit Task(std::shared_ptr<Request> request)
      : request_(std::move(request)) {}
  /// Also when the worker ends before it has run.
  ~Task() override {
    const RecursionGuard guard;
    request_->End();
    request_.reset();
  }
  void Run() override { request_->Serve(); }

 private:
  std::shared_ptr<Request> request_;
};

void Interrupt(v8::Isolate*, void* data) {
  const auto request = static_cast<std::shared_ptr<Request>*>(data);
  (*request)->Serve();
  const RecursionGuard guard;
  delete request;
}

struct Worker {
  std::shared_ptr<v8::TaskRunner> tasks;
  std::shared_ptr<Request> last_request;
};

// Never destroyed: workers may end while the process exits.
struct Registry {
  Host host{};
  std::mutex mutex;
  std::map<v8::Isolate*, Worker> workers;
};

Registry& GetRegistry() {
  static Registry& registry = *new Registry;
  return registry;
}

void Remove(void* isolate) {
  const RecursionGuard guard;
  Registry& registry = GetRegistry();
  std::lock_guard lock(registry.mutex);
  registry.workers.erase(static_cast<v8::Isolate*>(isolate));
}

}  // namespace

void SetHost(const Host& host) {
  Registry& registry = GetRegistry();
  std::lock_guard lock(registry.mutex);
  registry.host = host;
}

void Add() {
  const RecursionGuard guard;
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  Registry& registry = GetRegistry();
  std::lock_guard lock(registry.mutex);
  const Host& host = registry.host;
  // One without an environment ends unseen.
  if (!host.platform || registry.workers.contains(isolate) ||
      !host.run_at_end(isolate, Remove, isolate)) {
    return;
  }
  registry.workers[isolate].tasks =
      host.platform->GetForegroundTaskRunner(isolate);
}

void CollectAll(const heap::ProgramFlags& program_flags) {
  const RecursionGuard guard;
  std::vector<std::shared_ptr<Request>> requests;
  {
    Registry& registry = GetRegistry();
    std::lock_guard lock(registry.mutex);
    for (auto& [isolate, worker] : registry.workers) {
      auto& last = worker.last_request;
      // One that has not got to the last one is not waited for again.
      if (isolate == v8::Isolate::GetCurrent() || (last && !last->is_ended()))
        continue;
      last = std::make_shared<Request>(program_flags);
      requests.push_back(last);
      worker.tasks->PostTask(std::make_unique<Task>(last));
      isolate->RequestInterrupt(Interrupt, new auto(last));
    }
  }
  const auto deadline = std::chrono::steady_clock::now() + kPatience;
  for (const auto& request : requests) request->WaitUntil(deadline);
}

}  // namespace memray_mocha::worker_isolates
