/* Tests training steps: slice by slice or after the whole gradient, and with products split for
 * interruption, all with the same bits.
 *
 * The table of kernels says how much work is done between polls; tests use copies with other
 * values. */
#include "check.h"
#include "network/network.h"
#include "training/optimizer.h"

enum { N_ROWS = 700, N_FEATURES = 70, N_OUTPUTS = 3 };

/* Some layers of several slices and panels, some of one. */
static const size_t sizes[] = {N_FEATURES, 100, 7, N_OUTPUTS};
enum { N_LAYERS = 3, N_PARAMETERS = 71 * 100 + 101 * 7 + 8 * N_OUTPUTS };

/* All in one piece; in pieces of rows; of the fewest rows, cut in columns. */
static const size_t works[] = {SIZE_MAX, 1000000, 50000, 7000, 2000, 1};
enum { N_WORKS = sizeof works / sizeof works[0] };

typedef struct run {
    void *parameters, *states;
    pb_optimizer optimizer;
    double loss;
    pb_status status;
    int n_questions;
} run;

static pb_dtype dtype_now;
static pb_batch rows;

static int go_on(void *context) {
    int *questions = context;
    ++*questions;
    return 0;
}

static void start(run *r, const char *rule) {
    memset(r, 0, sizeof *r);
    r->parameters = reals(dtype_now, N_PARAMETERS);
    r->states = reals(dtype_now, 2 * N_PARAMETERS);
    memset(r->states, 0, 2 * N_PARAMETERS * item_size(dtype_now));
    draw_state = 5; /* the same parameters each time */
    fill(dtype_now, r->parameters, N_PARAMETERS, 0.125);
    r->optimizer =
        (pb_optimizer){rule, {0.9, 1, 0.9, 0.999, 1e-8, 0}, 0.01, 0, .states = r->states};
}

static void finish(run *r) {
    free(r->parameters);
    free(r->states);
}

static pb_network *new_network(const pb_kernels *kernels, double alpha) {
    const pb_network_spec spec = {dtype_now,
                                  N_LAYERS,
                                  sizes,
                                  EVERY_LAYER("tanh"),
                                  "softmax",
                                  "log_loss",
                                  .alphas = SAME_ALPHAS(alpha)};
    pb_network *network = NULL;
    CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "network");
    CHECK_SAME(pb_network_n_parameters(network), N_PARAMETERS, "parameters");
    network->kernels = kernels;
    return network;
}

static pb_workspace *new_workspace(const pb_network *network, size_t max_rows, size_t n_threads) {
    pb_workspace *workspace = NULL;
    CHECK_SAME(pb_workspace_new(network, max_rows, PB_WORKSPACE_TRAINING, n_threads, &workspace),
               PB_OK, "%zu rows", max_rows);
    return workspace;
}

static void train(run *r, const char *rule, const pb_kernels *kernels, double alpha,
                  size_t batch_size, size_t n_threads) {
    pb_network *network = new_network(kernels, alpha);
    pb_workspace *workspace = new_workspace(network, batch_size, n_threads);
    start(r, rule);
    pb_interrupt interrupt = {go_on, &r->n_questions, 0, 0};
    pb_epoch epoch = {NAN, NAN, NAN};
    r->status = pb_train_epoch(network, r->parameters, &r->optimizer, &rows, batch_size, workspace,
                               &interrupt, &epoch);
    r->loss = epoch.loss;
    CHECK_SAME(r->status, PB_OK, "%s, batches of %zu", rule, batch_size);
    pb_workspace_free(workspace);
    pb_network_free(network);
}

/* The same by hand: the whole gradient, then one update of the whole vector. */
static void train_plainly(run *r, const char *rule, const pb_kernels *kernels, double alpha,
                          size_t batch_size) {
    pb_network *network = new_network(kernels, alpha);
    pb_workspace *workspace = new_workspace(network, batch_size, 1);
    pb_optimizer_rule row = PB_OPTIMIZER_COUNT;
    void *gradient = reals(dtype_now, N_PARAMETERS);
    int64_t numbers[N_ROWS];
    CHECK_SAME(pb_find_optimizer(rule, &row), PB_OK, "%s", rule);
    start(r, rule);
    double total = 0;
    for (size_t first = 0; first < N_ROWS; first += batch_size) {
        pb_batch batch = rows;
        double objective = NAN, constants[PB_MAX_CONSTANTS];
        batch.n_rows = N_ROWS - first < batch_size ? N_ROWS - first : batch_size;
        for (size_t i = 0; i < batch.n_rows; i++) {
            numbers[i] = rows.order == NULL ? (int64_t)(first + i) : rows.order[first + i];
        }
        batch.order = numbers;
        CHECK_SAME(pb_objective(network, r->parameters, &batch, workspace, NULL, &objective,
                                gradient, NULL),
                   PB_OK, "batch at %zu", first);
        pb_update_constants(row, &r->optimizer.hyperparameters, r->optimizer.learning_rate,
                            ++r->optimizer.n_steps, constants);
        const pb_update update = {N_PARAMETERS, r->parameters, gradient, r->states,
                                  N_PARAMETERS, constants,     1};
        kernels->update[row](&update);
        total += objective * (double)batch.n_rows;
    }
    r->loss = total / N_ROWS;
    free(gradient);
    pb_workspace_free(workspace);
    pb_network_free(network);
}

