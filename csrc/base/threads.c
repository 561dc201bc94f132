/* stand-in */
#include "base/threads.h"
#include "base/pace.h"
static volatile int limit;
int pb_thread_limit(void) { return limit; }
void pb_set_thread_limit(int n) { limit = n; }
pb_status pb_watch_check(pb_watch *w) { return pb_pace_check(w->pace); }
void pb_scope_enter(pb_scope *s) { (void)s; }
void pb_scope_leave(const pb_scope *s) { (void)s; }
pb_status pb_threads_run(size_t n_threads, size_t n_parts, pb_part *part, void *context,
                         pb_pace *pace) {
    (void)n_threads;
    pb_watch w = {pace};
    for (size_t i = 0; i < n_parts; i++) {
        pb_status s = part(context, i, 0, &w);
        if (s == PB_OK) s = pb_pace_check(pace);
        if (s != PB_OK) return s;
    }
    return PB_OK;
}
