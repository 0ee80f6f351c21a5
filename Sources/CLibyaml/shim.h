#ifndef _GNU_SOURCE
#define _GNU_SOURCE 1 /* All modules must see the same C library. */
#endif
#include <yaml.h>
