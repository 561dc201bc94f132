/* Tests predictions: a row has the same bits alone and in a table, with any workspace and
 * instruction set; outputs are the activation of the logits; the caller can interrupt. */
#include "check.h"
#include "network/network.h"

enum { N_ROWS = 700, MAX_FEATURES = 33, MAX_OUTPUTS = 9 };

static pb_network *new_network(pb_dtype dtype, size_t n_layers, const size_t *sizes,
                               const char *hidden, const char *output, const pb_kernels *kernels) {
    const pb_network_spec spec = {dtype,  n_layers,        sizes,         EVERY_LAYER(hidden),
                                  output, "squared_error", .alphas = NULL};
    pb_network *network = NULL;
    CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "%s", output);
    if (kernels != NULL) {
        network->kernels = kernels; /* whatever this process chose */
    }
    return network;
}

static void predict(const pb_network *network, const void *theta, const pb_samples *X,
                    size_t n_rows, size_t max_rows, pb_prediction what, void *out) {
    pb_workspace *workspace = NULL;
    CHECK_SAME(pb_workspace_new(network, max_rows, PB_WORKSPACE_PREDICTION, 1, &workspace), PB_OK,
               "%zu rows", max_rows);
    CHECK_SAME(pb_predict(network, theta, X, n_rows, what, workspace, NULL, out), PB_OK, "%zu rows",
               n_rows);
    pb_workspace_free(workspace);
}

/* A row by itself, whose features lie apart, backwards, or all in one place: the bits that it has
 * among others. */
static void check_strided_rows(pb_dtype dtype, const pb_network *network, const void *table,
                               const void *theta, const void *logits, const void *outputs) {
    static const ptrdiff_t strides[] = {2, 5, -1, -3};
    const size_t n_features = network->layer_sizes[0], size = item_size(dtype);
    const size_t n_outputs = network->layer_sizes[network->n_layers];
    void *alone = reals(dtype, n_outputs), *again = reals(dtype, 2 * n_outputs);
    for (size_t k = 0; k < sizeof strides / sizeof strides[0]; k++) {
        const ptrdiff_t span = (ptrdiff_t)(n_features - 1) * strides[k];
        const size_t start = span < 0 ? (size_t)-span : 0, row = 31 * k + 2;
        void *apart = reals(dtype, (size_t)(span < 0 ? -span : span) + 1);
        for (size_t j = 0; j < n_features; j++) {
            put(dtype, apart, (size_t)((ptrdiff_t)start + (ptrdiff_t)j * strides[k]),
                get(dtype, table, row * n_features + j));
        }
        const pb_samples X = {(char *)apart + start * size, 0, strides[k], NULL, NULL};
        predict(network, theta, &X, 1, 1, PB_PREDICT_OUTPUT, alone);
        CHECK_BITS(dtype, n_outputs, alone, (const char *)outputs + row * n_outputs * size,
                   "alone, strided");
        predict(network, theta, &X, 1, 40, PB_PREDICT_LOGITS, alone);
        CHECK_BITS(dtype, n_outputs, alone, (const char *)logits + row * n_outputs * size,
                   "alone, strided");
        predict(network, theta, &X, 2, 2, PB_PREDICT_LOGITS, again); /* the same row twice */
        CHECK_BITS(dtype, n_outputs, again, alone, "twice, strided");
        CHECK_BITS(dtype, n_outputs, (char *)again + n_outputs * size, alone, "twice, strided");
        free(apart);
    }
    const pb_samples constant = {table, 0, 0, NULL, NULL};
    predict(network, theta, &constant, 1, 1, PB_PREDICT_LOGITS, alone);
    predict(network, theta, &constant, 2, 2, PB_PREDICT_LOGITS, again);
    CHECK_BITS(dtype, n_outputs, alone, again, "all features the same");
    free(alone);
    free(again);
}

