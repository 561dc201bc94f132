/* The number of threads follows what batches have taken: never long at a loss, for any way in which
 * the time depends on the number. */
#include "check.h"
#include "network/crew.h"

/* Seconds that a batch takes with so many threads. */
typedef double model(size_t n_threads, size_t batch);

static double ideal(size_t n, size_t batch) { return (void)batch, 1.0 / (double)n; }
static double useless(size_t n, size_t batch) { return (void)batch, 1.0 + 0.1 * (double)n; }
static double best_with_two(size_t n, size_t batch) {
    return (void)batch, n == 2 ? 0.5 : n < 2 ? 1.0 : 0.8;
}
/* Another process takes the other processors away half way. */
static double taken_away(size_t n, size_t batch) {
    return batch < 20000 ? 1.0 / (double)n : 1.0 + (double)n;
}
/* ... or sets them free. */
static double set_free(size_t n, size_t batch) {
    return batch < 20000 ? 1.0 + (double)n : 1.0 / (double)n;
}

/* The time of many batches, as a multiple of the best that could be had. */
static double loss_over(model *seconds, size_t n_most) {
    enum { N = 40000, N_ROWS = 100 };
    pb_crew crew;
    pb_crew_form(&crew, n_most);
    double taken = 0, best = 0;
    for (size_t batch = 0; batch < N; batch++) {
        CHECK(crew.n_now >= 1 && crew.n_now <= n_most, "%zu threads of %zu", crew.n_now, n_most);
        const double time = seconds(crew.n_now, batch);
        double least = time;
        for (size_t n = 1; n <= n_most; n *= 2) {
            least = seconds(n, batch) < least ? seconds(n, batch) : least;
        }
        taken += time;
        best += least;
        /* The last batch of an epoch is smaller, and says nothing. */
        pb_crew_done(&crew, batch % 7 == 6 ? N_ROWS / 2 : N_ROWS, batch % 7 == 6 ? 1e-9 : time);
    }
    return taken / best;
}

int main(void) {
    static model *const models[] = {ideal, useless, best_with_two, taken_away, set_free};
    static const size_t most[] = {1, 2, 4, 16};
    for (size_t i = 0; i < sizeof models / sizeof models[0]; i++) {
        for (size_t j = 0; j < sizeof most / sizeof most[0]; j++) {
            const double loss = loss_over(models[i], most[j]);
            CHECK(loss < 1.08, "%.3f times the best, model %zu, up to %zu threads", loss, i,
                  most[j]);
        }
    }
    return check_summary();
}
