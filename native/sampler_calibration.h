#ifndef NATIVE_SAMPLER_CALIBRATION_H_
#define NATIVE_SAMPLER_CALIBRATION_H_

#include <cstdint>
#include <memory>
#include <vector>

#include "js_heap/sample_block.h"
#include "sample_memory.h"

namespace memray_mocha {

/// Where V8's object sampler calls operator new.
struct SamplerSites {
  /// The return address of the call that is made once for each sample, and
  /// whose block is freed by way of the hooks; 0 when it was not found: then
  /// only V8 can tell call stacks of samples, and it tells functions.
  uintptr_t sample = 0;
  /// That of another call that is made once for each sample, for bookkeeping;
  /// 0 when there is none.
  uintptr_t entry = 0;
  size_t entry_bytes = 0;
  /// Those of all its calls, this one and its bookkeeping: not the program's
  /// memory.
  std::vector<uintptr_t> own;
  /// What is in the block that the first one gets.
  SampleBlock block;
  /// What to give it instead.
  std::unique_ptr<SampleMemory> memory;
};

/// The sites in this process, found when they are first asked for: by sampling
/// objects that are allocated for the purpose and watching operator new. Needs
/// the hooks, and no tracker running.
const SamplerSites& FindSamplerSites();

}  // namespace memray_mocha

#endif  // NATIVE_SAMPLER_CALIBRATION_H_
