/* Tests that the same rows give the same bits in any order of the table, with any strides, sparse
 * or dense, with targets of any kind. */
#include "check.h"

enum { N_ROWS = 300, N_FEATURES = 6, N_OUTPUTS = 3, MAX_PARAMETERS = 80 };

typedef struct table {
    void *X, *y;
    double weights[N_ROWS];
} table;

static pb_dtype dtype_now;

static double objective(const char *loss, const char *output, const pb_batch *batch,
                        void *gradient) {
    static const size_t sizes[] = {N_FEATURES, 5, N_OUTPUTS};
    const pb_network_spec spec = {
        dtype_now, 2, sizes, EVERY_LAYER("tanh"), output, loss, .alphas = SAME_ALPHAS(0.125)};
    pb_network *network = NULL;
    pb_workspace *workspace = NULL;
    double value = NAN, parameters[MAX_PARAMETERS];
    CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "%s", loss);
    CHECK_SAME(pb_workspace_new(network, batch->n_rows, PB_WORKSPACE_GRADIENT, 1, &workspace),
               PB_OK, "%s", loss);
    const uint64_t state = draw_state;
    draw_state = 7; /* the same parameters each time */
    fill(dtype_now, parameters, pb_network_n_parameters(network), 0.5);
    draw_state = state;
    CHECK_SAME(pb_objective(network, parameters, batch, workspace, NULL, &value, gradient, NULL),
               PB_OK, "%s", loss);
    pb_workspace_free(workspace);
    pb_network_free(network);
    return value;
}

/* Two batches that are the same rows. */
static void check_equal(const pb_batch *actual, const pb_batch *expected, const char *what) {
    double g[MAX_PARAMETERS] = {0}, h[MAX_PARAMETERS] = {0};
    const double f = objective("log_loss", "softmax", expected, g);
    const double e = objective("log_loss", "softmax", actual, h);
    CHECK(same_bits(e, f) && isfinite(f), "%a, not %a: %s %s", e, f, what, dtype_name(dtype_now));
    CHECK_BITS(dtype_now, 6 * 5 + 5 * 3 + 5 + 3, h, g, what);
}

/* Row i of `to` is row from_row[i] of `from`. */
static void copy_rows(const void *from, const int64_t *from_row, size_t n, size_t width, void *to) {
    const size_t bytes = width * item_size(dtype_now);
    for (size_t i = 0; i < n; i++) {
        memcpy((char *)to + i * bytes, (const char *)from + (size_t)from_row[i] * bytes, bytes);
    }
}

static void test_order(const table *t, const pb_batch *plain) {
    int64_t order[N_ROWS + 50];
    double weights[N_ROWS + 50];
    for (size_t i = 0; i < N_ROWS + 50; i++) {
        order[i] = (int64_t)draw_below(N_ROWS); /* some twice, some never */
        weights[i] = t->weights[order[i]];
    }
    void *X = reals(dtype_now, (N_ROWS + 50) * N_FEATURES);
    void *y = reals(dtype_now, (N_ROWS + 50) * N_OUTPUTS);
    copy_rows(t->X, order, N_ROWS + 50, N_FEATURES, X);
    copy_rows(t->y, order, N_ROWS + 50, N_OUTPUTS, y);
    for (int weighted = 0; weighted < 2; weighted++) {
        pb_batch ordered = *plain, moved = *plain;
        ordered.order = order;
        ordered.n_rows = moved.n_rows = N_ROWS + 50;
        moved.X.values = X;
        moved.y.values = y;
        ordered.weights = weighted ? t->weights : NULL;
        moved.weights = weighted ? weights : NULL;
        check_equal(&ordered, &moved, "rows in the order of an array");
        moved.order = ordered.order; /* no longer the same rows: the comparison must see it */
        double g[MAX_PARAMETERS], h[MAX_PARAMETERS];
        CHECK(!same_bits(objective("log_loss", "softmax", &moved, g),
                         objective("log_loss", "softmax", &ordered, h)),
              "a permutation of the rows changed nothing");
    }
    free(X);
    free(y);
}

/* Rows of weight zero take no part, whatever they hold; the others keep their blocks. */
static void test_zero_weights(const table *t, const pb_batch *plain) {
    const size_t kept = 200, size = item_size(dtype_now);
    double weights[N_ROWS];
    void *X = reals(dtype_now, N_ROWS * N_FEATURES), *y = reals(dtype_now, N_ROWS * N_OUTPUTS);
    memcpy(X, t->X, kept * N_FEATURES * size); /* the rest is NaN */
    memcpy(y, t->y, kept * N_OUTPUTS * size);
    for (size_t i = 0; i < N_ROWS; i++) {
        weights[i] = i < kept ? 1.25 : 0;
    }
    pb_batch with_rest = *plain, without = *plain;
    with_rest.X.values = X;
    with_rest.y.values = y;
    with_rest.weights = without.weights = weights;
    with_rest.n_rows = 250; /* one block */
    without.n_rows = kept;
    check_equal(&with_rest, &without, "rows of weight zero at the end of a block");
    with_rest.n_rows = N_ROWS; /* and a block of nothing else */
    check_equal(&with_rest, &without, "a block of weight zero");
    free(X);
    free(y);
}

