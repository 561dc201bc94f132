/* Tests the thread tuner: it follows the measured times, and loses little for any dependence of
 * time on the number of threads. */
#include "check.h"
#include "network/workspace.h"

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
static double loss_over(model *seconds, size_t max_threads) {
    enum { N = 40000, N_ROWS = 100 };
    pb_thread_tuner tuner;
    pb_thread_tuner_init(&tuner, max_threads);
    double taken = 0, best = 0;
    for (size_t batch = 0; batch < N; batch++) {
        CHECK(tuner.n_current >= 1 && tuner.n_current <= max_threads, "%zu threads of %zu",
              tuner.n_current, max_threads);
        const double time = seconds(tuner.n_current, batch);
        double least = time;
        for (size_t n = 1; n <= max_threads; n *= 2) {
            least = seconds(n, batch) < least ? seconds(n, batch) : least;
        }
        taken += time;
        best += least;
        /* The last batch of an epoch is smaller, and says nothing. */
        pb_thread_tuner_report(&tuner, batch % 7 == 6 ? N_ROWS / 2 : N_ROWS,
                               batch % 7 == 6 ? 1e-9 : time);
    }
    return taken / best;
}

/* A batch with enough to do gets the threads it may have, a small one none; and what batches take
 * comes back to the tuner. */
static void test_threads_are_used(void) {
    enum { N = 300 };
    static const size_t sizes[] = {40, 90, 1};
    const pb_network_spec spec = {
        PB_FLOAT64, 2, sizes, EVERY_LAYER("relu"), "identity", "squared_error", .alphas = NULL};
    pb_network *network = NULL;
    pb_workspace *w = NULL;
    CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "network");
    CHECK_SAME(pb_workspace_new(network, N, PB_WORKSPACE_TRAINING, 7, &w), PB_OK, "workspace");
    CHECK_SAME(pb_threads_for(w, 1e12), 7, "much work");
    CHECK_SAME(pb_threads_for(w, 1e3), 1, "little work");
    CHECK(pb_threads_for(w, N * pb_work_of_a_sample(network)) > 1, "a batch of %d", N);

    void *X = reals(PB_FLOAT64, N * 40), *y = reals(PB_FLOAT64, N);
    void *theta = reals(PB_FLOAT64, pb_network_n_parameters(network));
    void *gradient = reals(PB_FLOAT64, pb_network_n_parameters(network));
    fill(PB_FLOAT64, X, N * 40, 1);
    fill(PB_FLOAT64, y, N, 1);
    fill(PB_FLOAT64, theta, pb_network_n_parameters(network), 0.125);
    const pb_batch batch = {{X, 40, 1, NULL, NULL}, {y, PB_TARGET_REAL, 1, 1}, NULL, NULL, N};
    size_t fewest = 7;
    for (int i = 0; i < 200; i++) {
        double value = NAN;
        CHECK_SAME(pb_objective(network, theta, &batch, w, NULL, &value, gradient, NULL), PB_OK,
                   "batch %d", i);
        fewest = w->tuner.n_current < fewest ? w->tuner.n_current : fewest;
    }
    CHECK_SAME(w->tuner.n_rows, N, "rows of the batches");
    CHECK(w->tuner.best_time > 0 && fewest < 7, "nothing was tried in 200 batches");
    free(X);
    free(y);
    free(theta);
    free(gradient);
    pb_workspace_free(w);
    pb_network_free(network);
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
    test_threads_are_used();
    return check_summary();
}
