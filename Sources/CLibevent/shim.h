/* First, so that all modules see the same C library: event2 asks for another one. */
#include <sys/types.h>
#include <sys/select.h>
#include <event2/event.h>
