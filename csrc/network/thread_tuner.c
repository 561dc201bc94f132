/* Tunes the number of threads online: averages rounds of batches with the best number so far, tries
 * half or twice as many threads in a trial round from time to time, doubles the interval to the
 * next trial after each trial without success, and aborts a trial that is clearly slower. */
#include "network/thread_tuner.h"

#define BATCHES_PER_ROUND  ((size_t)8)
#define MIN_TRIAL_BATCHES  ((size_t)3)
#define WARMUP_BATCHES     ((size_t)2)
#define MAX_TRIAL_INTERVAL ((size_t)128)
/* Ratio of times below which a trial with more threads succeeds. Measurements scatter by some
 * percent, and a spinning thread may slow the caller between batches, so equal times are not enough
 * (benchmarks/tuned_constants.py clearly_faster). */
#ifndef PB_CLEARLY_FASTER
#    define PB_CLEARLY_FASTER 0.95
#endif
/* The same for a trial with fewer threads. */
#define AS_FAST 1.04
/* Ratio above which a trial is aborted, and a round with the best number shortens the interval. */
#define CLEARLY_SLOWER 1.2
/* 0: always as many threads as pb_threads_for allows (benchmarks/tuned_constants.py thread_tuner).
 */
#ifndef PB_THREAD_TUNER
#    define PB_THREAD_TUNER 1
#endif

void pb_thread_tuner_init(pb_thread_tuner *tuner, size_t max_threads) {
    *tuner = (pb_thread_tuner){.max_threads = max_threads,
                               .n_best = max_threads,
                               .n_current = max_threads,
                               .trial_interval = 2,
                               .n_warmup = WARMUP_BATCHES};
}

/* Number of threads of the next trial: half and twice the best number in turn. */
static size_t next_trial(const pb_thread_tuner *tuner) {
    const size_t twice =
        tuner->n_best * 2 < tuner->max_threads ? tuner->n_best * 2 : tuner->max_threads;
    const int can_grow = twice > tuner->n_best, can_shrink = tuner->n_best > 1;
    return can_grow && (!can_shrink || tuner->last_trial < tuner->n_best) ? twice
                                                                          : tuner->n_best / 2;
}

static void finish_round(pb_thread_tuner *tuner, double time) {
    if (tuner->best_time > 0 && time > CLEARLY_SLOWER * tuner->best_time) {
        /* Conditions have changed, or a round was disturbed: try sooner. */
        tuner->trial_interval = tuner->trial_interval > 8 ? tuner->trial_interval / 8 : 1;
    }
    tuner->best_time = tuner->best_time > 0 ? 0.5 * (tuner->best_time + time) : time;
    if (++tuner->n_rounds >= tuner->trial_interval) {
        tuner->n_rounds = 0;
        tuner->n_current = tuner->last_trial = next_trial(tuner);
        tuner->n_warmup = WARMUP_BATCHES;
    }
}

static void finish_trial(pb_thread_tuner *tuner, double time) {
    const double enough = tuner->n_current > tuner->n_best ? PB_CLEARLY_FASTER : AS_FAST;
    if (time < enough * tuner->best_time) {
        tuner->n_best = tuner->n_current;
        tuner->best_time = time;
        tuner->trial_interval = 2;
    } else {
        tuner->n_current = tuner->n_best;
        tuner->n_warmup = WARMUP_BATCHES;
        tuner->trial_interval = tuner->trial_interval * 2 < MAX_TRIAL_INTERVAL
                                    ? tuner->trial_interval * 2
                                    : MAX_TRIAL_INTERVAL;
    }
}

void pb_thread_tuner_report(pb_thread_tuner *tuner, size_t n_rows, double seconds) {
    if (!PB_THREAD_TUNER || tuner->max_threads == 1 || n_rows < tuner->n_rows) {
        return;
    }
    if (n_rows > tuner->n_rows) {
        pb_thread_tuner_init(tuner, tuner->max_threads);
        tuner->n_rows = n_rows;
    }
    if (tuner->n_warmup > 0) {
        tuner->n_warmup--;
        return;
    }
    tuner->time += seconds;
    tuner->n_batches++;
    const double time = tuner->time / (double)tuner->n_batches;
    const int is_trial = tuner->n_current != tuner->n_best;
    const int is_aborted = is_trial && tuner->n_batches >= MIN_TRIAL_BATCHES &&
                           time > CLEARLY_SLOWER * tuner->best_time;
    if (tuner->n_batches < BATCHES_PER_ROUND && !is_aborted) {
        return;
    }
    if (is_trial) {
        finish_trial(tuner, time);
    } else {
        finish_round(tuner, time);
    }
    tuner->time = 0;
    tuner->n_batches = 0;
}
