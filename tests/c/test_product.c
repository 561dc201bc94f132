/* Products: every element of C is one chain of fused multiply-adds over k from +0, whatever the
 * shape, the strides, the blocking and the instruction set; a sparse row has the dense row's bits.
 */
#include "check.h"

#define PADDING 3 /* elements of C between its rows, which are not the product's to touch */

/* A matrix laid out some way in an array of its own: element (i, j) is at
 * origin[i * row + j * column]. */
typedef struct matrix {
    void *array;
    const void *origin;
    ptrdiff_t row, column;
} matrix;

enum { PLAIN, TRANSPOSED, SPREAD, BACKWARDS, BACKWARDS_TRANSPOSED, N_LAYOUTS };

static const char *const layout_names[N_LAYOUTS] = {"plain", "transposed", "spread", "backwards",
                                                    "backwards transposed"};

/* Lays out an (m, n) matrix given in plain order. Elements between those of the matrix are NaN. */
static matrix lay_out(pb_dtype dtype, size_t m, size_t n, const void *plain, int layout) {
    const int is_transposed = layout == TRANSPOSED || layout == BACKWARDS_TRANSPOSED;
    const ptrdiff_t gap = layout == SPREAD ? 2 : 1;
    matrix x;
    x.row = is_transposed ? 1 : (ptrdiff_t)n * gap + (gap - 1);
    x.column = is_transposed ? (ptrdiff_t)m : gap;
    ptrdiff_t start = 0;
    const ptrdiff_t last = (ptrdiff_t)(m - 1) * x.row + (ptrdiff_t)(n - 1) * x.column;
    if (layout == BACKWARDS || layout == BACKWARDS_TRANSPOSED) {
        start = last;
        x.row = -x.row;
        x.column = -x.column;
    }
    x.array = reals(dtype, (size_t)last + 1);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            put(dtype, x.array, (size_t)(start + (ptrdiff_t)i * x.row + (ptrdiff_t)j * x.column),
                get(dtype, plain, i * n + j));
        }
    }
    x.origin = (const char *)x.array + (size_t)start * item_size(dtype);
    return x;
}

/* The definition. C has PADDING elements after each row, NaN like every element nobody wrote. */
static void *chain_of_products(pb_dtype dtype, size_t m, size_t n, size_t k, const void *a,
                               const void *b) {
    void *c = reals(dtype, m * (n + PADDING));
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t p = 0; p < k; p++) {
                sum = fused(dtype, get(dtype, a, i * k + p), get(dtype, b, p * n + j), sum);
            }
            put(dtype, c, i * (n + PADDING) + j, sum);
        }
    }
    return c;
}

static void test_shape(pb_dtype dtype, size_t m, size_t n, size_t k, size_t n_layouts) {
    void *a = reals(dtype, m * k), *b = reals(dtype, k * n);
    fill(dtype, a, m * k, 1);
    fill(dtype, b, k * n, 1);
    void *expected = chain_of_products(dtype, m, n, k, a, b);
    for (size_t i = 0; i < n_layouts; i++) {
        const int of_a = (int)draw_below(N_LAYOUTS), of_b = (int)draw_below(N_LAYOUTS);
        const matrix la = lay_out(dtype, m, k, a, of_a), lb = lay_out(dtype, k, n, b, of_b);
        char where[120];
        FOR_VARIANTS(isa, dtype, kernels) {
            void *c = reals(dtype, m * (n + PADDING));
            void *scratch = reals(dtype, kernels->product_scratch);
            const pb_product product = {m,         n,         k,          la.origin,
                                        la.row,    la.column, lb.origin,  lb.row,
                                        lb.column, c,         n + PADDING};
            kernels->product(&product, scratch);
            snprintf(where, sizeof where, "m %zu n %zu k %zu, A %s, B %s, %s", m, n, k,
                     layout_names[of_a], layout_names[of_b], pb_isa_name(isa));
            CHECK_BITS(dtype, m * (n + PADDING), c, expected, where);
            free(c);
            free(scratch);
        }
        free(la.array);
        free(lb.array);
    }
    free(a);
    free(b);
    free(expected);
}

