/* Adapts the number of threads of a batch to measured times: whether another thread makes batches
 * faster depends on the caches between the processors and on other processes. The number changes no
 * bit of the result, so it may depend on the clock. */
#ifndef PB_THREAD_TUNER_H
#define PB_THREAD_TUNER_H

#include <stddef.h>

typedef struct pb_thread_tuner {
    size_t max_threads;    /* maximum number of threads                             */
    size_t n_best;         /* number of threads with the best time so far           */
    size_t n_current;      /* number of threads to use now; not n_best in a trial   */
    size_t last_trial;     /* number of threads of the last trial                   */
    size_t n_rows;         /* rows per batch; smaller batches are ignored           */
    double best_time;      /* seconds per batch with n_best                         */
    double time;           /* seconds of the current round                          */
    size_t n_batches;      /* batches of the current round                          */
    size_t n_warmup;       /* batches to ignore while threads wake and caches fill  */
    size_t n_rounds;       /* rounds since the last trial                           */
    size_t trial_interval; /* rounds between trials                                 */
} pb_thread_tuner;

/* Starts with max_threads threads. */
void pb_thread_tuner_init(pb_thread_tuner *tuner, size_t max_threads);

/* Reports the time of a batch of `n_rows` rows that was computed with n_current threads. */
void pb_thread_tuner_report(pb_thread_tuner *tuner, size_t n_rows, double seconds);

#endif
