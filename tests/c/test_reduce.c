/* Sums have one order that depends on the shape alone; the softmax is built on them. */
#include "check.h"

enum { CHAINS = 16, MOST = 1000 };

static const size_t lengths[] = {1,  2,  3,  4,  5,  7,  8,  9,  15, 16,  17,  20,  24,
                                 31, 32, 33, 47, 48, 49, 63, 64, 65, 100, 255, 999, MOST};
enum { N_LENGTHS = sizeof lengths / sizeof lengths[0] };

/* Chains `from` to `to`, added by a binary tree, neighbours first. */
static double tree(pb_dtype dtype, const double *chains, size_t from, size_t to) {
    const size_t middle = from + (to - from) / 2;
    return to - from == 1 ? chains[from]
                          : rounded(dtype, tree(dtype, chains, from, middle) +
                                               tree(dtype, chains, middle, to));
}

/* Element j goes to chain j mod 16, in order. */
static double sum_in_chains(pb_dtype dtype, size_t n, const void *x) {
    double chains[CHAINS] = {0};
    for (size_t j = 0; j < n; j++) {
        chains[j % CHAINS] = rounded(dtype, chains[j % CHAINS] + get(dtype, x, j));
    }
    return tree(dtype, chains, 0, CHAINS);
}

static void test_row_sums(pb_dtype dtype) {
    enum { ROWS = 3 };
    void *x = reals(dtype, ROWS * MOST);
    for (size_t i = 0; i < N_LENGTHS; i++) {
        const size_t n = lengths[i];
        fill(dtype, x, ROWS * n, 1);
        FOR_VARIANTS(isa, dtype, kernels) {
            double sums[ROWS];
            kernels->row_sums(ROWS, n, x, sums);
            for (size_t r = 0; r < ROWS; r++) {
                const void *row = (const char *)x + r * n * item_size(dtype);
                const double expected = sum_in_chains(dtype, n, row);
                CHECK(same_bits(sums[r], expected), "%a, not %a: row %zu of %zu, %s %s", sums[r],
                      expected, r, n, dtype_name(dtype), pb_isa_name(isa));
            }
        }
    }
    free(x);
}

/* In double for both data types. */
static void test_sum_of_squares(pb_dtype dtype) {
    for (size_t i = 0; i < N_LENGTHS; i++) {
        const size_t n = lengths[i];
        void *x = reals(dtype, n);
        double squares[MOST];
        fill(dtype, x, n, 1);
        for (size_t j = 0; j < n; j++) {
            squares[j] = get(dtype, x, j) * get(dtype, x, j);
        }
        const double expected = sum_in_chains(PB_FLOAT64, n, squares);
        FOR_VARIANTS(isa, dtype, kernels) {
            const double sum = kernels->sum_of_squares(n, x);
            CHECK(same_bits(sum, expected), "%a, not %a: %zu of %s %s", sum, expected, n,
                  dtype_name(dtype), pb_isa_name(isa));
            CHECK(same_bits(kernels->sum_of_squares(0, x), 0), "the empty sum");
        }
        free(x);
    }
}

static void test_column_sums(pb_dtype dtype) {
    static const size_t rows[] = {0, 1, 2, 5, 256};
    for (size_t i = 0; i < N_LENGTHS - 3; i++) {
        for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
            const size_t n = lengths[i];
            void *d = reals(dtype, rows[k] * n), *expected = reals(dtype, n);
            fill(dtype, d, rows[k] * n, 1);
            for (size_t j = 0; j < n; j++) {
                double sum = 0;
                for (size_t r = 0; r < rows[k]; r++) {
                    sum = rounded(dtype, sum + get(dtype, d, r * n + j));
                }
                put(dtype, expected, j, sum);
            }
            FOR_VARIANTS(isa, dtype, kernels) {
                void *sums = reals(dtype, n);
                kernels->column_sums(rows[k], n, d, sums);
                CHECK_BITS(dtype, n, sums, expected, pb_isa_name(isa));
                free(sums);
            }
            free(d);
            free(expected);
        }
    }
}

static void test_all_finite(pb_dtype dtype) {
    const double most = dtype == PB_FLOAT64 ? DBL_MAX : (double)FLT_MAX;
    const double intruders[] = {INFINITY, -INFINITY, NAN};
    for (size_t n = 0; n <= 70; n++) {
        void *x = reals(dtype, n);
        FOR_VARIANTS(isa, dtype, kernels) {
            for (size_t j = 0; j < n; j++) {
                put(dtype, x, j, j % 3 == 0 ? most : j % 3 == 1 ? -most : 0);
            }
            CHECK_SAME(kernels->all_finite(n, x), 1, "%zu of %s", n, dtype_name(dtype));
            for (size_t j = 0; j < n; j++) {
                const double before = get(dtype, x, j);
                for (size_t i = 0; i < 3; i++) {
                    put(dtype, x, j, intruders[i]);
                    CHECK_SAME(kernels->all_finite(n, x), 0, "%g at %zu of %zu", intruders[i], j,
                               n);
                }
                put(dtype, x, j, before);
            }
        }
        free(x);
    }
}

/* ---- Softmax --------------------------------------------------------------------------------- */

