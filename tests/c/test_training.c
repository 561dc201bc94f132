/* Tests epochs of training against plain C, to the bit: the gradients come from pb_objective;
 * steps, their order, their number and the loss are computed here. */
#include "check.h"
#include "network/network.h"

enum { N_ROWS = 103, BATCH = 20, N_FEATURES = 4, N_OUTPUTS = 2, N_PARAMETERS = 37 };

static const size_t sizes[] = {N_FEATURES, 5, N_OUTPUTS};

/* A run of training: what an epoch takes and leaves. */
typedef struct run {
    pb_dtype dtype;
    pb_network *network;
    pb_workspace *workspace;
    pb_optimizer optimizer;
    double parameters[N_PARAMETERS], states[2 * N_PARAMETERS];
} run;

static void *X, *y;
static double weights[N_ROWS];

static void start(run *r, pb_dtype dtype, const pb_kernels *kernels, const char *rule,
                  const pb_hyperparameters *h) {
    const pb_network_spec spec = {dtype,
                                  2,
                                  sizes,
                                  EVERY_LAYER("tanh"),
                                  "identity",
                                  "squared_error",
                                  .alphas = SAME_ALPHAS(0.01)};
    memset(r, 0, sizeof *r); /* zero states are all-zero bits */
    r->dtype = dtype;
    CHECK_SAME(pb_network_new(&spec, &r->network), PB_OK, "network");
    CHECK_SAME(pb_network_n_parameters(r->network), N_PARAMETERS, "parameters");
    r->network->kernels = kernels; /* whatever this process chose */
    CHECK_SAME(pb_workspace_new(r->network, BATCH, PB_WORKSPACE_TRAINING, 1, &r->workspace), PB_OK,
               "%s", rule);
    r->optimizer = (pb_optimizer){rule, *h, 0.01, 0, .states = r->states};
    draw_state = 5; /* the same parameters each time */
    fill(dtype, r->parameters, N_PARAMETERS, 0.25);
}

static void finish(run *r) {
    pb_workspace_free(r->workspace);
    pb_network_free(r->network);
}

/* ---- Plain C: published formulas, operation by operation --------------------------------------
 */

#define R(value) rounded(r->dtype, value)

/* w += v, v = mu v - rate g; or w += mu v - rate g (Nesterov). */
static void sgd(run *r, const double *g) {
    const pb_hyperparameters *h = &r->optimizer.hyperparameters;
    const double mu = R(h->momentum), rate = R(r->optimizer.learning_rate);
    for (size_t i = 0; i < N_PARAMETERS; i++) {
        const double step = R(rate * get(r->dtype, g, i));
        const double v = R(R(mu * get(r->dtype, r->states, i)) - step);
        const double change = h->nesterov ? R(R(mu * v) - step) : v;
        put(r->dtype, r->states, i, v);
        put(r->dtype, r->parameters, i, R(get(r->dtype, r->parameters, i) + change));
    }
}

/* m = b1 m + (1 - b1) g, v = b2 v + (1 - b2) g^2, w -= rate sqrt(1 - b2^t) / (1 - b1^t) m /
 * (sqrt(v) + epsilon). What does not depend on i is computed in double and rounded once. */
static void adam(run *r, const double *g) {
    const pb_hyperparameters *h = &r->optimizer.hyperparameters;
    /* The betas of these tests have few digits, so that their powers are exact however computed. */
    const double t = (double)r->optimizer.n_steps + 1;
    const double power_1 = pow(h->beta_1, t), power_2 = pow(h->beta_2, t);
    const double rate = R(r->optimizer.learning_rate * sqrt(1 - power_2) / (1 - power_1));
    const double b_1 = R(h->beta_1), c_1 = R(1 - h->beta_1), b_2 = R(h->beta_2);
    const double c_2 = R(1 - h->beta_2), epsilon = R(h->epsilon);
    for (size_t i = 0; i < N_PARAMETERS; i++) {
        const double g_i = get(r->dtype, g, i);
        const double m = R(R(b_1 * get(r->dtype, r->states, i)) + R(c_1 * g_i));
        const double v =
            R(R(b_2 * get(r->dtype, r->states, N_PARAMETERS + i)) + R(c_2 * R(g_i * g_i)));
        put(r->dtype, r->states, i, m);
        put(r->dtype, r->states, N_PARAMETERS + i, v);
        const double change = R(R(-rate * m) / R(R(sqrt(v)) + epsilon));
        put(r->dtype, r->parameters, i, R(get(r->dtype, r->parameters, i) + change));
    }
}

