// An addon that counts the instructions of calls of malloc and free: the processor stops after each one, as a
// debugger has it do. That asks for no counters, which virtual machines seldom have, and no right to trace.
#include <node_api.h>
#include <signal.h>
#include <stdint.h>
#include <stdlib.h>
#include <x86intrin.h>

static const uint64_t kTrapFlag = 1 << 8;  // of the flags register

static volatile int64_t instructions;

static void OnInstruction(int signal) {
  (void)signal;
  ++instructions;
}

static int64_t ReadPairs(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value value;
  int64_t pairs = 0;
  napi_get_cb_info(env, info, &count, &value, NULL, NULL);
  napi_get_value_int64(env, value, &pairs);
  return pairs;
}

static void ChurnPairs(int64_t pairs) {
  for (; pairs > 0; --pairs) free(malloc(64));
}

/// churn(pairs): malloc and free, so many times
static napi_value Churn(napi_env env, napi_callback_info info) {
  ChurnPairs(ReadPairs(env, info));
  return NULL;
}

/// count(pairs): the same
/// @return how many instructions that took
static napi_value Count(napi_env env, napi_callback_info info) {
  const int64_t pairs = ReadPairs(env, info);
  const struct sigaction action = {.sa_handler = OnInstruction};
  struct sigaction before;
  sigaction(SIGTRAP, &action, &before);
  instructions = 0;
  __writeeflags(__readeflags() | kTrapFlag);
  ChurnPairs(pairs);
  __writeeflags(__readeflags() & ~kTrapFlag);
  sigaction(SIGTRAP, &before, NULL);
  napi_value result;
  napi_create_int64(env, instructions, &result);
  return result;
}

static void Export(napi_env env, napi_value exports, const char* name, napi_callback callback) {
  napi_value function;
  napi_create_function(env, name, NAPI_AUTO_LENGTH, callback, NULL, &function);
  napi_set_named_property(env, exports, name, function);
}

NAPI_MODULE_INIT() {
  Export(env, exports, "churn", Churn);
  Export(env, exports, "count", Count);
  return exports;
}
