#include "js_heap/worker_isolates.h"

#include <v8-platform.h>
#include <v8.h>

#include <atomic>
#include <chrono>
#include <condition_variable>
#include <map>
#include <memory>
#include <mutex>
#include <thread>
#include <utility>

#include "js_heap/heap.h"
#include "recursion_guard.h"

namespace memray_mocha::worker_isolates {
namespace {

/// For a worker that waits for the program, which waits here.
constexpr std::chrono::milliseconds kPatience{250};
/// For a worker that stands still, whatever becomes of who stopped it: V8 of
/// its thread may wait for this one.
constexpr std::chrono::milliseconds kMaxStandstill{1000};

}  // namespace

/// What the threads that stand still, or will, have in common.
class Standstill::Round {
 public:
  explicit Round(const heap::ProgramFlags& program_flags)
      : program_flags(program_flags) {}

  void OnAsked() {
    std::lock_guard lock(mutex_);
    ++running_;
  }
  void OnStopped() {
    std::lock_guard lock(mutex_);
    --running_;
    changed_.notify_all();
  }
  void Await() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kPatience, [this] { return running_ == 0; });
  }

  void StandStill() {
    std::unique_lock lock(mutex_);
    changed_.wait_for(lock, kMaxStandstill, [this] { return is_over_; });
  }
  void End() {
    std::lock_guard lock(mutex_);
    is_over_ = true;
    changed_.notify_all();
  }
  bool is_over() {
    std::lock_guard lock(mutex_);
    return is_over_;
  }

  const heap::ProgramFlags program_flags;

 private:
  std::mutex mutex_;
  std::condition_variable changed_;
  size_t running_ = 0;
  bool is_over_ = false;
};

namespace {

/// That one worker is to collect all garbage and stand still, once: where it
/// runs JavaScript, or else where it waits for something to do.
class Request {
 public:
  explicit Request(std::shared_ptr<Standstill::Round> round)
      : round_(std::move(round)) {
    round_->OnAsked();
  }

  /// On the worker's thread.
  void Serve() {
    if (is_begun_.exchange(true)) return;
    if (!round_->is_over())
      heap::Collect(heap::Collection::kFull, round_->program_flags);
    const RecursionGuard guard;
    End();
    round_->StandStill();
  }

  /// It stands still, or the worker ends.
  void End() {
    is_begun_ = true;
    if (!is_ended_.exchange(true)) round_->OnStopped();
  }

  bool is_ended() const { return is_ended_; }

 private:
  const std::shared_ptr<Standstill::Round> round_;
  std::atomic<bool> is_begun_{false};
  std::atomic<bool> is_ended_{false};
};

class Task final : public v8::Task {
 public:
  explicit Task(std::shared_ptr<Request> request)
      : request_(std::move(request)) {}
  ~Task() override {
    const RecursionGuard guard;
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
  v8::Isolate* isolate;
  /// nullptr once it ends.
  std::shared_ptr<v8::TaskRunner> tasks;
  std::shared_ptr<Request> last_request{};

  /// It takes its memory down as it ends, and is waited for as well.
  void Ask(const std::shared_ptr<Standstill::Round>& round) {
    // One that has not got to the last one is not waited for again.
    if (tasks && last_request && !last_request->is_ended()) return;
    last_request = std::make_shared<Request>(round);
    if (!tasks) return;
    tasks->PostTask(std::make_unique<Task>(last_request));
    isolate->RequestInterrupt(Interrupt, new auto(last_request));
  }
};

// Never destroyed: workers may end while the process exits.
struct Registry {
  Host host{};
  std::mutex mutex;
  std::map<std::thread::id, Worker> workers;
  /// While there is one.
  std::shared_ptr<Standstill::Round> round;
  /// Of who has them stand still: two would wait for each other.
  std::timed_mutex standstill;
};

Registry& GetRegistry() {
  static Registry& registry = *new Registry;
  return registry;
}

/// Whether this thread has the others stand still.
[[gnu::tls_model("initial-exec")]] thread_local bool is_on_this_thread = false;

/// The isolate of this thread ends.
void OnEnd(void*) {
  heap::OnEnd();
  const RecursionGuard guard;
  Registry& registry = GetRegistry();
  std::lock_guard lock(registry.mutex);
  registry.workers.at(std::this_thread::get_id()).tasks.reset();
}

}  // namespace

void SetHost(const Host& host) {
  Registry& registry = GetRegistry();
  std::lock_guard lock(registry.mutex);
  registry.host = host;
}

bool Add() {
  const RecursionGuard guard;
  v8::Isolate* isolate = v8::Isolate::GetCurrent();
  Registry& registry = GetRegistry();
  std::lock_guard lock(registry.mutex);
  const Host& host = registry.host;
  // Without an environment it would end unseen.
  if (!host.platform || !host.run_at_end(isolate, OnEnd, nullptr)) return false;
  const auto [worker, is_new] = registry.workers.try_emplace(
      std::this_thread::get_id(),
      Worker{isolate, host.platform->GetForegroundTaskRunner(isolate)});
  if (registry.round) worker->second.Ask(registry.round);
  return true;
}

void EndThread() {
  Registry& registry = GetRegistry();
  std::lock_guard lock(registry.mutex);
  const auto worker = registry.workers.extract(std::this_thread::get_id());
  if (worker && worker.mapped().last_request)
    worker.mapped().last_request->End();
}

Standstill::Standstill(const heap::ProgramFlags& program_flags) {
  if (is_on_this_thread) return;
  lock_ = std::unique_lock(GetRegistry().standstill, kMaxStandstill);
  if (lock_) Begin(program_flags);
}

Standstill::Standstill(const heap::ProgramFlags& program_flags,
                       std::try_to_lock_t try_to_lock)
    : lock_(GetRegistry().standstill, try_to_lock) {
  if (lock_) Begin(program_flags);
}

void Standstill::Begin(const heap::ProgramFlags& program_flags) {
  const RecursionGuard guard;
  is_on_this_thread = true;
  round_ = std::make_shared<Round>(program_flags);
  Registry& registry = GetRegistry();
  std::lock_guard lock(registry.mutex);
  registry.round = round_;
  for (auto& [thread, worker] : registry.workers) {
    if (thread != std::this_thread::get_id()) worker.Ask(round_);
  }
}

void Standstill::Await() {
  if (round_) round_->Await();
}

Standstill::~Standstill() {
  if (!round_) return;
  const RecursionGuard guard;
  {
    Registry& registry = GetRegistry();
    std::lock_guard lock(registry.mutex);
    registry.round.reset();
  }
  round_->End();
  round_.reset();
  is_on_this_thread = false;
}

}  // namespace memray_mocha::worker_isolates
