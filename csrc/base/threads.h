#ifndef PB_THREADS_H
#define PB_THREADS_H
#include "pybackprop.h"
typedef struct pb_watch {
    pb_pace *pace;
} pb_watch;
typedef pb_status pb_part(void *context, size_t part, size_t thread, pb_watch *watch);
pb_status pb_threads_run(size_t n_threads, size_t n_parts, pb_part *part, void *context,
                         pb_pace *pace);
pb_status pb_watch_check(pb_watch *watch);
typedef struct pb_scope {
    int x;
} pb_scope;
void pb_scope_enter(pb_scope *scope);
void pb_scope_leave(const pb_scope *scope);
#endif
