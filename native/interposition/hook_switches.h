#ifndef NATIVE_INTERPOSITION_HOOK_SWITCHES_H_
#define NATIVE_INTERPOSITION_HOOK_SWITCHES_H_

#include <atomic>

namespace memray_mocha {

class AllocationListener;
class BlockProvider;

/// What hooks look at to know what to do. In a page of its own, which the
/// kernel clears in a forked child, even where the program forks by the system
/// call: there nobody listens, and no hook takes a lock that another thread may
/// have held.
struct alignas(4096) HookSwitches {
  std::atomic<AllocationListener*> listener{nullptr};
  std::atomic<BlockProvider*> provider{nullptr};
  /// Whether this is the process that was hooked, no child of it.
  std::atomic<bool> is_on{false};

  void TurnOn();
};

inline constinit HookSwitches hook_switches;

}  // namespace memray_mocha

#endif  // NATIVE_INTERPOSITION_HOOK_SWITCHES_H_
