/* Runs the tasks of a job on several threads.
 *
 * The threads are the caller and those of one pool, which the whole process shares: they are
 * started on demand, reused, and abandoned when the process ends. One job at a time uses the pool.
 * A caller that finds the pool in use, and a task that itself runs a job, compute alone: slower,
 * with the same result. Which thread runs which task is not determined, so results must not depend
 * on it. */
#ifndef PB_THREAD_POOL_H
#define PB_THREAD_POOL_H

#include "base/fpenv.h"
#include "pybackprop.h"

/* Tells a running task whether to stop. */
typedef struct pb_stop_token pb_stop_token;

/* One task of a job. `thread` is 0 in the calling thread and 1 ... n_threads - 1 in others. A
 * thread runs one task at a time, so scratch memory may be indexed by it. */
typedef pb_status pb_task(void *context, size_t task, size_t thread, pb_stop_token *stop_token);

/* Runs task(context, i, ...) for i = 0 ... n_tasks - 1, each once, on up to n_threads threads, the
 * caller included, whatever the number of processors. Each thread begins with its own share of the
 * tasks, neighbours in ascending order, so that repeated jobs find their data in its cache; then it
 * helps with the other shares. Returns when no task is running. The first status other than PB_OK
 * stops the job and is returned.
 *
 * `interrupt` is polled in the calling thread only: between its tasks, in pb_stop_requested, and
 * while it waits for other threads.
 *
 * Fewer threads are used if the system refuses to start them, and while other callers compute (see
 * pb_scope_enter): each of those is assumed to need a processor. PB_TOO_LARGE for 2^48 tasks or
 * more. */
pb_status pb_threads_run(size_t n_threads, size_t n_tasks, pb_task *task, void *context,
                         pb_interrupt *interrupt);

/* For long tasks: PB_INTERRUPTED if the job is to stop, because a task has failed or, in the
 * calling thread, because `interrupt` was polled and requested it. */
pb_status pb_stop_requested(pb_stop_token *stop_token);

/* Enclose every computation. pb_scope_enter saves the floating-point environment of the calling
 * thread, sets the default one and counts the thread as computing; pb_scope_leave, in the same
 * thread, restores both. Scopes nest. */
typedef struct pb_scope {
    pb_float_environment saved;
} pb_scope;

void pb_scope_enter(pb_scope *scope);
void pb_scope_leave(const pb_scope *scope);

#endif
