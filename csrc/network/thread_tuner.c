/* A turn is some batches with one number of threads. Most turns are taken with the number that has
 * done best; now and then one is taken with half or twice as many, the more seldom the longer that
 * has not paid, and broken off where it is clearly worse. */
#include "network/thread_tuner.h"

#define BATCHES_IN_TURN  ((size_t)8)
#define LEAST_OF_A_TRIAL ((size_t)3)
#define WARMING          ((size_t)2)
#define MOST_PATIENCE    ((size_t)128)
/* Measurements scatter by some percent, and a thread that waits may slow what its caller does
 * between the batches: threads that hardly pay are not worth having. */
#define CLEARLY_FASTER 0.95
#define AS_FAST        1.04
#define CLEARLY_SLOWER 1.2

void pb_crew_form(pb_crew *crew, size_t n_most) {
    *crew = (pb_crew){
        .n_most = n_most, .n_usual = n_most, .n_now = n_most, .patience = 2, .n_warming = WARMING};
}

/* The number to try next: half and twice as many in turn. */
static size_t another(const pb_crew *crew) {
    const size_t twice = crew->n_usual * 2 < crew->n_most ? crew->n_usual * 2 : crew->n_most;
    const int can_grow = twice > crew->n_usual, can_shrink = crew->n_usual > 1;
    return can_grow && (!can_shrink || crew->n_tried < crew->n_usual) ? twice : crew->n_usual / 2;
}

static void usual_turn_ends(pb_crew *crew, double time) {
    if (crew->usual_time > 0 && time > CLEARLY_SLOWER * crew->usual_time) {
        /* Something has changed, or has disturbed a turn. */
        crew->patience = crew->patience > 8 ? crew->patience / 8 : 1;
    }
    crew->usual_time = crew->usual_time > 0 ? 0.5 * (crew->usual_time + time) : time;
    if (++crew->n_turns >= crew->patience) {
        crew->n_turns = 0;
        crew->n_now = crew->n_tried = another(crew);
        crew->n_warming = WARMING;
    }
}

static void trial_ends(pb_crew *crew, double time) {
    const double enough = crew->n_now > crew->n_usual ? CLEARLY_FASTER : AS_FAST;
    if (time < enough * crew->usual_time) {
        crew->n_usual = crew->n_now;
        crew->usual_time = time;
        crew->patience = 2;
    } else {
        crew->n_now = crew->n_usual;
        crew->n_warming = WARMING;
        crew->patience = crew->patience * 2 < MOST_PATIENCE ? crew->patience * 2 : MOST_PATIENCE;
    }
}

void pb_crew_done(pb_crew *crew, size_t n_rows, double seconds) {
    if (crew->n_most == 1 || n_rows < crew->n_rows) {
        return;
    }
    if (n_rows > crew->n_rows) {
        pb_crew_form(crew, crew->n_most);
        crew->n_rows = n_rows;
    }
    if (crew->n_warming > 0) {
        crew->n_warming--;
        return;
    }
    crew->time += seconds;
    crew->n_batches++;
    const double time = crew->time / (double)crew->n_batches;
    const int is_trial = crew->n_now != crew->n_usual;
    const int breaks_off =
        is_trial && crew->n_batches >= LEAST_OF_A_TRIAL && time > CLEARLY_SLOWER * crew->usual_time;
    if (crew->n_batches < BATCHES_IN_TURN && !breaks_off) {
        return;
    }
    if (is_trial) {
        trial_ends(crew, time);
    } else {
        usual_turn_ends(crew, time);
    }
    crew->time = 0;
    crew->n_batches = 0;
}