/* Any slice of the batch, by its rows' numbers. */
static void plain_epoch(run *r, const pb_batch *rows, double *loss) {
    double total = 0, gradient[N_PARAMETERS];
    size_t n_counted = 0;
    for (size_t first = 0; first < N_ROWS; first += BATCH) {
        int64_t numbers[BATCH];
        size_t n = 0, n_weighing = 0;
        for (; n < BATCH && first + n < N_ROWS; n++) {
            numbers[n] = rows->order == NULL ? (int64_t)(first + n) : rows->order[first + n];
            n_weighing += rows->weights == NULL || rows->weights[numbers[n]] > 0;
        }
        if (n_weighing == 0) {
            continue;
        }
        pb_batch batch = *rows;
        double objective = 0;
        batch.order = numbers;
        batch.n_rows = n;
        CHECK_SAME(pb_objective(r->network, r->parameters, &batch, r->workspace, NULL, &objective,
                                gradient, NULL),
                   PB_OK, "batch at %zu", first);
        (strcmp(r->optimizer.name, "sgd") == 0 ? sgd : adam)(r, gradient);
        r->optimizer.n_steps++;
        total += objective * (double)n;
        n_counted += n;
    }
    *loss = total / (double)n_counted;
}

static void check_same_run(const run *actual, const run *expected, const char *what) {
    CHECK_BITS(actual->dtype, N_PARAMETERS, actual->parameters, expected->parameters, what);
    CHECK_BITS(actual->dtype, 2 * N_PARAMETERS, actual->states, expected->states, what);
    CHECK_SAME(actual->optimizer.n_steps, expected->optimizer.n_steps, "%s", what);
}

/* ---- Epochs ---------------------------------------------------------------------------------- */

static const struct {
    const char *rule;
    pb_hyperparameters h;
} rules[] = {
    {"sgd", {.momentum = 0}},
    {"sgd", {.momentum = 0.9}},
    {"sgd", {.momentum = 0.9, .nesterov = 1}},
    {"adam", {.beta_1 = 0.75, .beta_2 = 0.875, .epsilon = 1e-8}},
    {"adam", {.beta_1 = 0, .beta_2 = 0.5, .epsilon = 1e-3}},
};

/* Two epochs, so that the second goes on from states and a step count of its own. */
static void test_epochs(pb_dtype dtype, const pb_batch *rows, const char *what) {
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        FOR_VARIANTS(isa, dtype, kernels) {
            run actual, expected;
            start(&actual, dtype, kernels, rules[i].rule, &rules[i].h);
            start(&expected, dtype, kernels, rules[i].rule, &rules[i].h);
            for (int epoch = 0; epoch < 2; epoch++) {
                pb_epoch epoch_of = {NAN, NAN, NAN};
                double expected_loss = 0;
                CHECK_SAME(pb_train_epoch(actual.network, actual.parameters, &actual.optimizer,
                                          rows, BATCH, actual.workspace, NULL, &epoch_of),
                           PB_OK, "%s", what);
                plain_epoch(&expected, rows, &expected_loss);
                CHECK(same_bits(epoch_of.loss, expected_loss), "loss %a, not %a: %s, %s",
                      epoch_of.loss, expected_loss, rules[i].rule, what);
                check_same_run(&actual, &expected, what);
            }
            finish(&actual);
            finish(&expected);
        }
    }
}

/* The usual betas, early and late: from zero states one step is
 * rate sqrt(1 - b2^t) / (1 - b1^t) (1 - b1) g / (sqrt((1 - b2) g^2) + epsilon), to some roundings:
 * the powers' own, each once, whatever t is, weighs more where 1 - b^t is small. */
