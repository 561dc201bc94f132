/* Tests objectives and epochs that are computed in parts, as on several machines: the bits are
 * those of the whole batch, however it was divided. */
#include "check.h"
#include "network/network.h"

enum { N_ROWS = 5 * PB_BLOCK_ROWS + 77, N_FEATURES = 9, N_OUTPUTS = 3, MAX_NODES = 16 };

static const size_t sizes[] = {N_FEATURES, 20, 7, N_OUTPUTS};
enum { N_LAYERS = 3, N_PARAMETERS = 10 * 20 + 21 * 7 + 8 * N_OUTPUTS };

static pb_dtype dtype_now;
static void *X;
static int32_t y[N_ROWS];
static double weights[N_ROWS];
static int64_t order[N_ROWS];

static pb_network *new_network(const pb_kernels *kernels, double alpha, double l1_ratio) {
    const pb_network_spec spec = {dtype_now,
                                  N_LAYERS,
                                  sizes,
                                  EVERY_LAYER("tanh"),
                                  "softmax",
                                  "log_loss",
                                  .alphas = SAME_ALPHAS(alpha),
                                  .l1_ratio = l1_ratio};
    pb_network *network = NULL;
    CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "network");
    CHECK_SAME(pb_network_n_parameters(network), N_PARAMETERS, "parameters");
    network->kernels = kernels; /* whatever this process chose */
    return network;
}

static pb_workspace *new_workspace(const pb_network *network, pb_workspace_kind kind) {
    pb_workspace *workspace = NULL;
    CHECK_SAME(pb_workspace_new(network, N_ROWS, kind, 2, &workspace), PB_OK, "workspace");
    return workspace;
}

static pb_batch rows_of(size_t n, const double *with_weights, const int64_t *in_order) {
    const pb_batch rows = {
        {X, N_FEATURES, 1, NULL, NULL}, {y, PB_TARGET_CLASS, 1, 0}, with_weights, in_order, n};
    return rows;
}

/* Rows first ... of all rows, as somebody has them who has no others. */
static pb_batch some_rows(const pb_batch *all, size_t first, size_t count) {
    pb_batch node = *all;
    node.n_rows = count;
    if (all->order != NULL) {
        node.order += first;
        return node;
    }
    node.X.values = (const char *)X + first * N_FEATURES * item_size(dtype_now);
    node.y.values = y + first;
    node.weights = all->weights == NULL ? NULL : all->weights + first;
    return node;
}

/* ---- The objective --------------------------------------------------------------------------- */

typedef struct sums {
    pb_sums sums;
    void *gradient;
} sums;

/* Neighbours are added, the left one first; an odd last one passes up. */
static void add_all(sums *nodes, size_t n) {
    for (; n > 1; n = (n + 1) / 2) {
        for (size_t i = 0; i < n / 2; i++) {
            const sums *right = &nodes[2 * i + 1];
            sums *left = &nodes[2 * i];
            left->sums.loss += right->sums.loss;
            left->sums.weight += right->sums.weight;
            for (size_t k = 0; k < N_PARAMETERS; k++) {
                put(dtype_now, left->gradient, k,
                    get(dtype_now, left->gradient, k) + get(dtype_now, right->gradient, k));
            }
            const sums added = *left;
            *left = nodes[i];
            nodes[i] = added;
        }
        if (n % 2 == 1) {
            const sums last = nodes[n - 1];
            nodes[n - 1] = nodes[n / 2];
            nodes[n / 2] = last;
        }
    }
}

