/* Tests the softmax, its logarithm and its Jacobian: close to their formulas, exact in the limits,
 * and with the same bits as a matrix, as a table, and for each sample alone. */
#include "matrices.h"

static const size_t widths[] = {1,  2,  3,  4,  5,  7,  8,  9,  15, 16,  17,  20,  24,
                                31, 32, 33, 47, 48, 49, 63, 64, 65, 100, 255, 999, 1000};
enum { N_WIDTHS = sizeof widths / sizeof widths[0], N_SAMPLES = 4 };

/* What the kernels make of z and a vector, laid out as `matrix` says; results come back as rows. */
static void run(pb_dtype dtype, const pb_kernels *kernels, const pb_matrix *matrix, const void *z,
                const void *vector, void *p, void *log_p, void *v, const char *where) {
    const size_t n = matrix->n_units * matrix->n_samples, length = plane_length(matrix);
    void *units = reals(dtype, n), *laid[2];
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < n; i++) { /* the transpose: rows to units */
            const size_t u = i / matrix->n_samples, s = i % matrix->n_samples;
            put(dtype, units, i, get(dtype, k == 0 ? z : vector, s * matrix->n_units + u));
        }
        laid[k] = lay_out_plane(dtype, matrix, units, k == 0 ? NAN : UNTOUCHED);
    }
    void *laid_z = laid[0], *laid_v = laid[1];
    void *out[] = {filled_reals(dtype, length, UNTOUCHED), filled_reals(dtype, length, UNTOUCHED),
                   laid_v};
    kernels->activate[PB_ACTIVATION_softmax](matrix, laid_z, out[0]);
    kernels->log_activate[PB_ACTIVATION_softmax](matrix, laid_z, out[1]);
    kernels->vjp[PB_ACTIVATION_softmax](matrix, laid_z, out[0], laid_v);
    for (int k = 0; k < 3; k++) {
        void *rows = k == 0 ? p : k == 1 ? log_p : v;
        for (size_t u = 0; u < matrix->n_units; u++) {
            for (size_t s = 0; s < matrix->n_samples; s++) {
                const size_t place = place_in(matrix, u, s);
                put(dtype, rows, s * matrix->n_units + u, get(dtype, out[k], place));
                put(dtype, out[k], place, UNTOUCHED);
            }
        }
        for (size_t i = 0; i < length; i++) {
            CHECK(get(dtype, out[k], i) == UNTOUCHED, "%zu, between the units: %s", i, where);
        }
        free(out[k]);
    }
    /* Both at once, and in place. */
    void *both[] = {filled_reals(dtype, length, UNTOUCHED), filled_reals(dtype, length, UNTOUCHED)};
    kernels->activate_and_log[PB_ACTIVATION_softmax](matrix, laid_z, both[0], both[1]);
    for (int k = 0; k < 2; k++) {
        for (size_t i = 0; i < n; i++) {
            const size_t u = i / matrix->n_samples, s = i % matrix->n_samples;
            const size_t place = place_in(matrix, u, s);
            put(dtype, units, s * matrix->n_units + u, get(dtype, both[k], place));
            put(dtype, both[k], place, UNTOUCHED);
        }
        CHECK_BITS(dtype, n, units, k == 0 ? p : log_p, where);
        for (size_t i = 0; i < length; i++) {
            CHECK(get(dtype, both[k], i) == UNTOUCHED, "%zu, between the units: %s", i, where);
        }
        free(both[k]);
    }
    kernels->log_activate[PB_ACTIVATION_softmax](matrix, laid_z, laid_z);
    for (size_t i = 0; i < n; i++) {
        const size_t u = i / matrix->n_samples, s = i % matrix->n_samples;
        put(dtype, units, s * matrix->n_units + u, get(dtype, laid_z, place_in(matrix, u, s)));
    }
    CHECK_BITS(dtype, n, units, log_p, where);
    free(units);
    free(laid_z);
}