static void test_bias_correction(void) {
    static const int64_t times[] = {1, 2, 3, 10, 300, 777, 1000, 2047, 12345, 100000000};
    static const size_t line[] = {1, 1};
    const pb_network_spec spec = {
        PB_FLOAT64, 1, line, EVERY_LAYER("relu"), "identity", "squared_error", .alphas = NULL};
    const long double b_1 = 0.9, b_2 = 0.999, rate = 0.001, epsilon = 1e-8; /* as rounded */
    for (size_t i = 0; i < sizeof times / sizeof times[0]; i++) {
        double x = 1, target = 0, w[2] = {0.5, 0}, states[4] = {0}; /* g = 0.5 for both */
        const pb_batch rows = {
            {&x, 1, 1, NULL, NULL}, {&target, PB_TARGET_REAL, 1, 1}, NULL, NULL, 1};
        pb_optimizer adam_at = {
            .name = "adam",
            .hyperparameters = {.beta_1 = 0.9, .beta_2 = 0.999, .epsilon = 1e-8},
            .learning_rate = 0.001,
            .n_steps = times[i] - 1,
            .states = states};
        pb_epoch epoch = {0, 0, 0};
        pb_network *network = NULL;
        pb_workspace *workspace = NULL;
        CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "line");
        CHECK_SAME(pb_workspace_new(network, 1, PB_WORKSPACE_TRAINING, 1, &workspace), PB_OK,
                   "line");
        CHECK_SAME(pb_train_epoch(network, w, &adam_at, &rows, 1, workspace, NULL, &epoch), PB_OK,
                   "step %lld", (long long)times[i]);
        const long double t = (long double)times[i];
        const double change = (double)(-rate * sqrtl(1 - powl(b_2, t)) / (1 - powl(b_1, t)) *
                                       (1 - b_1) * 0.5L / (sqrtl(1 - b_2) * 0.5L + epsilon));
        const double roundings = (double)(8 + 1 / (1 - powl(b_1, t)) + 1 / (1 - powl(b_2, t)));
        CHECK_CLOSE(w[1], change, fabs(change) * roundings * DBL_EPSILON, "intercept, step %lld",
                    (long long)times[i]);
        CHECK_CLOSE(w[0], 0.5 + change, 1e-15, "coefficient, step %lld", (long long)times[i]);
        CHECK_SAME(adam_at.n_steps, times[i], "count");
        CHECK_CLOSE(epoch.loss, 0.125, 0, "loss before the step");
        pb_workspace_free(workspace);
        pb_network_free(network);
    }
}

/* ---- What else an optimizer may have -----------------------------------------------------------
 */

/* The norm of the gradient of some rows. */
static double norm_of_gradient(run *r, const pb_batch *rows, size_t first, size_t count) {
    int64_t numbers[BATCH];
    double gradient[N_PARAMETERS], objective = 0;
    pb_batch batch = *rows;
    for (size_t i = 0; i < count; i++) {
        numbers[i] = (int64_t)(first + i);
    }
    batch.order = numbers;
    batch.n_rows = count;
    CHECK_SAME(pb_objective(r->network, r->parameters, &batch, r->workspace, NULL, &objective,
                            gradient, NULL),
               PB_OK, "gradient");
    return sqrt(r->network->kernels->sum_of_squares(N_PARAMETERS, gradient));
}

/* The norm is that of the last step's gradient before it is clipped; a clipped step of plain sgd
 * is rate times the norm allowed long. */
static void test_clipping(pb_dtype dtype, const pb_batch *rows) {
    const pb_hyperparameters plain = {.momentum = 0};
    const double tolerance = dtype == PB_FLOAT64 ? 1e-12 : 1e-4;
    FOR_VARIANTS(isa, dtype, kernels) {
        run r;
        pb_epoch epoch = {NAN, NAN, NAN};
        pb_batch one = *rows;
        double before[N_PARAMETERS];
        one.n_rows = BATCH;
        start(&r, dtype, kernels, "sgd", &plain);
        memcpy(before, r.parameters, sizeof before);
        const double norm = norm_of_gradient(&r, &one, 0, BATCH);
        r.optimizer.global_clipnorm = norm / 3;
        CHECK_SAME(pb_train_epoch(r.network, r.parameters, &r.optimizer, &one, BATCH, r.workspace,
                                  NULL, &epoch),
                   PB_OK, "clipped");
        CHECK_CLOSE(epoch.gradient_norm, norm, 0, "before it is clipped");
        double squares = 0;
        for (size_t i = 0; i < N_PARAMETERS; i++) {
            const double change = get(dtype, r.parameters, i) - get(dtype, before, i);
            squares += change * change;
        }
        CHECK_CLOSE(sqrt(squares), 0.01 * norm / 3, 0.01 * norm * tolerance, "rate times clip");
        finish(&r);
        /* Of an epoch of several steps, the last one's. */
        start(&r, dtype, kernels, "sgd", &plain);
        run until = r;
        CHECK_SAME(pb_train_epoch(r.network, r.parameters, &r.optimizer, &one, BATCH, r.workspace,
                                  NULL, &epoch),
                   PB_OK, "first batch");
        const double last = norm_of_gradient(&r, rows, BATCH, BATCH);
        one.n_rows = 2 * BATCH;
        until.optimizer.states = until.states;
        CHECK_SAME(pb_train_epoch(until.network, until.parameters, &until.optimizer, &one, BATCH,
                                  until.workspace, NULL, &epoch),
                   PB_OK, "two batches");
        CHECK_CLOSE(epoch.gradient_norm, last, 0, "of the last batch");
        CHECK_SAME(until.optimizer.n_epochs, 1, "epochs");
        finish(&r);
    }
}

