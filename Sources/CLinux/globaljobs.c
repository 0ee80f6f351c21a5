#define _GNU_SOURCE
#include "CLinux.h"

#include <dlfcn.h>
#include <stddef.h>

/* swift/ABI and stdlib/public/Concurrency: a hook that gets each job for the global executor. */
typedef __attribute__((swiftcall)) void (*original)(void *job);
typedef __attribute__((swiftcall)) void (*hook)(void *job, original);

static void (*taker)(void *job);

static __attribute__((swiftcall)) void take(void *job, original unused) {
  (void)unused;
  taker(job);
}

int connector_take_global_jobs(void (*function)(void *job)) {
  hook *slot = (hook *)dlsym(RTLD_DEFAULT, "swift_task_enqueueGlobal_hook");
  if (slot == NULL) return -1;
  taker = function;
  *slot = take;
  return 0;
}
