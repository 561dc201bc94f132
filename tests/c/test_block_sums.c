/* Tests the order of sums over rows: row order inside blocks of 256 rows, the sums of blocks added
 * by a binary tree, neighbours first, an odd last one unchanged. Computed by hand for a network of
 * one feature and one output, to the bit, on every instruction set. */
#include "check.h"
#include "network/network.h"

enum { BLOCK = 256, MAX_ROWS = 8 * BLOCK + 5 };

/* Sums of the blocks, added neighbours first; an odd last one passes up unchanged. */
static double tree(pb_dtype dtype, double *sums, size_t n) {
    for (; n > 1; n = (n + 1) / 2) {
        for (size_t i = 0; i < n / 2; i++) {
            sums[i] = rounded(dtype, sums[2 * i] + sums[2 * i + 1]);
        }
        sums[n / 2] = sums[n - 1]; /* itself again where n is even */
    }
    return sums[0];
}

/* One feature, one output, identity, squared error: F, dF/dW and dF/db of
 * z = x w + b. A row of weight zero is left out of the chains, and stays in its block. */
static void plain_line(pb_dtype dtype, size_t n, const void *x, const void *y,
                       const double *weights, double w, double b, double *result) {
    double loss[MAX_ROWS / BLOCK + 1], dw[MAX_ROWS / BLOCK + 1], db[MAX_ROWS / BLOCK + 1];
    double total[MAX_ROWS / BLOCK + 1];
    const size_t n_blocks = (n + BLOCK - 1) / BLOCK;
    for (size_t k = 0; k < n_blocks; k++) {
        loss[k] = dw[k] = db[k] = total[k] = 0;
        for (size_t r = k * BLOCK; r < n && r < (k + 1) * BLOCK; r++) {
            const double s = weights == NULL ? 1 : weights[r];
            if (s == 0) {
                continue;
            }
            const double z = rounded(dtype, fused(dtype, get(dtype, x, r), w, 0) + b);
            const double delta = rounded(dtype, z - get(dtype, y, r));
            const double weighted = rounded(dtype, rounded(dtype, s) * delta);
            loss[k] += s * rounded(dtype, 0.5 * rounded(dtype, delta * delta));
            dw[k] = fused(dtype, get(dtype, x, r), weighted, dw[k]);
            db[k] = rounded(dtype, db[k] + weighted);
            total[k] += s;
        }
    }
    const double S = tree(PB_FLOAT64, total, n_blocks);
    result[0] = tree(PB_FLOAT64, loss, n_blocks) / S;
    result[1] = rounded(dtype, tree(dtype, dw, n_blocks) / rounded(dtype, S));
    result[2] = rounded(dtype, tree(dtype, db, n_blocks) / rounded(dtype, S));
}

static void check_line(pb_dtype dtype, const pb_kernels *kernels, size_t n, const void *x,
                       const void *y, const double *weights) {
    static const size_t sizes[] = {1, 1};
    const pb_network_spec spec = {
        dtype, 1, sizes, EVERY_LAYER("tanh"), "identity", "squared_error", .alphas = NULL};
    pb_network *network = NULL;
    pb_workspace *workspace = NULL;
    CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "line");
    network->kernels = kernels; /* whatever this process chose */
    CHECK_SAME(pb_workspace_new(network, n, PB_WORKSPACE_GRADIENT, 1, &workspace), PB_OK, "line");
    const pb_batch batch = {{x, 1, 1, NULL, NULL}, {y, PB_TARGET_REAL, 1, 1}, weights, NULL, n};
    double parameters[2], gradient[2], result[3], expected[3];
    put(dtype, parameters, 0, 0.75 + 0x1p-20);
    put(dtype, parameters, 1, -0.25);
    CHECK_SAME(pb_objective(network, parameters, &batch, workspace, NULL, result, gradient, NULL),
               PB_OK, "%zu rows", n);
    result[1] = get(dtype, gradient, 0);
    result[2] = get(dtype, gradient, 1);
    plain_line(dtype, n, x, y, weights, 0.75 + 0x1p-20, -0.25, expected);
    for (size_t i = 0; i < 3; i++) {
        CHECK(same_bits(result[i], expected[i]), "%s of %zu rows%s is %a, not %a: %s",
              i == 0   ? "F"
              : i == 1 ? "dF/dW"
                       : "dF/db",
              n, weights == NULL ? "" : " (weights)", result[i], expected[i], dtype_name(dtype));
    }
    pb_workspace_free(workspace);
    pb_network_free(network);
}

static void test_line(pb_dtype dtype) {
    static const size_t counts[] = {1,    2,    100,  255,  256,  257,  512,  513,     700,
                                    1000, 1024, 1025, 1281, 1700, 1792, 2048, MAX_ROWS};
    double *weights = malloc(MAX_ROWS * sizeof *weights);
    void *x = reals(dtype, MAX_ROWS), *y = reals(dtype, MAX_ROWS);
    void *x_weighing = reals(dtype, MAX_ROWS); /* NaN where there is no weight */
    fill(dtype, x, MAX_ROWS, 1);
    fill(dtype, y, MAX_ROWS, 1);
    for (size_t i = 0; i < MAX_ROWS; i++) {
        /* A row in four without weight, and a whole block. */
        weights[i] = i / BLOCK == 2 || (i > 0 && draw_below(4) == 0) ? 0 : fabs(draw());
        if (weights[i] > 0) {
            put(dtype, x_weighing, i, get(dtype, x, i));
        }
    }
    FOR_VARIANTS(isa, dtype, kernels) {
        for (size_t i = 0; i < sizeof counts / sizeof counts[0]; i++) {
            check_line(dtype, kernels, counts[i], x, y, NULL);
            check_line(dtype, kernels, counts[i], x_weighing, y, weights);
        }
    }
    free(weights);
    free(x);
    free(x_weighing);
    free(y);
}

int main(void) {
    FOR_DTYPES(dtype) { test_line(dtype); }
    return check_summary();
}