/* In nodes of 2^level blocks. */
static void check_objective(const pb_network *network, const pb_batch *rows, size_t level,
                            double scale, const char *what) {
    pb_workspace *workspace = new_workspace(network, PB_WORKSPACE_GRADIENT);
    void *theta = reals(dtype_now, N_PARAMETERS), *expected = reals(dtype_now, N_PARAMETERS);
    sums nodes[MAX_NODES];
    double F = NAN, actual = NAN, penalty = NAN;
    size_t n_nodes = 0;
    fill(dtype_now, theta, N_PARAMETERS, 0.25);
    CHECK_SAME(pb_objective(network, theta, rows, workspace, NULL, &F, expected, NULL), PB_OK, "%s",
               what);
    const size_t most = PB_BLOCK_ROWS << level;
    for (size_t first = 0; first < rows->n_rows; first += most, n_nodes++) {
        const size_t left = rows->n_rows - first;
        const pb_batch node = some_rows(rows, first, left < most ? left : most);
        nodes[n_nodes].gradient = reals(dtype_now, N_PARAMETERS);
        CHECK_SAME(pb_block_sums(network, theta, &node, scale, NULL, workspace, NULL,
                                 &nodes[n_nodes].sums, nodes[n_nodes].gradient),
                   PB_OK, "%s", what);
    }
    add_all(nodes, n_nodes);
    CHECK_SAME(
        pb_finish_sums(network, theta, &nodes[0].sums, scale, &actual, &penalty, nodes[0].gradient),
        PB_OK, "%s", what);
    CHECK(same_bits(actual, F), "%a, not %a: %zu rows in nodes of %zu, %s", actual, F, rows->n_rows,
          most, what);
    CHECK_BITS(dtype_now, N_PARAMETERS, nodes[0].gradient, expected, what);
    for (size_t i = 0; i < n_nodes; i++) {
        free(nodes[i].gradient);
    }
    free(theta);
    free(expected);
    pb_workspace_free(workspace);
}

static void test_objectives(void) {
    static const size_t counts[] = {1, 255, 256, 257, 700, 1024, 1025, N_ROWS};
    static const double penalties[][2] = {{0, 0}, {0.1, 0}, {0.1, 0.5}};
    FOR_VARIANTS(isa, dtype_now, kernels) {
        for (size_t p = 0; p < 3; p++) {
            pb_network *network = new_network(kernels, penalties[p][0], penalties[p][1]);
            for (size_t c = 0; c < sizeof counts / sizeof counts[0]; c++) {
                for (size_t level = 0; level < 4; level++) {
                    const pb_batch plain = rows_of(counts[c], NULL, NULL);
                    const pb_batch mixed = rows_of(counts[c], weights, order);
                    check_objective(network, &plain, level, 1, "in table order");
                    check_objective(network, &mixed, level, pb_weight_scale(3),
                                    "in random order, with weights");
                }
            }
            pb_network_free(network);
        }
    }
}

/* Weights of any size: the same numbers, as long as the scale is that of the largest. */
static void test_scale(void) {
    CHECK_CLOSE(pb_weight_scale(1), 1, 0, "ordinary");
    CHECK_CLOSE(pb_weight_scale(0x1p40), 0x1p-41, 0, "large");
    CHECK_CLOSE(pb_weight_scale(0x1p-40), 0x1p39, 0, "small");
    static double large[N_ROWS];
    for (size_t i = 0; i < N_ROWS; i++) {
        large[i] = weights[i] * 0x1p60;
    }
    double largest = 0;
    for (size_t i = 0; i < N_ROWS; i++) {
        largest = large[i] > largest ? large[i] : largest;
    }
    FOR_VARIANTS(isa, dtype_now, kernels) {
        pb_network *network = new_network(kernels, 0.1, 0.25);
        const pb_batch rows = rows_of(N_ROWS, large, NULL);
        check_objective(network, &rows, 1, pb_weight_scale(largest), "large weights");
        pb_network_free(network);
    }
}