static void check_same_run(const run *actual, const run *expected, const char *where) {
    CHECK_BITS(dtype_now, N_PARAMETERS, actual->parameters, expected->parameters, where);
    CHECK_BITS(dtype_now, 2 * N_PARAMETERS, actual->states, expected->states, where);
    CHECK_SAME(actual->optimizer.n_steps, expected->optimizer.n_steps, "%s", where);
    CHECK(same_bits(actual->loss, expected->loss), "loss %a, not %a: %s", actual->loss,
          expected->loss, where);
}

static void test_cuts(const char *rule, double alpha, size_t batch_size) {
    run expected;
    train_plainly(&expected, rule, pb_kernels_of(PB_BASELINE, dtype_now), alpha, batch_size);
    FOR_VARIANTS(isa, dtype_now, kernels) {
        int fewest = 0, most = 0;
        for (size_t i = 0; i < N_WORKS; i++) {
            pb_kernels cutting = *kernels;
            cutting.work_per_check = works[i];
            run r;
            char where[120];
            /* Only the caller's thread asks: alone where the questions are counted. */
            const int counts = i == 0 || i + 1 == N_WORKS;
            const size_t n_threads = counts ? 1 : 1 + i % 4;
            snprintf(where, sizeof where, "%s, batches of %zu, work %zu, %zu threads, %s", rule,
                     batch_size, works[i], n_threads, pb_isa_name(isa));
            train(&r, rule, &cutting, alpha, batch_size, n_threads);
            check_same_run(&r, &expected, where);
            fewest = i == 0 ? r.n_questions : fewest;
            most = counts ? r.n_questions : most;
            finish(&r);
        }
        /* Cutting is what makes room for questions. */
        CHECK(most > 2 * fewest, "%d questions in the smallest pieces, %d in the largest", most,
              fewest);
    }
    finish(&expected);
}

/* ---- The objective, cut ---------------------------------------------------------------------- */

static void test_objective(void) {
    void *theta = reals(dtype_now, N_PARAMETERS), *expected = NULL;
    double expected_value = NAN;
    fill(dtype_now, theta, N_PARAMETERS, 0.125);
    FOR_VARIANTS(isa, dtype_now, kernels) {
        for (size_t i = 0; i < N_WORKS; i++) {
            pb_kernels cutting = *kernels;
            cutting.work_per_check = works[i];
            pb_network *network = new_network(&cutting, 0.5);
            pb_workspace *workspace = new_workspace(network, N_ROWS, 1 + i % 4);
            void *gradient = reals(dtype_now, N_PARAMETERS);
            double value = NAN;
            CHECK_SAME(pb_objective(network, theta, &rows, workspace, NULL, &value, gradient, NULL),
                       PB_OK, "%zu", works[i]);
            if (expected == NULL) {
                expected = gradient;
                expected_value = value;
            }
            CHECK(same_bits(value, expected_value), "F is %a, not %a: work %zu, %s", value,
                  expected_value, works[i], pb_isa_name(isa));
            CHECK_BITS(dtype_now, N_PARAMETERS, gradient, expected, pb_isa_name(isa));
            if (gradient != expected) {
                free(gradient);
            }
            pb_workspace_free(workspace);
            pb_network_free(network);
        }
    }
    free(theta);
    free(expected);
}

int main(void) {
    FOR_DTYPES(dtype) {
        dtype_now = dtype;
        void *X = reals(dtype, N_ROWS * N_FEATURES);
        int32_t codes[N_ROWS];
        double weights[N_ROWS];
        int64_t order[N_ROWS];
        draw_state = 3;
        fill(dtype, X, N_ROWS * N_FEATURES, 1);
        for (size_t i = 0; i < N_ROWS; i++) {
            codes[i] = (int32_t)draw_below(N_OUTPUTS);
            weights[i] = (double)draw_below(4) / 3;
            order[i] = (int64_t)(i * 11 % N_ROWS);
        }
        rows = (pb_batch){.X = {X, N_FEATURES, 1, NULL, NULL},
                          .y = {codes, PB_TARGET_CLASS, 1, 1},
                          .n_rows = N_ROWS};
        test_cuts("sgd", 0.5, 200);
        test_objective();
        rows.order = order;
        rows.weights = weights;
        test_cuts("adam", 0.5, 33);
        test_cuts("adam", 0, 600); /* several blocks a batch */
        test_objective();
        free(X);
    }
    return check_summary();
}