/* A layer at half the rate steps half as far, and the others as ever. */
static void test_layer_rates(pb_dtype dtype, const pb_batch *rows) {
    static const double halves[] = {1, 0.5}, ones[] = {1, 1};
    for (size_t i = 0; i < sizeof rules / sizeof rules[0]; i++) {
        FOR_VARIANTS(isa, dtype, kernels) {
            run r[3];
            double before[N_PARAMETERS];
            pb_batch one = *rows;
            one.n_rows = BATCH;
            for (int k = 0; k < 3; k++) {
                pb_epoch epoch;
                start(&r[k], dtype, kernels, rules[i].rule, &rules[i].h);
                memcpy(before, r[k].parameters, sizeof before);
                r[k].optimizer.layer_rates = k == 0 ? NULL : k == 1 ? ones : halves;
                CHECK_SAME(pb_train_epoch(r[k].network, r[k].parameters, &r[k].optimizer, &one,
                                          BATCH, r[k].workspace, NULL, &epoch),
                           PB_OK, "%d", k);
            }
            check_same_run(&r[1], &r[0], "factors of 1");
            for (size_t k = 0; k < N_PARAMETERS; k++) {
                const int is_first = k < 20 || (k >= 30 && k < 35); /* W1 (4, 5), W2 (5, 2), b1 */
                const double w = get(dtype, before, k), full = get(dtype, r[0].parameters, k) - w;
                const double actual = get(dtype, r[2].parameters, k) - w;
                CHECK_CLOSE(actual, is_first ? full : full / 2,
                            is_first              ? 0
                            : dtype == PB_FLOAT64 ? 1e-15
                                                  : 1e-7,
                            "parameter %zu", k);
            }
            for (int k = 0; k < 3; k++) {
                finish(&r[k]);
            }
        }
    }
}

/* At a rate of 0 nothing moves, though the loss is computed and the epoch counts. */
static void test_no_rate(pb_dtype dtype, const pb_batch *rows) {
    const pb_hyperparameters h = {.momentum = 0.9, .nesterov = 1};
    const pb_schedule ended = {.name = "cosine", .learning_rate_init = 0.01, .horizon = 3};
    FOR_VARIANTS(isa, dtype, kernels) {
        run r;
        pb_epoch epoch = {NAN, NAN, NAN};
        start(&r, dtype, kernels, "sgd", &h);
        r.optimizer.schedule = &ended;
        r.optimizer.n_epochs = 3;
        r.optimizer.max_norm = 1e-3;
        fill(dtype, r.states, N_PARAMETERS, 1); /* a velocity that would go on */
        const run before = r;
        CHECK_SAME(pb_train_epoch(r.network, r.parameters, &r.optimizer, rows, BATCH, r.workspace,
                                  NULL, &epoch),
                   PB_OK, "no rate");
        check_same_run(&r, &before, "no rate");
        CHECK_SAME(r.optimizer.n_epochs, 4, "epochs");
        CHECK(epoch.loss > 0 && epoch.penalty > 0 && epoch.gradient_norm > 0, "%g %g %g",
              epoch.loss, epoch.penalty, epoch.gradient_norm);
        finish(&r);
    }
}

int main(void) {
    FOR_DTYPES(dtype) {
        int64_t order[N_ROWS];
        X = reals(dtype, N_ROWS * N_FEATURES);
        y = reals(dtype, N_ROWS * N_OUTPUTS);
        fill(dtype, X, N_ROWS * N_FEATURES, 1);
        fill(dtype, y, N_ROWS * N_OUTPUTS, 1);
        for (size_t i = 0; i < N_ROWS; i++) {
            order[i] = (int64_t)(i * 10 % N_ROWS); /* 103 is prime: all rows, once */
            weights[i] = i / BATCH == 1 ? 0 : 0.25 * (double)draw_below(5); /* batch 1: nothing */
        }
        pb_batch rows = {
            {X, N_FEATURES, 1, NULL, NULL}, {y, PB_TARGET_REAL, N_OUTPUTS, 1}, NULL, NULL, N_ROWS};
        test_epochs(dtype, &rows, "rows as they lie");
        test_clipping(dtype, &rows);
        test_layer_rates(dtype, &rows);
        test_no_rate(dtype, &rows);
        rows.weights = weights;
        test_epochs(dtype, &rows, "weights, and a batch without");
        rows.order = order;
        test_epochs(dtype, &rows, "weights and an order");
        rows.weights = NULL;
        rows.X.values = (const char *)X + (N_ROWS - 1) * N_FEATURES * item_size(dtype);
        rows.X.row_stride = -N_FEATURES;
        test_epochs(dtype, &rows, "backwards, with an order");
        rows.order = NULL;
        test_epochs(dtype, &rows, "backwards");
        free(X);
        free(y);
    }
    test_bias_correction();
    return check_summary();
}