/* A node without weight is nothing to its neighbours, and no batch by itself. */
static void test_no_weight(void) {
    static const double zeros[PB_BLOCK_ROWS];
    FOR_VARIANTS(isa, dtype_now, kernels) {
        pb_network *network = new_network(kernels, 0.1, 0);
        pb_workspace *workspace = new_workspace(network, PB_WORKSPACE_GRADIENT);
        void *theta = reals(dtype_now, N_PARAMETERS), *gradient = reals(dtype_now, N_PARAMETERS);
        const pb_batch rows = rows_of(PB_BLOCK_ROWS, zeros, NULL);
        pb_sums none = {NAN, NAN};
        double F, penalty;
        fill(dtype_now, theta, N_PARAMETERS, 0.25);
        CHECK_SAME(pb_block_sums(network, theta, &rows, 1, NULL, workspace, NULL, &none, gradient),
                   PB_OK, "no weight");
        CHECK_CLOSE(none.loss, 0, 0, "loss");
        CHECK_CLOSE(none.weight, 0, 0, "weight");
        for (size_t k = 0; k < N_PARAMETERS; k++) {
            CHECK_CLOSE(get(dtype_now, gradient, k), 0, 0, "gradient of %zu", k);
        }
        CHECK_SAME(pb_finish_sums(network, theta, &none, 1, &F, &penalty, gradient),
                   PB_BAD_ARGUMENT, "no weight at all");
        free(theta);
        free(gradient);
        pb_workspace_free(workspace);
        pb_network_free(network);
    }
}

/* ---- Epochs ---------------------------------------------------------------------------------- */

enum { BATCH = 2 * PB_BLOCK_ROWS, N_BATCHES = (N_ROWS - 1) / BATCH + 1, N_EPOCHS = 2 };

typedef struct run {
    void *parameters, *states;
    pb_optimizer optimizer;
    pb_epoch epoch;
} run;

static const double rates[] = {0.125, 0.25, 0.5};
static const double layer_rates[] = {1, 0.5, 0.25};
static const pb_schedule schedule = {
    .name = "one_cycle", .learning_rate_init = 0.01, .horizon = N_EPOCHS, .warmup_epochs = 1};

static void start(run *r, const char *rule, const double *dropped, double clip, double max_norm) {
    memset(r, 0, sizeof *r);
    r->parameters = reals(dtype_now, N_PARAMETERS);
    r->states = reals(dtype_now, 2 * N_PARAMETERS);
    memset(r->states, 0, 2 * N_PARAMETERS * item_size(dtype_now));
    draw_state = 5; /* the same parameters each time */
    fill(dtype_now, r->parameters, N_PARAMETERS, 0.125);
    r->optimizer = (pb_optimizer){.name = rule,
                                  .hyperparameters = {0.9, 1, 0.9, 0.999, 1e-8, 0.01},
                                  .learning_rate = 0.01,
                                  .states = r->states,
                                  .dropout = {dropped, 11},
                                  .schedule = &schedule,
                                  .layer_rates = layer_rates,
                                  .global_clipnorm = clip,
                                  .max_norm = max_norm};
}

static void finish(run *r) {
    free(r->parameters);
    free(r->states);
}

static void check_same_run(const run *actual, const run *expected, const char *what) {
    CHECK_BITS(dtype_now, N_PARAMETERS, actual->parameters, expected->parameters, what);
    CHECK_BITS(dtype_now, 2 * N_PARAMETERS, actual->states, expected->states, what);
    CHECK_SAME(actual->optimizer.n_steps, expected->optimizer.n_steps, "%s", what);
    CHECK_SAME(actual->optimizer.n_epochs, expected->optimizer.n_epochs, "%s", what);
    CHECK_SAME(actual->epoch.n_rows, expected->epoch.n_rows, "%s", what);
    CHECK(same_bits(actual->epoch.loss, expected->epoch.loss), "%s", what);
    CHECK(same_bits(actual->epoch.penalty, expected->epoch.penalty), "%s", what);
    CHECK(same_bits(actual->epoch.gradient_norm, expected->epoch.gradient_norm), "%s", what);
}

static void whole_epoch(run *r, const pb_network *network, const pb_batch *rows,
                        pb_workspace *workspace) {
    const pb_epoch_part all = {.n_batches = N_BATCHES, .is_last = 1};
    r->epoch = (pb_epoch){0, 0, 0, 0};
    CHECK_SAME(pb_train_batches(network, r->parameters, &r->optimizer, rows, BATCH, &all, workspace,
                                NULL, &r->epoch),
               PB_OK, "whole");
    r->optimizer.n_epochs++;
}

