/* Tests custom losses: with the formulas of a built-in loss they give the same values, they see
 * each row of the batch once, and they can stop the computation. */
#include "check.h"

enum { N_ROWS = 700, N_FEATURES = 3, MAX_OUTPUTS = 5 };

typedef struct calls {
    pb_dtype dtype;
    size_t n_outputs, n_rows, stops_after;
} calls;

/* Half the squared error, each output in the data type's own arithmetic. */
static int half_squares(void *context, size_t n_rows, const void *y, const void *y_pred,
                        double *values, void *dloss_dy_pred) {
    calls *c = context;
    if (c->n_rows >= c->stops_after) {
        return 1;
    }
    c->n_rows += n_rows;
    for (size_t i = 0; i < n_rows; i++) {
        values[i] = 0;
        for (size_t j = i * c->n_outputs; j < (i + 1) * c->n_outputs; j++) {
            const double e = rounded(c->dtype, get(c->dtype, y_pred, j) - get(c->dtype, y, j));
            values[i] += rounded(c->dtype, 0.5 * rounded(c->dtype, e * e));
            put(c->dtype, dloss_dy_pred, j, e);
        }
    }
    return 0;
}

static void test_squared_error(pb_dtype dtype, size_t n_outputs, const char *output) {
    const size_t sizes[] = {N_FEATURES, 4, n_outputs};
    const size_t n_parameters = N_FEATURES * 4 + 4 * n_outputs + 4 + n_outputs;
    calls c = {dtype, n_outputs, 0, SIZE_MAX};
    pb_network_spec spec = {.dtype = dtype,
                            .n_layers = 2,
                            .layer_sizes = sizes,
                            .activations = EVERY_LAYER("tanh"),
                            .output_activation = output,
                            .loss = "squared_error",
                            .alphas = SAME_ALPHAS(0.25)};
    void *X = reals(dtype, N_ROWS * N_FEATURES), *y = reals(dtype, N_ROWS * n_outputs);
    void *theta = reals(dtype, n_parameters), *gradients[2], *deltas[2];
    double weights[N_ROWS], objectives[2] = {0, 1};
    fill(dtype, X, N_ROWS * N_FEATURES, 0.5);
    fill(dtype, y, N_ROWS * n_outputs, 0.5);
    fill(dtype, theta, n_parameters, 0.5);
    size_t n_weighted = 0;
    for (size_t i = 0; i < N_ROWS; i++) {
        weights[i] = (double)draw_below(3) / 2;
        n_weighted += weights[i] > 0;
    }
    const pb_batch batch = {{X, N_FEATURES, 1, NULL, NULL},
                            {y, PB_TARGET_REAL, (ptrdiff_t)n_outputs, 1},
                            weights,
                            NULL,
                            N_ROWS};
    pb_network *network = NULL;
    pb_workspace *w = NULL;
    for (size_t own = 0; own < 2; own++) {
        if (own) {
            spec.loss = NULL;
            spec.loss_function = half_squares;
            spec.loss_context = &c;
        }
        gradients[own] = reals(dtype, n_parameters);
        deltas[own] = reals(dtype, N_ROWS * n_outputs);
        memset(deltas[own], 0, N_ROWS * n_outputs * item_size(dtype));
        void *const delta[2] = {NULL, deltas[own]};
        const pb_trace trace = {NULL, NULL, delta};
        CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "%s", output);
        /* Four threads would be faster, but a custom loss must run in the calling thread. */
        CHECK_SAME(pb_workspace_new(network, N_ROWS, PB_WORKSPACE_GRADIENT, 4, &w), PB_OK, "%s",
                   output);
        CHECK_SAME(
            pb_objective(network, theta, &batch, w, NULL, &objectives[own], gradients[own], &trace),
            PB_OK, "%s", output);
        if (own) {
            CHECK_SAME(c.n_rows, n_weighted, "rows of the calls, %s", output);
            c = (calls){dtype, n_outputs, 0, 300};
            double value = 0;
            CHECK_SAME(pb_objective(network, theta, &batch, w, NULL, &value, NULL, NULL),
                       PB_INTERRUPTED, "stopped after %zu rows", c.n_rows);
            CHECK(c.n_rows >= 300 && c.n_rows < n_weighted, "%zu rows", c.n_rows);
        }
        pb_workspace_free(w);
        pb_network_free(network);
    }
    CHECK_BITS(dtype, N_ROWS * n_outputs, deltas[1], deltas[0], output);
    CHECK_BITS(dtype, n_parameters, gradients[1], gradients[0], output);
    /* A row of the list sums its outputs in the data type, the caller in double. */
    const double epsilon = dtype == PB_FLOAT64 ? 0x1p-52 : 0x1p-23;
    CHECK_CLOSE(objectives[1], objectives[0], (double)n_outputs * epsilon * objectives[0],
                "%s, %zu outputs", output, n_outputs);
    for (size_t own = 0; own < 2; own++) {
        free(gradients[own]);
        free(deltas[own]);
    }
    free(X);
    free(y);
    free(theta);
}

int main(void) {
    static const char *const outputs[] = {"identity", "logistic", "softmax", "exp"};
    FOR_DTYPES(dtype) {
        for (size_t i = 0; i < sizeof outputs / sizeof outputs[0]; i++) {
            for (size_t n_outputs = 1; n_outputs <= MAX_OUTPUTS; n_outputs += 2) {
                test_squared_error(dtype, n_outputs, outputs[i]);
            }
        }
    }
    return check_summary();
}
