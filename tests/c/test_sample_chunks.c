/* Tests the objective and its gradient against plain C, to the bit: row order inside blocks of 256
 * rows, a binary tree over the blocks. The bits do not depend on the number of threads, on the size
 * of the workspace, or on the instruction set.
 *
 * The network has relu hidden layers, an identity output and squared error, so that every operation
 * is rounded once and can be repeated here. */
#include "check.h"
#include "network/network.h"

enum { BLOCK = 256, MAX_ROWS = 4353, MAX_WIDTH = 120, MAX_LAYERS = 3 };

static pb_dtype dtype_now;
#define R(value) rounded(dtype_now, value)

/* ---- Plain C --------------------------------------------------------------------------------- */

typedef struct problem {
    size_t n_layers;
    const size_t *sizes;
    size_t n_coefs, n_parameters;
    void *theta;
    const void *X, *y; /* (MAX_ROWS, ...) without gaps */
    pb_batch batch;
} problem;

/* Neighbours first; an odd last one passes up unchanged. sums[i] is `stride` doubles. */
static void tree(size_t n, size_t stride, double *sums, int in_double) {
    for (; n > 1; n = (n + 1) / 2) {
        for (size_t i = 0; i < n / 2; i++) {
            for (size_t j = 0; j < stride; j++) {
                const double sum = sums[2 * i * stride + j] + sums[(2 * i + 1) * stride + j];
                sums[i * stride + j] = in_double ? sum : R(sum);
            }
        }
        memmove(sums + n / 2 * stride, sums + (n - 1) * stride, stride * sizeof *sums);
    }
}

/* 16 chains and their tree; one element is its own sum. */
static double sum_in_chains(size_t n, const double *x, int in_double) {
    double chains[16] = {0};
    for (size_t j = 0; j < n; j++) {
        const double sum = chains[j % 16] + x[j];
        chains[j % 16] = in_double ? sum : R(sum);
    }
    tree(16, 1, chains, in_double);
    return n == 1 ? x[0] : chains[0];
}

/* Forward and back for one row; its loss, and its part of the block's gradient. */
static double plain_row(const problem *p, size_t row, const double *weight, double *gradient) {
    static double a[MAX_LAYERS + 1][MAX_WIDTH], delta[MAX_LAYERS + 1][MAX_WIDTH];
    double losses[MAX_WIDTH];
    const size_t L = p->n_layers, n_outputs = p->sizes[L];
    size_t W[MAX_LAYERS + 1] = {0}, b[MAX_LAYERS + 1] = {0}, at = 0;
    for (size_t l = 1; l <= L; at += p->sizes[l - 1] * p->sizes[l], l++) {
        W[l] = at;
    }
    for (size_t l = 1; l <= L; at += p->sizes[l], l++) {
        b[l] = at;
    }
    for (size_t i = 0; i < p->sizes[0]; i++) {
        a[0][i] = get(dtype_now, p->X, row * p->sizes[0] + i);
    }
    for (size_t l = 1; l <= L; l++) {
        for (size_t j = 0; j < p->sizes[l]; j++) {
            double z = 0;
            for (size_t i = 0; i < p->sizes[l - 1]; i++) {
                z = fused(dtype_now, get(dtype_now, p->theta, W[l] + i * p->sizes[l] + j),
                          a[l - 1][i], z);
            }
            z = R(z + get(dtype_now, p->theta, b[l] + j));
            a[l][j] = l < L && z <= 0 ? 0 : z;
        }
    }
    for (size_t j = 0; j < n_outputs; j++) {
        delta[L][j] = R(a[L][j] - get(dtype_now, p->y, row * n_outputs + j));
        losses[j] = R(0.5 * R(delta[L][j] * delta[L][j]));
    }
    for (size_t l = L; l >= 1; l--) {
        for (size_t i = 0; l > 1 && i < p->sizes[l - 1]; i++) {
            double sum = 0;
            for (size_t j = 0; j < p->sizes[l]; j++) {
                sum = fused(dtype_now, get(dtype_now, p->theta, W[l] + i * p->sizes[l] + j),
                            delta[l][j], sum);
            }
            delta[l - 1][i] = sum * (a[l - 1][i] > 0 ? 1 : 0);
        }
        for (size_t j = 0; j < p->sizes[l]; j++) {
            const double d = weight == NULL ? delta[l][j] : R(R(*weight) * delta[l][j]);
            gradient[b[l] + j] = R(gradient[b[l] + j] + d);
            for (size_t i = 0; i < p->sizes[l - 1]; i++) {
                double *g = gradient + W[l] + i * p->sizes[l] + j;
                *g = fused(dtype_now, a[l - 1][i], d, *g);
            }
        }
    }
    return sum_in_chains(n_outputs, losses, 0);
}