static void test_softmax_values(pb_dtype dtype) {
    enum { ROWS = 4 };
    const double epsilon = dtype == PB_FLOAT64 ? DBL_EPSILON : (double)FLT_EPSILON;
    for (size_t i = 0; i < N_LENGTHS; i++) {
        const size_t n = lengths[i], size = item_size(dtype);
        void *z = reals(dtype, ROWS * n), *p = reals(dtype, ROWS * n), *v = reals(dtype, ROWS * n);
        void *log_p = reals(dtype, ROWS * n), *vector = reals(dtype, ROWS * n);
        void *first_p = reals(dtype, ROWS * n), *first_v = reals(dtype, ROWS * n);
        void *first_log_p = reals(dtype, ROWS * n);
        fill(dtype, z, ROWS * n, 8);
        fill(dtype, vector, ROWS * n, 1);
        FOR_VARIANTS(isa, dtype, kernels) {
            kernels->activate[PB_ACTIVATION_softmax](ROWS, n, z, p);
            kernels->log_activate[PB_ACTIVATION_softmax](ROWS, n, z, log_p);
            memcpy(v, vector, ROWS * n * size);
            kernels->vjp[PB_ACTIVATION_softmax](ROWS, n, z, p, v);
            if (isa == PB_BASELINE) {
                memcpy(first_p, p, ROWS * n * size);
                memcpy(first_log_p, log_p, ROWS * n * size);
                memcpy(first_v, v, ROWS * n * size);
            }
            CHECK_BITS(dtype, ROWS * n, p, first_p, pb_isa_name(isa));
            CHECK_BITS(dtype, ROWS * n, log_p, first_log_p, pb_isa_name(isa));
            CHECK_BITS(dtype, ROWS * n, v, first_v, pb_isa_name(isa));
            for (size_t r = 0; r < ROWS; r++) {
                /* A row alone has the bits that it has in a table. */
                const size_t row = r * n * size;
                void *alone = reals(dtype, n);
                kernels->activate[PB_ACTIVATION_softmax](1, n, (char *)z + row, alone);
                CHECK_BITS(dtype, n, alone, (char *)p + row, "softmax");
                kernels->log_activate[PB_ACTIVATION_softmax](1, n, (char *)z + row, alone);
                CHECK_BITS(dtype, n, alone, (char *)log_p + row, "log softmax");
                free(alone);
            }
        }
        for (size_t r = 0; r < ROWS; r++) {
            long double total = 0, mean = 0;
            double sum = 0;
            for (size_t j = r * n; j < (r + 1) * n; j++) {
                total += expl((long double)get(dtype, z, j));
                sum += get(dtype, p, j);
            }
            for (size_t j = r * n; j < (r + 1) * n; j++) {
                mean += expl((long double)get(dtype, z, j)) / total * get(dtype, vector, j);
            }
            CHECK_CLOSE(sum, 1, (double)n * epsilon, "sum of a row of %zu", n);
            for (size_t j = r * n; j < (r + 1) * n; j++) {
                const double exact = (double)(expl((long double)get(dtype, z, j)) / total);
                /* z - max z is rounded, up to 32, and so exp is off by as much. */
                const double tolerance = 48 * epsilon;
                CHECK_CLOSE(get(dtype, p, j), exact, exact * tolerance, "%zu of %zu", j, n);
                CHECK_CLOSE(get(dtype, log_p, j), log(exact), tolerance, "%zu of %zu", j, n);
                CHECK_CLOSE(get(dtype, v, j), exact * (get(dtype, vector, j) - (double)mean),
                            2 * exact * tolerance, "J^T v, %zu of %zu", j, n);
            }
        }
        free(z);
        free(p);
        free(log_p);
        free(v);
        free(vector);
        free(first_p);
        free(first_log_p);
        free(first_v);
    }
}

/* Where one unit is far above the others the limit is reached exactly; where the probability
 * underflows its logarithm does not. */
static void test_softmax_limits(pb_dtype dtype) {
    const double most = dtype == PB_FLOAT64 ? DBL_MAX / 2 : (double)(FLT_MAX / 2);
    const struct {
        size_t n;
        double z[4], p[4], log_p[4];
    } rows[] = {
        {3, {1000, 0, -1000}, {1, 0, 0}, {0, -1000, -2000}},
        {3, {-1000, -3000, -2000}, {1, 0, 0}, {0, -2000, -1000}},
        {2, {most, -most}, {1, 0}, {0, -2 * most}},
        {4, {most, most, most, most}, {0.25, 0.25, 0.25, 0.25}, {0}},
        {4, {-most, -most, -most, -most}, {0.25, 0.25, 0.25, 0.25}, {0}},
        {2, {-0.0, 0}, {0.5, 0.5}, {0}},
        {1, {-777}, {1}, {0}},
    };
    for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
        const size_t n = rows[i].n;
        double z[4], p[4], log_p[4];
        for (size_t j = 0; j < n; j++) {
            put(dtype, z, j, rows[i].z[j]);
        }
        FOR_VARIANTS(isa, dtype, kernels) {
            kernels->activate[PB_ACTIVATION_softmax](1, n, z, p);
            kernels->log_activate[PB_ACTIVATION_softmax](1, n, z, log_p);
            for (size_t j = 0; j < n; j++) {
                /* All equal: log_p is -log n, as near as the data type has it. */
                const double expected_log = rows[i].p[j] > 0 && rows[i].p[j] < 1
                                                ? rounded(dtype, -log((double)n))
                                                : rounded(dtype, rows[i].log_p[j]);
                const double got = get(dtype, p, j), got_log = get(dtype, log_p, j);
                CHECK(got == rows[i].p[j], "row %zu: p[%zu] is %a %s", i, j, got, pb_isa_name(isa));
                CHECK(isfinite(got_log) && fabs(got_log - expected_log) <=
                                               fabs(expected_log) * 2 * (double)FLT_EPSILON,
                      "row %zu: log p[%zu] is %a %s", i, j, got_log, pb_isa_name(isa));
            }
        }
    }
}

int main(void) {
    FOR_DTYPES(dtype) {
        test_row_sums(dtype);
        test_sum_of_squares(dtype);
        test_column_sums(dtype);
        test_all_finite(dtype);
        test_softmax_values(dtype);
        test_softmax_limits(dtype);
    }
    return check_summary();
}
