/* Tests that the order of sums depends on the shape only. */
#include "matrices.h"

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

/* Element j, which is at x[j * stride], goes to chain j mod 16, in order. */
static double sum_in_chains(pb_dtype dtype, size_t n, const void *x, size_t stride) {
    double chains[CHAINS] = {0};
    for (size_t j = 0; j < n; j++) {
        chains[j % CHAINS] = rounded(dtype, chains[j % CHAINS] + get(dtype, x, j * stride));
    }
    return tree(dtype, chains, 0, CHAINS);
}

/* Over the units of each sample. One unit is its own sum, -0 included; several begin at +0. */
static void test_unit_sums(pb_dtype dtype) {
    static const size_t sample_counts[] = {1, 2, 3, 7, 8, 16, 17, 40};
    for (size_t i = 0; i < N_LENGTHS; i++) {
        for (size_t k = 0; k < sizeof sample_counts / sizeof sample_counts[0]; k++) {
            const size_t n = lengths[i], n_samples = sample_counts[k];
            FOR_VARIANTS(isa, dtype, kernels) {
                const size_t whole = whole_vectors(kernels, n_samples);
                const pb_matrix rows = {n, n_samples, whole + k % 3, 1};
                /* Whole vectors are read and written, and nothing beyond. */
                void *x = reals(dtype, (n - 1) * rows.unit_stride + whole);
                double *sums = malloc(whole * sizeof *sums);
                draw_state = i * 100 + k;
                for (size_t j = 0; j < n * n_samples; j++) {
                    const double value = j % 5 == 3 ? -0.0 : draw();
                    put(dtype, x, place_in(&rows, j / n_samples, j % n_samples), value);
                }
                kernels->unit_sums(&rows, x, sums);
                for (size_t s = 0; s < n_samples; s++) {
                    const void *sample = (const char *)x + s * item_size(dtype);
                    const double expected = n == 1
                                                ? get(dtype, sample, 0)
                                                : sum_in_chains(dtype, n, sample, rows.unit_stride);
                    CHECK(same_bits(sums[s], expected), "%a, not %a: sample %zu of %zu, %s %s",
                          sums[s], expected, s, n, dtype_name(dtype), pb_isa_name(isa));
                }
                free(x);
                free(sums);
            }
        }
    }
}

/* In double for both data types. */
static void test_sums_of_squares_and_magnitudes(pb_dtype dtype) {
    for (size_t i = 0; i < N_LENGTHS; i++) {
        const size_t n = lengths[i];
        void *x = reals(dtype, n);
        double squares[MOST], magnitudes[MOST];
        fill(dtype, x, n, 1);
        for (size_t j = 0; j < n; j++) {
            squares[j] = get(dtype, x, j) * get(dtype, x, j);
            magnitudes[j] = fabs(get(dtype, x, j));
        }
        const double expected = sum_in_chains(PB_FLOAT64, n, squares, 1);
        FOR_VARIANTS(isa, dtype, kernels) {
            const double sum = kernels->sum_of_squares(n, x);
            CHECK(same_bits(sum, expected), "%a, not %a: %zu of %s %s", sum, expected, n,
                  dtype_name(dtype), pb_isa_name(isa));
            CHECK(same_bits(kernels->sum_of_squares(0, x), 0), "the empty sum");
            CHECK(same_bits(kernels->sum_of_magnitudes(n, x),
                            sum_in_chains(PB_FLOAT64, n, magnitudes, 1)),
                  "magnitudes: %zu of %s %s", n, dtype_name(dtype), pb_isa_name(isa));
        }
        free(x);
    }
}

/* Over the rows of panels, from +0. */
static void test_panel_sums(pb_dtype dtype) {
    static const size_t rows[] = {0, 1, 2, 5, 256};
    for (size_t i = 0; i < N_LENGTHS - 3; i++) {
        for (size_t k = 0; k < sizeof rows / sizeof rows[0]; k++) {
            const size_t n = lengths[i], n_rows = rows[k];
            void *d = reals(dtype, n_rows * n), *expected = reals(dtype, n);
            fill(dtype, d, n_rows * n, 1);
            for (size_t j = 0; j < n; j++) {
                double sum = 0;
                for (size_t r = 0; r < n_rows; r++) {
                    if ((r + j) % 4 == 0) {
                        put(dtype, d, r * n + j, -0.0);
                    }
                    sum = rounded(dtype, sum + get(dtype, d, r * n + j));
                }
                put(dtype, expected, j, sum);
            }
            FOR_VARIANTS(isa, dtype, kernels) {
                const size_t columns = kernels->panel_columns, last = (n - 1) / columns;
                const size_t panel = n_rows * columns + i % 3;
                /* The last row's last vector is the end, as a sanitizer can tell. */
                void *panels =
                    reals(dtype, n_rows == 0 ? 0
                                             : last * panel + (n_rows - 1) * columns +
                                                   whole_vectors(kernels, n - last * columns));
                void *sums = reals(dtype, n);
                for (size_t j = 0; j < n_rows * n; j++) {
                    put(dtype, panels, j % n / columns * panel + j / n * columns + j % n % columns,
                        get(dtype, d, j));
                }
                kernels->panel_sums(n_rows, n, panels, panel, sums);
                CHECK_BITS(dtype, n, sums, expected, pb_isa_name(isa));
                free(sums);
                free(panels);
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

int main(void) {
    FOR_DTYPES(dtype) {
        test_unit_sums(dtype);
        test_sums_of_squares_and_magnitudes(dtype);
        test_panel_sums(dtype);
        test_all_finite(dtype);
    }
    return check_summary();
}