static void plain_objective(const problem *p, double alpha, double *value, void *gradient) {
    const size_t n_blocks = (p->batch.n_rows + BLOCK - 1) / BLOCK, n = p->n_parameters;
    double *sums = calloc(n_blocks * n, sizeof *sums), *squares = malloc(n * sizeof *squares);
    double *scalars = calloc(n_blocks * 2, sizeof *scalars); /* sums of s l and of s */
    for (size_t r = 0; r < p->batch.n_rows; r++) {
        const size_t row = p->batch.order == NULL ? r : (size_t)p->batch.order[r];
        const double *weight = p->batch.weights == NULL ? NULL : &p->batch.weights[row];
        const double s = weight == NULL ? 1 : *weight;
        if (s != 0) {
            scalars[r / BLOCK * 2] += s * plain_row(p, row, weight, sums + r / BLOCK * n);
            scalars[r / BLOCK * 2 + 1] += s;
        }
    }
    tree(n_blocks, n, sums, 0);
    tree(n_blocks, 2, scalars, 1);
    const double S = scalars[1];
    for (size_t i = 0; i < n; i++) {
        const double w = get(dtype_now, p->theta, i);
        const double decay = i < p->n_coefs && alpha > 0 ? R(R(alpha) * w) : 0;
        put(dtype_now, gradient, i, R(R(sums[i] + decay) / R(S)));
        squares[i] = w * w;
    }
    *value = scalars[0] / S;
    *value += 0.5 * alpha * sum_in_chains(p->n_coefs, squares, 1) / S;
    free(sums);
    free(squares);
    free(scalars);
}

/* ---- Against it ------------------------------------------------------------------------------ */

/* `batch` has the rows of the problem's, in one form or another. */
static void check_batch(const problem *p, const pb_batch *batch, size_t max_rows, double alpha,
                        double expected_value, const void *expected) {
    static const size_t thread_counts[] = {1, 2, 3, 7};
    const pb_network_spec spec = {dtype_now,
                                  p->n_layers,
                                  p->sizes,
                                  EVERY_LAYER("relu"),
                                  "identity",
                                  "squared_error",
                                  .alphas = SAME_ALPHAS(alpha)};
    FOR_VARIANTS(isa, dtype_now, kernels) {
        for (size_t i = 0; i < sizeof thread_counts / sizeof thread_counts[0]; i++) {
            const size_t n_threads = thread_counts[i];
            pb_network *network = NULL;
            pb_workspace *workspace = NULL;
            double value = NAN, value_alone = NAN;
            char where[120];
            void *gradient = reals(dtype_now, p->n_parameters);
            snprintf(where, sizeof where, "%zu rows of %zu, %zu threads, %zu features, %s",
                     batch->n_rows, max_rows, n_threads, p->sizes[0], pb_isa_name(isa));
            CHECK_SAME(pb_network_new(&spec, &network), PB_OK, "%s", where);
            network->kernels = kernels; /* whatever this process chose */
            CHECK_SAME(
                pb_workspace_new(network, max_rows, PB_WORKSPACE_GRADIENT, n_threads, &workspace),
                PB_OK, "%s", where);
            CHECK_SAME(
                pb_objective(network, p->theta, batch, workspace, NULL, &value, gradient, NULL),
                PB_OK, "%s", where);
            CHECK(same_bits(value, expected_value), "F = %a, not %a: %s %s", value, expected_value,
                  dtype_name(dtype_now), where);
            CHECK_BITS(dtype_now, p->n_parameters, gradient, expected, where);
            if (n_threads == 3) {
                CHECK_SAME(pb_objective(network, p->theta, batch, workspace, NULL, &value_alone,
                                        NULL, NULL),
                           PB_OK, "%s", where);
                CHECK(same_bits(value_alone, value), "without a gradient %a: %s", value_alone,
                      where);
            }
            pb_workspace_free(workspace);
            pb_network_free(network);
            free(gradient);
        }
    }
}

static double weights[MAX_ROWS];
static int64_t order[MAX_ROWS];