/* One network: all rows at once, in other blocks, one by one, sparse, backwards. */
static void check_network(pb_dtype dtype, const pb_kernels *kernels, size_t n_layers,
                          const size_t *sizes, const char *hidden, const char *output,
                          const void *table, const void *theta, void *logits, void *outputs) {
    static const size_t scratch_rows[] = {1, 7, 255, 256, 300, 5000};
    const size_t n_features = sizes[0], n_outputs = sizes[n_layers], size = item_size(dtype);
    pb_network *network = new_network(dtype, n_layers, sizes, hidden, output, kernels);
    const pb_samples X = {table, (ptrdiff_t)n_features, 1, NULL, NULL};
    predict(network, theta, &X, N_ROWS, N_ROWS, PB_PREDICT_LOGITS, logits);
    predict(network, theta, &X, N_ROWS, N_ROWS, PB_PREDICT_OUTPUT, outputs);
    void *again = reals(dtype, N_ROWS * n_outputs);
    for (size_t i = 0; i < sizeof scratch_rows / sizeof scratch_rows[0]; i++) {
        predict(network, theta, &X, N_ROWS, scratch_rows[i], PB_PREDICT_OUTPUT, again);
        CHECK_BITS(dtype, N_ROWS * n_outputs, again, outputs, "in blocks");
    }
    for (size_t r = 0; r < N_ROWS; r += 13) {
        const pb_samples row = {(const char *)table + r * n_features * size, 0, 1, NULL, NULL};
        void *alone = reals(dtype, n_outputs);
        predict(network, theta, &row, 1, 1, PB_PREDICT_OUTPUT, alone);
        CHECK_BITS(dtype, n_outputs, alone, (char *)outputs + r * n_outputs * size, "alone");
        predict(network, theta, &row, 1, 300, PB_PREDICT_LOGITS, alone);
        CHECK_BITS(dtype, n_outputs, alone, (char *)logits + r * n_outputs * size, "alone");
        free(alone);
    }
    check_strided_rows(dtype, network, table, theta, logits, outputs);
    /* Every value stored, zero or not. */
    int64_t *indptr = malloc((N_ROWS + 1) * sizeof *indptr);
    int32_t *indices = malloc(N_ROWS * n_features * sizeof *indices);
    for (size_t i = 0; i <= N_ROWS; i++) {
        indptr[i] = (int64_t)(i * n_features);
    }
    for (size_t i = 0; i < N_ROWS * n_features; i++) {
        indices[i] = (int32_t)(i % n_features);
    }
    const pb_samples sparse = {table, 0, 0, indptr, indices};
    predict(network, theta, &sparse, N_ROWS, 100, PB_PREDICT_OUTPUT, again);
    CHECK_BITS(dtype, N_ROWS * n_outputs, again, outputs, "sparse");
    free(indptr);
    free(indices);
    /* The table read from its end. */
    const pb_samples backwards = {(const char *)table + (N_ROWS - 1) * n_features * size,
                                  -(ptrdiff_t)n_features, 1, NULL, NULL};
    predict(network, theta, &backwards, N_ROWS, 300, PB_PREDICT_OUTPUT, again);
    for (size_t r = 0; r < N_ROWS; r++) {
        CHECK_BITS(dtype, n_outputs, (char *)again + (N_ROWS - 1 - r) * n_outputs * size,
                   (char *)outputs + r * n_outputs * size, "backwards");
    }
    /* In place, as pb_activate allows. */
    memcpy(again, logits, N_ROWS * n_outputs * size);
    CHECK_SAME(pb_activate(dtype, output, N_ROWS, n_outputs, again, again, NULL), PB_OK, "%s",
               output);
    CHECK_BITS(dtype, N_ROWS * n_outputs, again, outputs, "outputs are f(logits)");
    free(again);
    pb_network_free(network);
}

static void test_networks(pb_dtype dtype) {
    static const size_t sizes[][4] = {{5, 3}, {MAX_FEATURES, 20, MAX_OUTPUTS}, {3, 17, 6, 2}};
    void *table = reals(dtype, N_ROWS * MAX_FEATURES), *theta = reals(dtype, 1000);
    fill(dtype, table, N_ROWS * MAX_FEATURES, 1);
    fill(dtype, theta, 1000, 0.25);
    pb_activation_info f = {0};
    for (size_t depth = 1; depth <= 3; depth++) {
        for (size_t i = 0; pb_activation_at(i, &f) == PB_OK; i++) {
            const size_t n = N_ROWS * sizes[depth - 1][depth];
            void *first_logits = NULL, *first_outputs = NULL;
            FOR_VARIANTS(isa, dtype, kernels) {
                void *logits = reals(dtype, n), *outputs = reals(dtype, n);
                check_network(dtype, kernels, depth, sizes[depth - 1], f.hidden ? f.name : "relu",
                              f.output ? f.name : "identity", table, theta, logits, outputs);
                if (isa == PB_BASELINE) {
                    first_logits = logits;
                    first_outputs = outputs;
                    continue;
                }
                CHECK_BITS(dtype, n, logits, first_logits, pb_isa_name(isa));
                CHECK_BITS(dtype, n, outputs, first_outputs, pb_isa_name(isa));
                free(logits);
                free(outputs);
            }
            free(first_logits);
            free(first_outputs);
        }
    }
    free(table);
    free(theta);
}

/* ---- Stopping, and what else can be asked ---------------------------------------------------- */

static int poll(void *context) {
    int *left = context;
    return (*left)-- == 0;
}