static void test_shapes(pb_dtype dtype) {
    static const size_t sizes[] = {1,  2,  3,  4,  5,  7,  8,  9,  15, 16,
                                   17, 23, 24, 25, 31, 33, 63, 65, 100};
    enum { N_SIZES = sizeof sizes / sizeof sizes[0] };
    for (size_t i = 0; i < N_SIZES; i++) {
        for (size_t j = 0; j < N_SIZES; j++) {
            /* Every pair of sizes, with a third size drawn, at two of the three pairs of places. */
            const size_t drawn = sizes[draw_below(N_SIZES)];
            test_shape(dtype, sizes[i], drawn, sizes[j], 1);
            test_shape(dtype, sizes[i], sizes[j], drawn, 1);
        }
    }
    /* Beyond one block of rows, one panel of k, one panel of B. */
    static const size_t large[][3] = {
        {3, 200, 600}, {257, 49, 255}, {300, 200, 256}, {256, 24, 257}, {255, 100, 257},
        {1, 1, 600},   {300, 7, 600},  {2, 144, 513},   {513, 3, 3},    {4, 97, 256},
    };
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
        test_shape(dtype, large[i][0], large[i][1], large[i][2], 3);
    }
}

/* An empty sum is +0, and an empty matrix is left alone. */
static void test_nothing(pb_dtype dtype) {
    FOR_VARIANTS(isa, dtype, kernels) {
        double one = 1, c[15], expected[15];
        void *scratch = reals(dtype, kernels->product_scratch);
        memset(c, 0xff, sizeof c);
        memset(expected, 0xff, sizeof expected);
        const pb_product no_rows = {0, 2, 2, &one, 1, 1, &one, 1, 1, c, 5};
        kernels->product(&no_rows, scratch);
        CHECK_BITS(dtype, 15, c, expected, "m = 0");
        const pb_product no_sum = {3, 2, 0, &one, 1, 1, &one, 1, 1, c, 5};
        kernels->product(&no_sum, scratch);
        for (size_t i = 0; i < 3; i++) {
            put(dtype, expected, i * 5, 0);
            put(dtype, expected, i * 5 + 1, 0);
        }
        CHECK_BITS(dtype, 15, c, expected, pb_isa_name(isa));
        free(scratch);
    }
}

/* ---- Sparse ---------------------------------------------------------------------------------- */

enum { N_ROWS = 40, N_TAKEN = 23, N_FEATURES = 30 };

/* A table in both forms: some rows empty, some full, most with a third of their values. */
typedef struct table {
    void *dense, *values;
    int64_t indptr[N_ROWS + 1];
    int32_t indices[N_ROWS * N_FEATURES];
} table;

static void make_table(pb_dtype dtype, table *x) {
    x->dense = reals(dtype, N_ROWS * N_FEATURES);
    void *all = reals(dtype, N_ROWS * N_FEATURES);
    size_t n = 0;
    for (size_t i = 0; i < N_ROWS; i++) {
        x->indptr[i] = (int64_t)n;
        for (size_t j = 0; j < N_FEATURES; j++) {
            const int is_stored = i % 7 == 3 ? 0 : i % 7 == 5 ? 1 : draw_below(3) == 0;
            const double value = is_stored ? draw() : 0;
            put(dtype, x->dense, i * N_FEATURES + j, value);
            if (is_stored) {
                put(dtype, all, n, value);
                x->indices[n++] = (int32_t)j;
            }
        }
    }
    x->indptr[N_ROWS] = (int64_t)n;
    x->values = reals(dtype, n); /* no longer than needed, so that reading past it shows */
    memcpy(x->values, all, n * item_size(dtype));
    free(all);
}