/* Against the formulas, row by row. */
static void check_near(pb_dtype dtype, size_t n, const void *z, const void *vector, const void *p,
                       const void *log_p, const void *v) {
    const double epsilon = dtype == PB_FLOAT64 ? DBL_EPSILON : (double)FLT_EPSILON;
    for (size_t r = 0; r < N_SAMPLES; r++) {
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
}

static void test_values(pb_dtype dtype) {
    const size_t size = item_size(dtype);
    for (size_t i = 0; i < N_WIDTHS; i++) {
        const size_t width = widths[i], n = N_SAMPLES * width;
        void *z = reals(dtype, n), *vector = reals(dtype, n);
        void *expected[3], *got[3];
        for (int k = 0; k < 3; k++) {
            expected[k] = reals(dtype, n);
            got[k] = reals(dtype, n);
        }
        fill(dtype, z, n, 8);
        fill(dtype, vector, n, 1);
        const pb_matrix table = plane_of_table(width, N_SAMPLES);
        run(dtype, pb_kernels_of(PB_BASELINE, dtype), &table, z, vector, expected[0], expected[1],
            expected[2], "a table");
        check_near(dtype, width, z, vector, expected[0], expected[1], expected[2]);
        FOR_VARIANTS(isa, dtype, kernels) {
            const pb_matrix matrices[] = {table, plane_with_gaps(width, N_SAMPLES, 0),
                                          plane_with_gaps(width, N_SAMPLES, 5)};
            for (size_t k = 0; k < sizeof matrices / sizeof matrices[0]; k++) {
                run(dtype, kernels, &matrices[k], z, vector, got[0], got[1], got[2],
                    pb_isa_name(isa));
                CHECK_BITS(dtype, n, got[0], expected[0], pb_isa_name(isa));
                CHECK_BITS(dtype, n, got[1], expected[1], pb_isa_name(isa));
                CHECK_BITS(dtype, n, got[2], expected[2], pb_isa_name(isa));
            }
            for (size_t r = 0; r < N_SAMPLES; r++) {
                const size_t row = r * width * size;
                const pb_matrix alone = plane_of_table(width, 1);
                run(dtype, kernels, &alone, (char *)z + row, (char *)vector + row, got[0], got[1],
                    got[2], "alone");
                for (int k = 0; k < 3; k++) {
                    CHECK_BITS(dtype, width, got[k], (char *)expected[k] + row, "alone");
                }
            }
        }
        free(z);
        free(vector);
        for (int k = 0; k < 3; k++) {
            free(expected[k]);
            free(got[k]);
        }
    }
}

/* More samples than a vector holds, in parts of vectors: each has the bits of the table's. */
static void test_sample_counts(pb_dtype dtype) {
    enum { WIDTH = 19, MOST = 40 };
    const size_t n = MOST * WIDTH;
    void *z = reals(dtype, n), *vector = reals(dtype, n), *expected[3], *got[3];
    for (int k = 0; k < 3; k++) {
        expected[k] = reals(dtype, n);
        got[k] = reals(dtype, n);
    }
    fill(dtype, z, n, 8);
    fill(dtype, vector, n, 1);
    const pb_matrix all = plane_of_table(WIDTH, MOST);
    run(dtype, pb_kernels_of(PB_BASELINE, dtype), &all, z, vector, expected[0], expected[1],
        expected[2], "a table");
    FOR_VARIANTS(isa, dtype, kernels) {
        for (size_t n_samples = 1; n_samples <= MOST; n_samples++) {
            for (int k = 0; k < 2; k++) {
                const pb_matrix matrix = k == 0 ? plane_of_table(WIDTH, n_samples)
                                                : plane_with_gaps(WIDTH, n_samples, 3);
                run(dtype, kernels, &matrix, z, vector, got[0], got[1], got[2], pb_isa_name(isa));
                for (int i = 0; i < 3; i++) {
                    CHECK_BITS(dtype, n_samples * WIDTH, got[i], expected[i], pb_isa_name(isa));
                }
            }
        }
    }
    free(z);
    free(vector);
    for (int k = 0; k < 3; k++) {
        free(expected[k]);
        free(got[k]);
    }
}

/* Where one unit is far above the others the limit is reached exactly; where the probability
 * underflows its logarithm does not. */
static void test_limits(pb_dtype dtype) {
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
        const pb_matrix row = plane_of_table(n, 1), column = plane_with_gaps(n, 1, 0);
        double z[4], p[4], log_p[4], same_p[4], same_log_p[4];
        for (size_t j = 0; j < n; j++) {
            put(dtype, z, j, rows[i].z[j]);
        }
        FOR_VARIANTS(isa, dtype, kernels) {
            kernels->activate[PB_ACTIVATION_softmax](&row, z, p);
            kernels->log_activate[PB_ACTIVATION_softmax](&row, z, log_p);
            kernels->activate[PB_ACTIVATION_softmax](&column, z, same_p);
            kernels->log_activate[PB_ACTIVATION_softmax](&column, z, same_log_p);
            CHECK_BITS(dtype, n, same_p, p, pb_isa_name(isa));
            CHECK_BITS(dtype, n, same_log_p, log_p, pb_isa_name(isa));
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
        test_values(dtype);
        test_sample_counts(dtype);
        test_limits(dtype);
    }
    return check_summary();
}