/* A batch at a time, each a table of its own. */
static void epoch_of_parts(run *r, const pb_network *network, const pb_batch *rows,
                           pb_workspace *workspace) {
    r->epoch = (pb_epoch){0, 0, 0, 0};
    for (size_t i = 0; i < N_BATCHES; i++) {
        const size_t first = i * BATCH, left = N_ROWS - first;
        const pb_batch batch = some_rows(rows, first, left < BATCH ? left : BATCH);
        const pb_epoch_part part = {i, N_BATCHES, rows->order == NULL ? first : 0,
                                    i + 1 == N_BATCHES};
        CHECK_SAME(pb_train_batches(network, r->parameters, &r->optimizer, &batch, BATCH, &part,
                                    workspace, NULL, &r->epoch),
                   PB_OK, "batch %zu", i);
    }
    r->optimizer.n_epochs++;
}

/* Sums of each block from somebody else, and steps taken here. */
static void epoch_of_sums(run *r, const pb_network *network, const pb_batch *rows,
                          pb_workspace *workspace) {
    r->epoch = (pb_epoch){0, 0, 0, 0};
    for (size_t i = 0; i < N_BATCHES; i++) {
        const size_t first = i * BATCH, count = N_ROWS - first < BATCH ? N_ROWS - first : BATCH;
        sums nodes[MAX_NODES];
        double F = 0, penalty = 0;
        size_t n_nodes = 0;
        for (size_t at = 0; at < count; at += PB_BLOCK_ROWS, n_nodes++) {
            const size_t left = count - at;
            const pb_batch node =
                some_rows(rows, first + at, left < PB_BLOCK_ROWS ? left : PB_BLOCK_ROWS);
            const pb_masks masks = {r->optimizer.dropout, (uint64_t)r->optimizer.n_epochs,
                                    rows->order == NULL ? first + at : 0};
            nodes[n_nodes].gradient = reals(dtype_now, N_PARAMETERS);
            CHECK_SAME(pb_block_sums(network, r->parameters, &node, 1,
                                     masks.dropout.rates == NULL ? NULL : &masks, workspace, NULL,
                                     &nodes[n_nodes].sums, nodes[n_nodes].gradient),
                       PB_OK, "block");
        }
        add_all(nodes, n_nodes);
        CHECK_SAME(pb_finish_sums(network, r->parameters, &nodes[0].sums, 1, &F, &penalty,
                                  nodes[0].gradient),
                   PB_OK, "batch");
        const pb_epoch_part part = {i, N_BATCHES, 0, i + 1 == N_BATCHES};
        CHECK_SAME(pb_take_step(network, r->parameters, &r->optimizer, &part, nodes[0].gradient,
                                &r->epoch.gradient_norm),
                   PB_OK, "step");
        r->epoch.loss += F * (double)count;
        r->epoch.penalty += penalty * (double)count;
        r->epoch.n_rows += count;
        for (size_t k = 0; k < n_nodes; k++) {
            free(nodes[k].gradient);
        }
    }
    r->optimizer.n_epochs++;
}

static void check_epochs(const pb_kernels *kernels, const char *rule, const double *dropped,
                         const pb_batch *rows, double clip, double max_norm) {
    pb_network *network = new_network(kernels, 0.1, 0.25);
    pb_workspace *workspace =
        new_workspace(network, dropped == NULL ? PB_WORKSPACE_TRAINING : PB_WORKSPACE_DROPOUT);
    run whole, parts, of_sums;
    start(&whole, rule, dropped, clip, max_norm);
    start(&parts, rule, dropped, clip, max_norm);
    start(&of_sums, rule, dropped, clip, max_norm);
    for (int epoch = 0; epoch < N_EPOCHS; epoch++) {
        whole_epoch(&whole, network, rows, workspace);
        epoch_of_parts(&parts, network, rows, workspace);
        epoch_of_sums(&of_sums, network, rows, workspace);
        check_same_run(&parts, &whole, "parts");
        check_same_run(&of_sums, &whole, "sums");
    }
    finish(&whole);
    finish(&parts);
    finish(&of_sums);
    pb_workspace_free(workspace);
    pb_network_free(network);
}

