#ifndef NATIVE_JS_HEAP_OBJECT_SAMPLER_H_
#define NATIVE_JS_HEAP_OBJECT_SAMPLER_H_

#include <cstddef>
#include <cstdint>
#include <functional>
#include <memory>
#include <string>
#include <vector>

#include "live_samples.h"

namespace memray_mocha {

/// V8's sampling heap profiler, without its call stacks: for each sampled
/// object it makes one operator new(Sample::kBlockBytes) from one call site,
/// which is where ours are taken. It samples by a Poisson process over the
/// bytes allocated, and scales what it has to what there is. All of it on the
/// isolate's thread, and where JavaScript could run.
namespace object_sampler {

/// The size of an object that was sampled as the `index`-th since Start.
struct SampledObject {
  uint64_t index;  // from 0
  size_t size_bytes;
};

/// Whether V8 takes call stacks for its samples. They name functions, not
/// lines, and take several times as long as ours.
enum class Stacks { kNone, kFunctions };

/// V8 samples for one at a time: it may be the program itself.
bool IsRunning();

/// When it does not run.
/// @param interval_bytes the mean distance of two samples; 1 samples every
/// object.
void Start(uint64_t interval_bytes, Stacks stacks);
/// @return whether it has run since Start: the program may have stopped it.
bool Stop();

/// @return what a sampled object of that size stands for. Also in a hook.
SampledMemory MemoryOf(size_t size_bytes);

/// @return those that are still live, as far as V8 has collected garbage.
std::vector<SampledObject> LiveObjects();

/// A function in V8's call stacks of samples.
struct Function {
  std::string name;
  std::string script;
  int script_id;  // 0: V8's own, or none
  uint32_t line;  // where it begins, 1-based; 0 when it is not known
  uint32_t column;
};

/// A node of the tree that V8's call stacks are.
struct FunctionNode {
  Function function;
  size_t caller;       // the node's index, or its own at the root
  SampledMemory live;  // allocated by it
};

/// @return what is live, by V8's call stacks; callers come before those they
/// call.
std::vector<FunctionNode> LiveByFunction();

/// @return that of a sum of samples, of objects smaller than their distance,
/// which is Poisson distributed.
double StandardError(uint64_t sum_bytes);

// For calibration.

/// Allocates objects on V8's heap.
void AllocateObjects(size_t count);
/// Takes the handles that V8 has in reserve, until `has_allocated()` says that
/// it makes new ones.
/// @return what holds them.
std::shared_ptr<void> TakeFreeHandles(
    const std::function<bool()>& has_allocated);

}  // namespace object_sampler
}  // namespace memray_mocha

#endif  // NATIVE_JS_HEAP_OBJECT_SAMPLER_H_
