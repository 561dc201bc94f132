/* How many threads a batch gets, found by trying: whether a further thread pays depends on the
 * caches between the processors and on who else is using them, which nobody can know beforehand.
 * The number changes no bit of the result, so it may follow the clock. */
#ifndef PB_THREAD_TUNER_H
#define PB_THREAD_TUNER_H

#include <stddef.h>

typedef struct pb_thread_tuner {
    size_t max_threads;    /* threads that may be used at all                        */
    size_t n_best;         /* threads that have done best so far                     */
    size_t n_current;      /* threads of this turn: another number is on trial       */
    size_t last_trial;     /* threads of the last trial                              */
    size_t n_rows;         /* of a batch; smaller ones, the last of an epoch, do not count */
    double best_time;      /* seconds a batch with n_best                           */
    double time;           /* seconds of this turn so far                            */
    size_t n_batches;      /* batches of this turn so far                            */
    size_t n_warmup;       /* batches to come that do not count: threads wake, caches fill */
    size_t n_rounds;       /* turns since the last trial                             */
    size_t trial_interval; /* turns from one trial to the next                       */
} pb_thread_tuner;

void pb_thread_tuner_init(pb_thread_tuner *tuner, size_t max_threads);

/* A batch of `n_rows` has taken so many seconds with n_current threads. */
void pb_thread_tuner_report(pb_thread_tuner *tuner, size_t n_rows, double seconds);

#endif
