// An addon that allocates where no JavaScript runs: allocateInThread(bytes) has a thread of libuv's
// pool allocate that much and free it again; its promise then settles.
#include <node_api.h>
#include <stdlib.h>
#include <string.h>

typedef struct {
  napi_async_work work;
  napi_deferred deferred;
  int64_t size_bytes;
} Task;

static void Execute(napi_env env, void* data) {
  const size_t size_bytes = (size_t)((Task*)data)->size_bytes;
  char* block = malloc(size_bytes);
  if (!block) abort();
  memset(block, 1, size_bytes);
  free(block);
}

static void Complete(napi_env env, napi_status status, void* data) {
  Task* task = data;
  napi_value result;
  napi_create_int64(env, task->size_bytes, &result);
  napi_resolve_deferred(env, task->deferred, result);
  napi_delete_async_work(env, task->work);
  free(task);
}

static napi_value AllocateInThread(napi_env env, napi_callback_info info) {
  size_t count = 1;
  napi_value argument, promise, name;
  Task* task = malloc(sizeof *task);
  if (!task) abort();
  napi_get_cb_info(env, info, &count, &argument, NULL, NULL);
  napi_get_value_int64(env, argument, &task->size_bytes);
  napi_create_promise(env, &task->deferred, &promise);
  napi_create_string_utf8(env, "allocateInThread", NAPI_AUTO_LENGTH, &name);
  napi_create_async_work(env, NULL, name, Execute, Complete, task, &task->work);
  napi_queue_async_work(env, task->work);
  return promise;
}

NAPI_MODULE_INIT() {
  napi_value function;
  napi_create_function(env, "allocateInThread", NAPI_AUTO_LENGTH, AllocateInThread, NULL, &function);
  napi_set_named_property(env, exports, "allocateInThread", function);
  return exports;
}
