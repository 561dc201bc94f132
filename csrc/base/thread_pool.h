/* Work cut into tasks, done by several threads at once.
 *
 * The threads are the caller and those of one pool, which the whole process shares: started when
 * first wanted, kept, and abandoned when the process ends. One job at a time uses the pool. Who
 * finds it busy, and a task that itself runs a job, works alone: never wrong, only slower. Which
 * thread runs which task is left to chance, so results must not depend on it. */
#ifndef PB_THREAD_POOL_H
#define PB_THREAD_POOL_H

#include "base/fpenv.h"
#include "pybackprop.h"

/* How a task hears that it should stop; valid while the task runs. */
typedef struct pb_stop_token pb_stop_token;

/* One task of a job. `thread` is 0 in the calling thread and 1 ... n_threads - 1 in others. Each
 * number runs one task at a time, so scratch may be kept by it. */
typedef pb_status pb_task(void *context, size_t task, size_t thread, pb_stop_token *stop_token);

/* Runs task(context, i, ...) for i = 0 ... n_tasks - 1, each once, on up to n_threads threads, the
 * caller's among them, whatever the number of cores. Each thread begins
 * with its own share of the tasks, neighbours in rising order, so that in a job like the last one
 * it finds in its cache what it wrote; then it helps with the others' shares. Returns
 * when no task runs any more. The first status other than PB_OK ends the claiming and is returned.
 *
 * `interrupt` is only ever asked by the calling thread: between two tasks of its own, in
 * pb_stop_requested, and while it waits for others.
 *
 * Fewer threads are used if the system refuses to start them, and while other callers compute (see
 * pb_scope_enter): each of those is taken to need a core. PB_TOO_LARGE from 2^48 tasks on. */
pb_status pb_threads_run(size_t n_threads, size_t n_tasks, pb_task *task, void *context,
                         pb_interrupt *interrupt);

/* For tasks that take long: PB_INTERRUPTED if the job is to stop, because somebody's task failed
 * or, in the calling thread, because `interrupt` was asked now and said so. */
pb_status pb_stop_requested(pb_stop_token *stop_token);

/* Around everything that computes. Enter saves the calling thread's floating-point environment,
 * sets the default one and counts the thread among those that compute; leave, in the same thread,
 * puts everything back as it was. Scopes nest. */
typedef struct pb_scope {
    pb_float_environment saved;
} pb_scope;

void pb_scope_enter(pb_scope *scope);
void pb_scope_leave(const pb_scope *scope);

#endif
