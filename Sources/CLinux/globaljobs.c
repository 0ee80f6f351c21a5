#include "CLinux.h"

#include <stddef.h>

/* swift/ABI and stdlib/public/Concurrency: a hook that gets each job for the global executor. */
typedef __attribute__((swiftcall)) void (*original)(void *job);
typedef __attribute__((swiftcall)) void (*hook)(void *job, original);

/* Weak: a Swift without it links as well. Not looked up by name at run time, since a program that has
   Swift linked in exports no names. */
extern hook swift_task_enqueueGlobal_hook __attribute__((weak));

static void (*taker)(void *job);

static __attribute__((swiftcall)) void take(void *job, original unused) {
  (void)unused;
  taker(job);
}

int connector_take_global_jobs(void (*function)(void *job)) {
  if (&swift_task_enqueueGlobal_hook == NULL) return -1;
  taker = function;
  swift_task_enqueueGlobal_hook = take;
  return 0;
}