/* Rows as they lie, with weights, with weights in an order. */
static void check_rows(problem *p, const pb_samples *sparse, size_t n_rows, size_t max_rows) {
    for (int k = 0; k < 3; k++) {
        const double alpha = n_rows % 2 ? 0.125 : 0;
        double value = NAN;
        void *gradient = reals(dtype_now, p->n_parameters);
        p->batch.n_rows = n_rows;
        p->batch.weights = k == 0 ? NULL : weights;
        p->batch.order = k == 2 ? order : NULL;
        plain_objective(p, alpha, &value, gradient);
        check_batch(p, &p->batch, max_rows, alpha, value, gradient);
        if (n_rows < 1000) {
            pb_batch batch = p->batch;
            batch.X = *sparse;
            check_batch(p, &batch, max_rows, alpha, value, gradient);
        }
        free(gradient);
    }
}

/* X once more without its zeros. The caller frees the members. */
static pb_samples make_sparse(const void *X, size_t n_features) {
    void *values = reals(dtype_now, MAX_ROWS * n_features);
    int32_t *indices = malloc(MAX_ROWS * n_features * sizeof *indices);
    int64_t *indptr = malloc((MAX_ROWS + 1) * sizeof *indptr);
    size_t n = 0;
    indptr[0] = 0;
    for (size_t i = 0; i < MAX_ROWS * n_features; i++) {
        const double x = get(dtype_now, X, i);
        if (x != 0) {
            put(dtype_now, values, n, x);
            indices[n++] = (int32_t)(i % n_features);
        }
        indptr[i / n_features + 1] = (int64_t)n;
    }
    return (pb_samples){values, 0, 0, indptr, indices};
}

static void test_network(size_t n_layers, const size_t *sizes, const size_t *counts,
                         size_t n_counts) {
    const size_t n_features = sizes[0], n_outputs = sizes[n_layers];
    void *X = reals(dtype_now, MAX_ROWS * n_features);
    void *y = reals(dtype_now, MAX_ROWS * n_outputs);
    for (size_t i = 0; i < MAX_ROWS * n_features; i++) {
        put(dtype_now, X, i, draw_below(3) ? draw() : 0);
    }
    fill(dtype_now, y, MAX_ROWS * n_outputs, 1);
    problem p = {.n_layers = n_layers, .sizes = sizes, .X = X, .y = y};
    for (size_t l = 1; l <= n_layers; l++) {
        p.n_coefs += sizes[l - 1] * sizes[l];
        p.n_parameters += (sizes[l - 1] + 1) * sizes[l];
    }
    p.theta = reals(dtype_now, p.n_parameters);
    fill(dtype_now, p.theta, p.n_parameters, 0.25);
    p.batch.X = (pb_samples){X, (ptrdiff_t)n_features, 1, NULL, NULL};
    p.batch.y = (pb_targets){y, PB_TARGET_REAL, (ptrdiff_t)n_outputs, 1};
    const pb_samples sparse = make_sparse(X, n_features);
    for (size_t i = 0; i < n_counts; i++) {
        check_rows(&p, &sparse, counts[i], counts[i]);
    }
    /* Scratch for more. */
    check_rows(&p, &sparse, 250, 300);
    check_rows(&p, &sparse, 700, 5000);
    free(X);
    free(y);
    free(p.theta);
    free((void *)(uintptr_t)sparse.values);
    free((void *)(uintptr_t)sparse.indptr);
    free((void *)(uintptr_t)sparse.indices);
}

int main(void) {
    /* Sixteen blocks at a time; some; one. */
    static const size_t line[] = {2, 1}, narrow[] = {3, 5, 4, 2};
    static const size_t middle[] = {40, 20, 3}, wide[] = {MAX_WIDTH, 40, 18};
    static const size_t many[] = {1,   2,   15,  16,  17,  33,   96,   97,      193,
                                  255, 256, 257, 513, 700, 1281, 4096, MAX_ROWS};
    static const size_t some[] = {17, 256, 513, 1300}, few[] = {5, 257, 700};
    for (size_t i = 0; i < MAX_ROWS; i++) {
        /* A row in four without weight, and a whole block. */
        weights[i] = i > 0 && (i / BLOCK == 1 || draw_below(4) == 0) ? 0 : 0.1 + fabs(draw());
    }
    FOR_DTYPES(dtype) {
        dtype_now = dtype;
        for (size_t i = 0; i < MAX_ROWS; i++) {
            order[i] = i == 0 ? 0 : (int64_t)draw_below(MAX_ROWS);
        }
        test_network(1, line, many, sizeof many / sizeof many[0]);
        test_network(3, narrow, many, sizeof many / sizeof many[0]);
        test_network(2, middle, some, sizeof some / sizeof some[0]);
        test_network(2, wide, few, sizeof few / sizeof few[0]);
    }
    return check_summary();
}
