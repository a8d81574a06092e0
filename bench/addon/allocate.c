// An addon that only allocates, in as few instructions as can be: what is measured is the tracker.
#include <node_api.h>
#include <pthread.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <x86intrin.h>

enum { kMaxThreads = 64, kChurnBytes = 64, kMinBytes = 16, kSizeRange = 512 };

static void** blocks;
static int64_t block_count;
static uint32_t random_state = 1;

static const uint64_t kTrapFlag = 1 << 8;  // of the flags register
static volatile int64_t instructions;

static void ReadNumbers(napi_env env, napi_callback_info info, int64_t* numbers, size_t count) {
  napi_value values[2];
  napi_get_cb_info(env, info, &count, values, NULL, NULL);
  for (size_t i = 0; i < count; ++i) napi_get_value_int64(env, values[i], &numbers[i]);
}

/// An integer below a limit (xorshift), the same in each run.
static uint32_t Random(uint32_t limit) {
  random_state ^= random_state << 13;
  random_state ^= random_state >> 17;
  random_state ^= random_state << 5;
  return random_state % limit;
}

static void* AllocateAnySize(void) {
  void* block = malloc(kMinBytes + Random(kSizeRange));
  if (!block) abort();
  return block;
}

static void* Churn(void* pairs) {
  for (int64_t i = *(int64_t*)pairs; i > 0; --i) free(malloc(kChurnBytes));
  return NULL;
}

/// churn(pairs): malloc and free, so many times
static napi_value ChurnHere(napi_env env, napi_callback_info info) {
  int64_t pairs = 0;
  ReadNumbers(env, info, &pairs, 1);
  Churn(&pairs);
  return NULL;
}

static void OnInstruction(int signal) {
  ++instructions;
}

/// The processor stops after each instruction, as a debugger has it do: that asks for no counters, which virtual
/// machines seldom have, and no right to trace.
static void StartCounting(struct sigaction* before) {
  const struct sigaction action = {.sa_handler = OnInstruction};
  sigaction(SIGTRAP, &action, before);
  instructions = 0;
  __writeeflags(__readeflags() | kTrapFlag);
}

static napi_value StopCounting(napi_env env, const struct sigaction* before) {
  __writeeflags(__readeflags() & ~kTrapFlag);
  sigaction(SIGTRAP, before, NULL);
  napi_value result;
  napi_create_int64(env, instructions, &result);
  return result;
}

/// count(pairs): the same as churn
/// @return how many instructions that took
static napi_value Count(napi_env env, napi_callback_info info) {
  int64_t pairs = 0;
  ReadNumbers(env, info, &pairs, 1);
  struct sigaction before;
  StartCounting(&before);
  Churn(&pairs);
  return StopCounting(env, &before);
}

/// countCall(function): calls it
/// @return how many instructions that took
static napi_value CountCall(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value function, receiver;
  napi_get_cb_info(env, info, &count, &function, NULL, NULL);
  napi_get_undefined(env, &receiver);
  struct sigaction before;
  StartCounting(&before);
  napi_call_function(env, receiver, function, 0, NULL, NULL);
  return StopCounting(env, &before);
}

/// churnInThreads(threads, pairs): the same at once in each of new threads
static napi_value ChurnInThreads(napi_env env, napi_callback_info info) {
  int64_t numbers[2] = {0, 0};
  ReadNumbers(env, info, numbers, 2);
  pthread_t threads[kMaxThreads];
  const int count = numbers[0] < kMaxThreads ? (int)numbers[0] : kMaxThreads;
  for (int i = 0; i < count; ++i) {
    if (pthread_create(&threads[i], NULL, Churn, &numbers[1]) != 0) abort();
  }
  for (int i = 0; i < count; ++i) pthread_join(threads[i], NULL);
  return NULL;
}

/// keep(count): allocates blocks of many sizes, and keeps them until the process ends
static napi_value Keep(napi_env env, napi_callback_info info) {
  ReadNumbers(env, info, &block_count, 1);
  blocks = malloc(block_count * sizeof *blocks);
  if (!blocks) abort();
  for (int64_t i = 0; i < block_count; ++i) blocks[i] = AllocateAnySize();
  return NULL;
}

/// replace(count): so many times, frees one of the kept blocks and allocates another
static napi_value Replace(napi_env env, napi_callback_info info) {
  int64_t count = 0;
  ReadNumbers(env, info, &count, 1);
  for (; count > 0; --count) {
    void** block = &blocks[Random((uint32_t)block_count)];
    free(*block);
    *block = AllocateAnySize();
  }
  return NULL;
}

static void Export(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function);
  napi_set_named_property(env, exports, name, function);
}

NAPI_MODULE_INIT() {
  Export(env, exports, "churn", ChurnHere);
  Export(env, exports, "count", Count);
  Export(env, exports, "countCall", CountCall);
  Export(env, exports, "churnInThreads", ChurnInThreads);
  Export(env, exports, "keep", Keep);
  Export(env, exports, "replace", Replace);
  return exports;
}