static void test_epochs(void) {
    FOR_VARIANTS(isa, dtype_now, kernels) {
        const pb_batch plain = rows_of(N_ROWS, NULL, NULL);
        const pb_batch mixed = rows_of(N_ROWS, weights, order);
        check_epochs(kernels, "sgd", NULL, &plain, 0, 0);
        check_epochs(kernels, "adam", NULL, &mixed, 0, 0);
        check_epochs(kernels, "adamw", rates, &plain, 0.1, 0);
        check_epochs(kernels, "sgd", rates, &mixed, 0, 0.5);
    }
}

/* ---- Bad arguments --------------------------------------------------------------------------- */

static void test_bad_arguments(void) {
    pb_network *network = new_network(pb_kernels_of(PB_BASELINE, dtype_now), 0, 0);
    pb_workspace *for_objective = new_workspace(network, PB_WORKSPACE_GRADIENT);
    pb_workspace *for_training = new_workspace(network, PB_WORKSPACE_TRAINING);
    const pb_batch rows = rows_of(N_ROWS, NULL, NULL);
    const pb_masks masks = {{rates, 0}, 0, 0};
    pb_sums of_rows;
    pb_epoch epoch = {0, 0, 0, 0};
    double norm;
    run r;
    start(&r, "sgd", NULL, 0, 0);
    void *gradient = reals(dtype_now, N_PARAMETERS);
    CHECK_SAME(pb_block_sums(network, r.parameters, &rows, 1, &masks, for_objective, NULL, &of_rows,
                             gradient),
               PB_BAD_ARGUMENT, "scratch without masks");
    const pb_epoch_part fine = {0, N_BATCHES, 0, 1}, few = {0, N_BATCHES - 1, 0, 1};
    const pb_epoch_part late = {1, N_BATCHES, 0, 1}, over = {N_BATCHES, N_BATCHES, 0, 1};
    CHECK_SAME(pb_train_batches(network, r.parameters, &r.optimizer, &rows, BATCH, &fine,
                                for_objective, NULL, &epoch),
               PB_BAD_ARGUMENT, "scratch of another kind");
    CHECK_SAME(pb_train_batches(network, r.parameters, &r.optimizer, &rows, BATCH, &few,
                                for_training, NULL, &epoch),
               PB_BAD_ARGUMENT, "more batches than the epoch");
    CHECK_SAME(pb_train_batches(network, r.parameters, &r.optimizer, &rows, BATCH, &late,
                                for_training, NULL, &epoch),
               PB_BAD_ARGUMENT, "batches past its end");
    CHECK_SAME(pb_take_step(network, r.parameters, &r.optimizer, &over, gradient, &norm),
               PB_BAD_ARGUMENT, "a step past its end");
    r.optimizer.name = "no such rule";
    CHECK_SAME(pb_take_step(network, r.parameters, &r.optimizer, &fine, gradient, &norm),
               PB_UNKNOWN_NAME, "no such rule");
    CHECK_SAME(r.optimizer.n_steps, 0, "steps");
    finish(&r);
    free(gradient);
    pb_workspace_free(for_objective);
    pb_workspace_free(for_training);
    pb_network_free(network);
}

int main(void) {
    for (dtype_now = PB_FLOAT32; dtype_now <= PB_FLOAT64; dtype_now++) {
        X = reals(dtype_now, N_ROWS * N_FEATURES);
        fill(dtype_now, X, N_ROWS * N_FEATURES, 1);
        for (size_t i = 0; i < N_ROWS; i++) {
            y[i] = (int32_t)draw_below(N_OUTPUTS);
            weights[i] = draw_below(5) == 0 ? 0 : 1 + draw();
            weights[i] = weights[i] < 0 ? 0 : weights[i];
            order[i] = (int64_t)i;
        }
        for (size_t i = N_ROWS - 1; i > 0; i--) {
            const size_t k = draw_below(i + 1);
            const int64_t kept = order[i];
            order[i] = order[k];
            order[k] = kept;
        }
        weights[order[0]] = 1; /* a batch of one row needs one */
        test_objectives();
        test_scale();
        test_no_weight();
        test_epochs();
        test_bad_arguments();
        free(X);
    }
    return check_summary();
}
