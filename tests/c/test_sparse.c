/* Tests products with rows of a CSR matrix: a sparse row has the bits of the dense row, and the
 * transposed product those of the chain over rows, for any slice of features. */
#include "matrices.h"

enum { N_ROWS = 40, N_TAKEN = 23, N_FEATURES = 30 };

/* A table in both forms: some rows empty, some full, most with a third of their values; feature 11
 * is in no row. */
typedef struct table {
    void *dense, *values;
    int64_t indptr[N_ROWS + 1];
    int32_t *indices;
} table;

static void make_table(pb_dtype dtype, table *x) {
    x->dense = reals(dtype, N_ROWS * N_FEATURES);
    void *all = reals(dtype, N_ROWS * N_FEATURES);
    int32_t indices[N_ROWS * N_FEATURES];
    size_t n = 0;
    for (size_t i = 0; i < N_ROWS; i++) {
        x->indptr[i] = (int64_t)n;
        for (size_t j = 0; j < N_FEATURES; j++) {
            const int is_full = i % 7 == 5, is_empty = i % 7 == 3 || i == 0 || i == N_ROWS - 1;
            const int is_stored = !is_empty && j != 11 && (is_full || draw_below(3) == 0);
            const double value = is_stored ? draw() : 0;
            put(dtype, x->dense, i * N_FEATURES + j, value);
            if (is_stored) {
                put(dtype, all, n, value);
                indices[n++] = (int32_t)j;
            }
        }
    }
    x->indptr[N_ROWS] = (int64_t)n;
    x->values = reals(dtype, n); /* no longer than needed, so that reading past it shows */
    x->indices = malloc(n * sizeof *indices);
    memcpy(x->values, all, n * item_size(dtype));
    memcpy(x->indices, indices, n * sizeof *indices);
    free(all);
}

/* c_(i, j) is the chain over k of a[i * a_row + k * a_column] and row k of b. */
static void *chains(pb_dtype dtype, size_t m, size_t n, size_t n_steps, const void *a, size_t a_row,
                    size_t a_column, const void *b) {
    void *c = reals(dtype, m * n);
    for (size_t i = 0; i < m * n; i++) {
        double sum = 0;
        for (size_t k = 0; k < n_steps; k++) {
            sum = fused(dtype, get(dtype, a, i / n * a_row + k * a_column),
                        get(dtype, b, k * n + i % n), sum);
        }
        put(dtype, c, i, sum);
    }
    return c;
}

/* (n_rows, n) in panels, to the end of the last vector; what is not of the matrix is NaN. */
static void *in_panels(pb_dtype dtype, const pb_kernels *kernels, size_t n_rows, size_t n,
                       size_t panel, const void *matrix) {
    const size_t columns = kernels->panel_columns, last = (n - 1) / columns;
    void *panels = reals(dtype, last * panel + (n_rows - 1) * columns +
                                    whole_vectors(kernels, n - last * columns));
    for (size_t i = 0; i < n_rows * n; i++) {
        const size_t r = i / n, j = i % n;
        put(dtype, panels, j / columns * panel + r * columns + j % columns, get(dtype, matrix, i));
    }
    return panels;
}

static void test_width(pb_dtype dtype, const table *x, const int64_t *rows, size_t first,
                       size_t n) {
    static const size_t slices[][2] = {{0, N_FEATURES}, {0, 1},  {0, 7},   {7, 9}, {11, 1},
                                       {10, 3},         {29, 1}, {16, 14}, {5, 0}};
    const size_t size = item_size(dtype);
    void *b = reals(dtype, N_FEATURES * n), *d = reals(dtype, N_TAKEN * n);
    void *taken = reals(dtype, N_TAKEN * N_FEATURES);
    fill(dtype, b, N_FEATURES * n, 1);
    fill(dtype, d, N_TAKEN * n, 1);
    for (size_t r = 0; r < N_TAKEN; r++) {
        const size_t row = rows == NULL ? first + r : (size_t)rows[r];
        memcpy((char *)taken + r * N_FEATURES * size, (char *)x->dense + row * N_FEATURES * size,
               N_FEATURES * size);
    }
    void *forward = chains(dtype, N_TAKEN, n, N_FEATURES, taken, N_FEATURES, 1, b);
    void *back = chains(dtype, N_FEATURES, n, N_TAKEN, taken, 1, N_FEATURES, d);
    FOR_VARIANTS(isa, dtype, kernels) {
        const pb_csr_rows csr = {x->values, x->indptr, x->indices, rows, first, N_TAKEN};
        void *c = reals(dtype, N_TAKEN * n);
        kernels->csr_product(&csr, n, b, c);
        CHECK_BITS(dtype, N_TAKEN * n, c, forward, pb_isa_name(isa));
        free(c);
        for (size_t i = 0; i < sizeof slices / sizeof slices[0]; i++) {
            const size_t feature = slices[i][0], n_features = slices[i][1];
            const size_t panel = (N_TAKEN + i % 2) * kernels->panel_columns;
            void *panels = in_panels(dtype, kernels, N_TAKEN, n, panel, d);
            void *gradient = reals(dtype, n_features * n);
            kernels->csr_transposed_product(&csr, feature, n_features, n, panels, panel, gradient);
            CHECK_BITS(dtype, n_features * n, gradient, (char *)back + feature * n * size,
                       pb_isa_name(isa));
            free(panels);
            free(gradient);
        }
    }
    free(b);
    free(d);
    free(taken);
    free(forward);
    free(back);
}

/* No rows, and rows that are all empty: zeros. */
static void test_nothing(pb_dtype dtype, const table *x) {
    static const int64_t empty[] = {3, 0, 10, 39, 3};
    FOR_VARIANTS(isa, dtype, kernels) {
        for (size_t n_rows = 0; n_rows <= 5; n_rows += 5) {
            enum { N = 3 };
            const size_t panel = 5 * kernels->panel_columns;
            const pb_csr_rows csr = {x->values, x->indptr, x->indices, empty, 0, n_rows};
            void *zeros = filled_reals(dtype, N_FEATURES * N, 0), *c = reals(dtype, n_rows * N);
            void *b = reals(dtype, N_FEATURES * N), *gradient = reals(dtype, N_FEATURES * N);
            void *d = reals(dtype, panel * N);
            kernels->csr_product(&csr, N, b, c);
            CHECK_BITS(dtype, n_rows * N, c, zeros, pb_isa_name(isa));
            kernels->csr_transposed_product(&csr, 0, N_FEATURES, N, d, panel, gradient);
            CHECK_BITS(dtype, N_FEATURES * N, gradient, zeros, pb_isa_name(isa));
            free(zeros);
            free(c);
            free(b);
            free(d);
            free(gradient);
        }
    }
}

int main(void) {
    static const size_t widths[] = {1,  2,  3,  4,  5,  6,  7,  8,  9,  12, 13,
                                    15, 16, 17, 24, 25, 31, 33, 48, 49, 100};
    FOR_DTYPES(dtype) {
        table x;
        int64_t rows[N_TAKEN];
        make_table(dtype, &x);
        for (size_t r = 0; r < N_TAKEN; r++) {
            rows[r] = (int64_t)draw_below(N_ROWS); /* in no order, some of them twice */
        }
        for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
            test_width(dtype, &x, NULL, 0, widths[i]);
            test_width(dtype, &x, NULL, N_ROWS - N_TAKEN, widths[i]);
            test_width(dtype, &x, rows, 0, widths[i]);
        }
        test_nothing(dtype, &x);
        free(x.dense);
        free(x.values);
        free(x.indices);
    }
    return check_summary();
}