/* Dense tables with any strides, of either sign, read in place and gathered. */
static void test_strides(const table *t, const pb_batch *plain) {
    static const ptrdiff_t strides[][2] = {
        {1, N_ROWS}, {13, 2}, {-6, 1}, {6, -1}, {-1, -N_ROWS}, {7, 1}, {-20, 3},
    };
    int64_t in_order[N_ROWS];
    for (size_t i = 0; i < N_ROWS; i++) {
        in_order[i] = (int64_t)i;
    }
    for (size_t k = 0; k < sizeof strides / sizeof strides[0]; k++) {
        const ptrdiff_t row = strides[k][0], column = strides[k][1];
        const ptrdiff_t rows_span = (N_ROWS - 1) * row, columns_span = (N_FEATURES - 1) * column;
        const ptrdiff_t start = (row < 0 ? -rows_span : 0) + (column < 0 ? -columns_span : 0);
        const ptrdiff_t length = (row < 0 ? 0 : rows_span) + (column < 0 ? 0 : columns_span);
        void *X = reals(dtype_now, (size_t)(start + length) + 1);
        void *y = reals(dtype_now, (size_t)(start + length) + 1);
        for (ptrdiff_t i = 0; i < N_ROWS; i++) {
            for (ptrdiff_t j = 0; j < N_FEATURES; j++) {
                const size_t at = (size_t)(start + i * row + j * column);
                put(dtype_now, X, at, get(dtype_now, t->X, (size_t)(i * N_FEATURES + j)));
                if (j < N_OUTPUTS) {
                    put(dtype_now, y, at, get(dtype_now, t->y, (size_t)(i * N_OUTPUTS + j)));
                }
            }
        }
        const size_t skipped = (size_t)start * item_size(dtype_now);
        pb_batch strided = *plain;
        strided.X = (pb_samples){(char *)X + skipped, row, column, NULL, NULL};
        strided.y = (pb_targets){(char *)y + skipped, PB_TARGET_REAL, row, column};
        check_equal(&strided, plain, "strides");
        strided.order = in_order;
        check_equal(&strided, plain, "strides, gathered");
        free(X);
        free(y);
    }
}

static void test_sparse(const table *t, const pb_batch *plain) {
    int64_t indptr[N_ROWS + 1] = {0}, order[N_ROWS];
    int32_t indices[N_ROWS * N_FEATURES];
    size_t n = 0;
    void *values = reals(dtype_now, N_ROWS * N_FEATURES);
    for (size_t i = 0; i < N_ROWS; i++) {
        for (size_t j = 0; j < N_FEATURES; j++) {
            const double value = get(dtype_now, t->X, i * N_FEATURES + j);
            if (value != 0) {
                put(dtype_now, values, n, value);
                indices[n++] = (int32_t)j;
            }
        }
        indptr[i + 1] = (int64_t)n;
        order[i] = (int64_t)draw_below(N_ROWS);
    }
    CHECK(n < N_ROWS * N_FEATURES, "nothing is sparse here");
    for (int k = 0; k < 4; k++) {
        pb_batch dense = *plain, sparse = *plain;
        dense.order = k % 2 ? order : NULL;
        dense.weights = k / 2 ? t->weights : NULL;
        sparse.order = dense.order;
        sparse.weights = dense.weights;
        sparse.X = (pb_samples){values, 0, 0, indptr, indices};
        check_equal(&sparse, &dense, "sparse");
    }
    free(values);
}

/* The table's targets are one-hot: as class codes and as indicators they are the same. */
static void test_target_kinds(const table *t, const pb_batch *plain) {
    int32_t codes[2 * N_ROWS];
    uint8_t indicators[N_ROWS * 2 * N_OUTPUTS];
    for (size_t i = 0; i < N_ROWS; i++) {
        for (size_t j = 0; j < N_OUTPUTS; j++) {
            const double y = get(dtype_now, t->y, i * N_OUTPUTS + j);
            /* Rows from the last to the first, and from the second place on. */
            indicators[(N_ROWS - 1 - i) * 2 * N_OUTPUTS + 2 * j + 1] = y > 0;
            if (y > 0) {
                codes[2 * (N_ROWS - 1 - i) + 1] = (int32_t)j;
            }
        }
    }
    pb_batch batch = *plain;
    batch.y = (pb_targets){codes + 2 * (N_ROWS - 1) + 1, PB_TARGET_CLASS, -2, 1};
    check_equal(&batch, plain, "class codes");
    batch.y = (pb_targets){indicators + (N_ROWS - 1) * 2 * N_OUTPUTS + 1, PB_TARGET_INDICATOR,
                           -2 * N_OUTPUTS, 2};
    check_equal(&batch, plain, "indicators");
}

int main(void) {
    FOR_DTYPES(dtype) {
        table t;
        dtype_now = dtype;
        t.X = reals(dtype, N_ROWS * N_FEATURES);
        t.y = reals(dtype, N_ROWS * N_OUTPUTS);
        for (size_t i = 0; i < N_ROWS; i++) {
            const size_t code = draw_below(N_OUTPUTS);
            t.weights[i] = (double)draw_below(4) / 2;
            for (size_t j = 0; j < N_FEATURES; j++) {
                put(dtype, t.X, i * N_FEATURES + j, draw_below(2) ? draw() : 0);
            }
            for (size_t j = 0; j < N_OUTPUTS; j++) {
                put(dtype, t.y, i * N_OUTPUTS + j, j == code);
            }
        }
        const pb_batch plain = {{t.X, N_FEATURES, 1, NULL, NULL},
                                {t.y, PB_TARGET_REAL, N_OUTPUTS, 1},
                                NULL,
                                NULL,
                                N_ROWS};
        test_order(&t, &plain);
        test_zero_weights(&t, &plain);
        test_strides(&t, &plain);
        test_sparse(&t, &plain);
        test_target_kinds(&t, &plain);
        free(t.X);
        free(t.y);
    }
    return check_summary();
}
