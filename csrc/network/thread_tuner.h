/* How many threads a batch gets, found by trying: whether a further thread pays depends on the
 * caches between the processors and on who else is using them, which nobody can know beforehand.
 * The number changes no bit of the result, so it may follow the clock. */
#ifndef PB_THREAD_TUNER_H
#define PB_THREAD_TUNER_H

#include <stddef.h>

typedef struct pb_crew {
    size_t n_most;     /* threads that may be used at all                        */
    size_t n_usual;    /* threads that have done best so far                     */
    size_t n_now;      /* threads of this turn: another number is on trial       */
    size_t n_tried;    /* threads of the last trial                              */
    size_t n_rows;     /* of a batch; smaller ones, the last of an epoch, do not count */
    double usual_time; /* seconds a batch with n_usual                           */
    double time;       /* seconds of this turn so far                            */
    size_t n_batches;  /* batches of this turn so far                            */
    size_t n_warming;  /* batches to come that do not count: threads wake, caches fill */
    size_t n_turns;    /* turns since the last trial                             */
    size_t patience;   /* turns from one trial to the next                       */
} pb_crew;

void pb_crew_form(pb_crew *crew, size_t n_most);

/* A batch of `n_rows` has taken so many seconds with n_now threads. */
void pb_crew_done(pb_crew *crew, size_t n_rows, double seconds);

#endif
