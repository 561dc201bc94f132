/* Tasks for tests of the thread pool: they wait for each other, add up, or record their thread.
 * Tasks run in other threads, so they only count; the caller checks the counts. */
#ifndef PB_JOBS_H
#define PB_JOBS_H

#include <pthread.h>
#include <sched.h>
#include <stdatomic.h>
#include <time.h>

#include "base/thread_pool.h"
#include "check.h"

static inline double seconds(void) {
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + 1e-9 * (double)t.tv_nsec;
}

static inline void pass(double time) {
    const struct timespec t = {(time_t)time, (long)(1e9 * (time - (double)(time_t)time))};
    nanosleep(&t, NULL);
}

/* What must happen soon has this long, on a machine however busy. */
#define PATIENCE 60

/* Waits until a counter has reached n; 0 if that takes too long. */
static inline int reached(atomic_size_t *counter, size_t n) {
    const double end = seconds() + PATIENCE;
    for (size_t turns = 0; atomic_load(counter) < n; turns++) {
        if (turns > 1000) {
            sched_yield();
            if (seconds() > end) {
                return 0;
            }
        }
    }
    return 1;
}

typedef struct meeting {
    atomic_size_t n_arrived, n_missed;
    size_t n;
} meeting;

/* Waits for all others: only as many threads as there are tasks can do that. */
static inline pb_status meet(void *context, size_t task, size_t thread, pb_stop_token *stop_token) {
    meeting *m = context;
    (void)task, (void)thread, (void)stop_token;
    atomic_fetch_add(&m->n_arrived, 1);
    if (!reached(&m->n_arrived, m->n)) {
        atomic_fetch_add(&m->n_missed, 1);
    }
    return PB_OK;
}

static inline size_t n_missing(size_t n_threads) {
    meeting m = {0, 0, n_threads};
    return pb_threads_run(n_threads, n_threads, meet, &m, NULL) == PB_OK ? atomic_load(&m.n_missed)
                                                                         : n_threads;
}

static inline pb_status add_task(void *context, size_t task, size_t thread,
                                 pb_stop_token *stop_token) {
    (void)thread, (void)stop_token;
    atomic_fetch_add((atomic_size_t *)context, task + 1);
    return PB_OK;
}

/* 1 + 2 + ... + n_tasks, or one too many. */
static inline size_t sum_of_tasks(size_t n_threads, size_t n_tasks) {
    atomic_size_t sum = 0;
    const pb_status status = pb_threads_run(n_threads, n_tasks, add_task, &sum, NULL);
    return atomic_load(&sum) + (status != PB_OK);
}

static inline pb_status highest_thread(void *context, size_t task, size_t thread,
                                       pb_stop_token *stop_token) {
    atomic_size_t *highest = context;
    (void)task, (void)stop_token;
    for (size_t h = atomic_load(highest);
         h < thread && !atomic_compare_exchange_weak(highest, &h, thread);) {
    }
    sched_yield();
    return PB_OK;
}

static inline pthread_t start(void *(*function)(void *), void *context) {
    pthread_t thread;
    if (pthread_create(&thread, NULL, function, context) != 0) {
        printf("no thread\n");
        exit(EXIT_FAILURE);
    }
    return thread;
}

#endif
