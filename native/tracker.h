#ifndef NATIVE_TRACKER_H_
#define NATIVE_TRACKER_H_

#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <string>
#include <utility>
#include <vector>

#include "interposition/listener.h"

namespace memray_mocha {

struct Capture;
struct ThreadState;
class Sink;

struct TrackingOptions {
  /// The capture's file; empty: memory and, beyond some megabytes, a temporary
  /// file.
  std::string path;
  std::string temporary_directory;
  /// Record native frames in full, not only the allocator's caller.
  bool native;
  bool trace_js;
  /// Where this package's own JavaScript is; what that allocates is not
  /// recorded.
  std::string own_directory;
  /// Facts about the program for the capture: keys and values.
  std::vector<std::pair<std::string, std::string>> metadata;
};

/// Records what the process allocates from Start() to Stop(). There is one for
/// the process, as there is one allocator, and it is never destroyed.
class Tracker final : public AllocationListener {
 public:
  static Tracker& Get();

  /// @return what is wrong, a sentence; empty when tracking has begun.
  std::string Start(const TrackingOptions& options);

  /// Ends the capture. Only for who started it.
  /// @return the capture, to be read; its error says what went wrong while it
  /// was recorded.
  std::unique_ptr<Sink> Stop();

  void OnAllocation(uintptr_t address, size_t size_bytes, Allocator allocator,
                    uintptr_t caller) override;
  void OnDeallocation(uintptr_t address) override;
  void OnMapping(uintptr_t address, size_t size_bytes, Allocator allocator,
                 uintptr_t caller) override;
  void OnUnmapping(uintptr_t address, size_t size_bytes) override;

 private:
  Tracker() = default;
  void RecordAllocation(uintptr_t address, size_t size_bytes,
                        Allocator allocator, uintptr_t caller);

  std::atomic<bool> wants_native_frames_{false};
  // One lock for all threads: records stand in the order in which things
  // happened.
  std::mutex mutex_;
  std::unique_ptr<Capture> capture_;
};

}  // namespace memray_mocha

#endif  // NATIVE_TRACKER_H_