static void test_sparse_width(pb_dtype dtype, const table *x, const int64_t *rows, size_t first,
                              size_t n) {
    const size_t size = item_size(dtype);
    void *b = reals(dtype, N_FEATURES * n), *d = reals(dtype, N_TAKEN * n);
    void *taken = reals(dtype, N_TAKEN * N_FEATURES), *turned = reals(dtype, N_TAKEN * N_FEATURES);
    fill(dtype, b, N_FEATURES * n, 1);
    fill(dtype, d, N_TAKEN * n, 1);
    for (size_t r = 0; r < N_TAKEN; r++) {
        const size_t row = rows == NULL ? first + r : (size_t)rows[r];
        for (size_t j = 0; j < N_FEATURES; j++) {
            const double value = get(dtype, x->dense, row * N_FEATURES + j);
            put(dtype, taken, r * N_FEATURES + j, value);
            put(dtype, turned, j * N_TAKEN + r, value);
        }
    }
    void *forward = chain_of_products(dtype, N_TAKEN, n, N_FEATURES, taken, b);
    void *back = chain_of_products(dtype, N_FEATURES, n, N_TAKEN, turned, d);
    FOR_VARIANTS(isa, dtype, kernels) {
        const pb_csr_rows csr = {x->values, x->indptr, x->indices, rows, first, N_TAKEN};
        void *c = reals(dtype, N_TAKEN * n), *c_transposed = reals(dtype, N_FEATURES * n);
        void *expected = reals(dtype, N_FEATURES * n);
        kernels->csr_product(&csr, n, b, c);
        for (size_t r = 0; r < N_TAKEN; r++) {
            CHECK_BITS(dtype, n, (char *)c + r * n * size,
                       (char *)forward + r * (n + PADDING) * size, pb_isa_name(isa));
        }
        memset(c_transposed, 0, N_FEATURES * n * size);
        kernels->csr_transposed_product(&csr, n, d, c_transposed);
        for (size_t j = 0; j < N_FEATURES; j++) {
            CHECK_BITS(dtype, n, (char *)c_transposed + j * n * size,
                       (char *)back + j * (n + PADDING) * size, pb_isa_name(isa));
        }
        /* It adds: a second time goes on with the chains. */
        for (size_t i = 0; i < N_FEATURES * n; i++) {
            double sum = get(dtype, c_transposed, i);
            for (size_t r = 0; r < N_TAKEN; r++) {
                sum = fused(dtype, get(dtype, turned, i / n * N_TAKEN + r),
                            get(dtype, d, r * n + i % n), sum);
            }
            put(dtype, expected, i, sum);
        }
        kernels->csr_transposed_product(&csr, n, d, c_transposed);
        CHECK_BITS(dtype, N_FEATURES * n, c_transposed, expected, pb_isa_name(isa));
        free(c);
        free(c_transposed);
        free(expected);
    }
    free(b);
    free(d);
    free(taken);
    free(turned);
    free(forward);
    free(back);
}

static void test_sparse(pb_dtype dtype) {
    static const size_t widths[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33};
    table x;
    int64_t rows[N_TAKEN];
    make_table(dtype, &x);
    for (size_t r = 0; r < N_TAKEN; r++) {
        rows[r] = (int64_t)draw_below(N_ROWS); /* in no order, some of them twice */
    }
    for (size_t i = 0; i < sizeof widths / sizeof widths[0]; i++) {
        test_sparse_width(dtype, &x, NULL, 0, widths[i]);
        test_sparse_width(dtype, &x, NULL, N_ROWS - N_TAKEN, widths[i]);
        test_sparse_width(dtype, &x, rows, 0, widths[i]);
    }
    free(x.dense);
    free(x.values);
}

int main(void) {
    FOR_DTYPES(dtype) {
        test_shapes(dtype);
        test_nothing(dtype);
        test_sparse(dtype);
    }
    return check_summary();
}
