#ifndef NATIVE_NOTICES_H_
#define NATIVE_NOTICES_H_

#include <atomic>

namespace memray_mocha {

/// Something the user should know of how this process is tracked. It is said
/// once, however often it is so.
class Notice {
 public:
  constexpr Notice(const char* code, const char* message)
      : code(code), message(message) {}

  /// On any thread, even in a hook.
  void Raise() { is_raised_ = true; }
  /// @return whether it is to be said now.
  bool Take() { return is_raised_ && !was_taken_.exchange(true); }

  const char* const code;  // of Node's warning
  const char* const message;

 private:
  std::atomic<bool> is_raised_{false};
  std::atomic<bool> was_taken_{false};
};

namespace notices {

inline constinit Notice frames_unknown{
    "MEMRAY_MOCHA_SLOWER",
    "memray-mocha takes call stacks in V8's own, slower way: it did not find "
    "out how frames lie on the stack of this Node. Please report this, with "
    "the version of Node."};
inline constinit Notice frames_wrong{
    "MEMRAY_MOCHA_SLOWER",
    "memray-mocha takes call stacks in V8's own, slower way from here on: the "
    "frames it had read from the stack were not those V8 tells. Please report "
    "this, with the version of Node."};
inline constinit Notice sampler_unknown{
    "MEMRAY_MOCHA_FUNCTION_LEVEL",
    "memray-mocha shows the functions that allocated on the JS heap, not their "
    "lines: it did not find where V8 samples objects. Please report this, with "
    "the version of Node."};
inline constinit Notice too_few_addresses{
    "MEMRAY_MOCHA_FUNCTION_LEVEL",
    "memray-mocha shows the functions that allocated on the JS heap, not their "
    "lines: it could not reserve the addresses for that. Raise the limit of "
    "this process (ulimit -v)."};
inline constinit Notice sampler_taken{
    "MEMRAY_MOCHA_SAMPLER_TAKEN",
    "memray-mocha cannot measure V8's heap where the program samples it itself "
    "(--heap-prof, or HeapProfiler.startSampling of the inspector): V8 does so "
    "for one at a time. Native memory is measured, and limits hold for that "
    "only."};
inline constinit Notice sampler_stopped{
    "MEMRAY_MOCHA_SAMPLER_STOPPED",
    "memray-mocha could not measure all of V8's heap: while a test ran, the "
    "program stopped V8's sampling (HeapProfiler.stopSampling of the "
    "inspector). What is on that heap from then on, whenever it was allocated, "
    "may count for nothing, also in limits."};

inline constexpr Notice* kAll[] = {&frames_unknown,  &frames_wrong,
                                   &sampler_unknown, &too_few_addresses,
                                   &sampler_taken,   &sampler_stopped};

}  // namespace notices
}  // namespace memray_mocha

#endif  // NATIVE_NOTICES_H_