static void test_pace(void) {
    static const size_t sizes[] = {2, 3, 1};
    static float X[2 * N_ROWS], out[N_ROWS];
    const float theta[13] = {1, 2, 3};
    pb_network *network = new_network(PB_FLOAT32, 2, sizes, "tanh", "identity", NULL);
    pb_workspace *workspace = NULL;
    CHECK_SAME(pb_workspace_new(network, 100, PB_WORKSPACE_PREDICTION, 1, &workspace), PB_OK,
               "workspace");
    const pb_samples samples = {X, 2, 1, NULL, NULL};
    int asked = 0, left = 0;
    pb_status status = PB_INTERRUPTED;
    for (; status == PB_INTERRUPTED && asked < 1000; asked++) {
        left = asked;
        pb_interrupt interrupt = {poll, &left, 0, 0};
        status = pb_predict(network, theta, &samples, N_ROWS, PB_PREDICT_OUTPUT, workspace,
                            &interrupt, out);
        CHECK(status == PB_OK || left == -1, "went on for %d questions", -1 - left);
    }
    /* Every block of rows gives the caller a chance, and the last try was never told to stop. */
    CHECK_SAME(status, PB_OK, "%d questions", asked);
    CHECK(asked > N_ROWS / 100, "%d questions", asked);

    left = 0;
    pb_interrupt never = {NULL, &left, 0, 0}, seldom = {poll, &left, 1e9, 0};
    CHECK_SAME(
        pb_predict(network, theta, &samples, N_ROWS, PB_PREDICT_OUTPUT, workspace, &never, out),
        PB_OK, "nobody to ask");
    CHECK_SAME(left, 0, "asked all the same");
    left = 1; /* a first question may be due at once, a second is not for thirty years */
    CHECK_SAME(
        pb_predict(network, theta, &samples, N_ROWS, PB_PREDICT_OUTPUT, workspace, &seldom, out),
        PB_OK, "asked once at most");
    CHECK(left >= 0, "%d questions left", left);

    pb_network *other = new_network(PB_FLOAT32, 2, sizes, "tanh", "identity", NULL);
    CHECK_SAME(pb_predict(other, theta, &samples, 1, PB_PREDICT_OUTPUT, workspace, NULL, out),
               PB_BAD_ARGUMENT, "the workspace of another network");
    out[0] = 42;
    CHECK_SAME(pb_predict(network, theta, &samples, 0, PB_PREDICT_OUTPUT, workspace, NULL, out),
               PB_OK, "no rows");
    CHECK_CLOSE((double)out[0], 42, 0, "no rows, no output");
    pb_workspace_free(workspace);
    pb_network_free(network);
    pb_network_free(other);
}

/* How often a prediction of 16 rows asks. */
static int n_questions(pb_network *network, const pb_kernels *kernels) {
    static float X[16 * 64], theta[2 * 64 * 64 + 2 * 64], out[16 * 64];
    const pb_samples samples = {X, 64, 1, NULL, NULL};
    pb_workspace *workspace = NULL;
    int left = 1000000;
    pb_interrupt interrupt = {poll, &left, 0, 0};
    network->kernels = kernels;
    CHECK_SAME(pb_workspace_new(network, 16, PB_WORKSPACE_PREDICTION, 1, &workspace), PB_OK,
               "16 rows");
    CHECK_SAME(
        pb_predict(network, theta, &samples, 16, PB_PREDICT_OUTPUT, workspace, &interrupt, out),
        PB_OK, "never told to stop");
    pb_workspace_free(workspace);
    return 1000000 - left;
}

/* A product asks whenever so much work is done: one of 64 x 16 x 64, if that is what 8 of its
 * rows take, eight times. */
static void test_long_products(void) {
    static const size_t sizes[] = {64, 64, 64};
    pb_network *network = new_network(PB_FLOAT32, 2, sizes, "tanh", "identity", NULL);
    pb_kernels in_pieces = *network->kernels;
    const int whole = n_questions(network, network->kernels);
    in_pieces.work_per_check = 8 * 16 * 64;
    const int n = n_questions(network, &in_pieces);
    CHECK(n >= whole + 2 * 7, "%d questions in pieces, %d in one", n, whole);
    pb_network_free(network);
}

static void test_single_functions(void) {
    FOR_DTYPES(dtype) {
        double x[3] = {0};
        int finite = 0;
        CHECK_SAME(pb_all_finite(dtype, 3, x, &finite), PB_OK, "zeros");
        CHECK_SAME(finite, 1, "zeros");
        put(dtype, x, 2, NAN);
        CHECK_SAME(pb_all_finite(dtype, 3, x, &finite), PB_OK, "a NaN");
        CHECK_SAME(finite, 0, "a NaN");
        CHECK_SAME(pb_all_finite(dtype, 2, x, &finite), PB_OK, "before the NaN");
        CHECK_SAME(finite, 1, "before the NaN");
        /* Nothing is read, as a sanitizer can tell. */
        void *none = reals(dtype, 0);
        CHECK_SAME(pb_activate(dtype, "softmax", 5, 0, none, none, NULL), PB_OK, "rows of nothing");
        CHECK_SAME(pb_log_activate(dtype, "softmax", 5, 0, none, none, NULL), PB_OK,
                   "rows of nothing");
        CHECK_SAME(pb_activation_vjp(dtype, "softmax", 5, 0, none, none, none, NULL), PB_OK,
                   "rows of nothing");
        CHECK_SAME(pb_all_finite(dtype, 0, none, &finite), PB_OK, "nothing");
        CHECK_SAME(finite, 1, "nothing");
        free(none);
    }
}

int main(void) {
    FOR_DTYPES(dtype) { test_networks(dtype); }
    test_pace();
    test_long_products();
    test_single_functions();
    return check_summary();
}
