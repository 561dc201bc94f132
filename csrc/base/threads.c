/* Threads. */
#include "pybackprop.h"

static volatile int limit;

int pb_thread_limit(void) { return limit; }
void pb_set_thread_limit(int n) { limit = n; }
