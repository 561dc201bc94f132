/* Tests products: every element of C is one chain of fused multiply-adds over k from +0, with the
 * bias added last, for any shape, strides, panels, blocking and instruction set. */
#include "matrices.h"

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
    if (m == 0 || n == 0) { /* nothing that could be read */
        x.origin = x.array = reals(dtype, 0);
        x.row = x.column = 1;
        return x;
    }
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

/* B as the kernels take it: panels of columns, or an ordinary matrix. */
typedef struct panels {
    void *array;
    size_t row, panel;
} panels;

enum { ORDINARY, ORDINARY_WITH_GAPS, PANELS, PANELS_WITH_GAPS, N_B_LAYOUTS };

static const char *const b_names[N_B_LAYOUTS] = {"ordinary", "ordinary with gaps", "in panels",
                                                 "in panels with gaps"};

/* Ends with the whole vector that has B's last element; what is not B is NaN. */
static panels lay_out_b(pb_dtype dtype, const pb_kernels *kernels, size_t k, size_t n,
                        const void *plain, int layout) {
    const size_t columns = kernels->panel_columns, n_panels = (n + columns - 1) / columns;
    const int has_gaps = layout == ORDINARY_WITH_GAPS || layout == PANELS_WITH_GAPS;
    const int in_panels = layout == PANELS || layout == PANELS_WITH_GAPS;
    panels b;
    b.row = (in_panels ? columns : n) + (has_gaps ? 5 : 0);
    b.panel = in_panels ? (k + (has_gaps ? 2 : 0)) * b.row : columns;
    if (in_panels && b.panel <= columns) {
        b.panel = columns + 1; /* as far apart as no ordinary matrix */
    }
    const size_t last = n_panels == 0 ? 0 : (n_panels - 1) * columns;
    b.array = reals(dtype, k == 0 || n == 0 ? 0
                                            : last / columns * b.panel + (k - 1) * b.row +
                                                  whole_vectors(kernels, n - last));
    for (size_t p = 0; p < k; p++) {
        for (size_t j = 0; j < n; j++) {
            put(dtype, b.array, j / columns * b.panel + p * b.row + j % columns,
                get(dtype, plain, p * n + j));
        }
    }
    return b;
}

/* The definition. C has PADDING elements after each row. */
static void *chain_of_products(pb_dtype dtype, size_t m, size_t n, size_t k, const void *a,
                               const void *b, const void *bias) {
    void *c = filled_reals(dtype, m * (n + PADDING), UNTOUCHED);
    for (size_t i = 0; i < m; i++) {
        for (size_t j = 0; j < n; j++) {
            double sum = 0;
            for (size_t p = 0; p < k; p++) {
                sum = fused(dtype, get(dtype, a, i * k + p), get(dtype, b, p * n + j), sum);
            }
            put(dtype, c, i * (n + PADDING) + j,
                bias == NULL ? sum : rounded(dtype, sum + get(dtype, bias, i)));
        }
    }
    return c;
}

static void check_product(pb_dtype dtype, size_t m, size_t n, size_t k, const void *a,
                          const void *b, const void *bias) {
    const int of_a = (int)draw_below(N_LAYOUTS), of_b = (int)draw_below(N_B_LAYOUTS);
    const matrix la = lay_out(dtype, m, k, a, of_a);
    void *expected = chain_of_products(dtype, m, n, k, a, b, bias);
    char where[160];
    FOR_VARIANTS(isa, dtype, kernels) {
        const panels lb = lay_out_b(dtype, kernels, k, n, b, of_b);
        void *c = filled_reals(dtype, m * (n + PADDING), UNTOUCHED);
        const pb_product product = {
            .m = m,
            .n = n,
            .k = k,
            .a = la.origin,
            .a_row = la.row,
            .a_column = la.column,
            .b = lb.array,
            .b_row = lb.row,
            .b_panel = lb.panel,
            .c = c,
            .c_row = n + PADDING,
            .bias = bias,
        };
        kernels->product(&product);
        snprintf(where, sizeof where, "m %zu n %zu k %zu, A %s, B %s, %s, %s", m, n, k,
                 layout_names[of_a], b_names[of_b], bias == NULL ? "no bias" : "bias",
                 pb_isa_name(isa));
        CHECK_BITS(dtype, m * (n + PADDING), c, expected, where);
        free(c);
        free(lb.array);
    }
    free(la.array);
    free(expected);
}

static void test_shape(pb_dtype dtype, size_t m, size_t n, size_t k, size_t n_layouts) {
    void *a = reals(dtype, m * k), *b = reals(dtype, k * n), *bias = reals(dtype, m);
    fill(dtype, a, m * k, 1);
    fill(dtype, b, k * n, 1);
    fill(dtype, bias, m, 1);
    for (size_t i = 0; i < n_layouts; i++) {
        check_product(dtype, m, n, k, a, b, (i + m + n + k) % 2 == 0 ? NULL : bias);
    }
    free(a);
    free(b);
    free(bias);
}

static const size_t sizes[] = {1,  2,  3,  4,  5,  7,  8,  9,  11, 12, 13, 15, 16,
                               17, 23, 24, 25, 31, 33, 47, 48, 49, 63, 65, 100};
enum { N_SIZES = sizeof sizes / sizeof sizes[0] };

static void test_shapes(pb_dtype dtype) {
    for (size_t i = 0; i < N_SIZES; i++) {
        for (size_t j = 0; j < N_SIZES; j++) {
            /* Every pair of sizes at each pair of places, with the third size drawn. */
            const size_t drawn = sizes[draw_below(N_SIZES)];
            test_shape(dtype, sizes[i], drawn, sizes[j], 1);
            test_shape(dtype, sizes[i], sizes[j], drawn, 1);
            test_shape(dtype, drawn, sizes[i], sizes[j], 1);
        }
    }
    /* Beyond one strip of rows, one part of k, many panels of B. */
    static const size_t large[][3] = {
        {3, 200, 600},  {257, 49, 255}, {30, 200, 320}, {25, 24, 321}, {15, 100, 319},
        {1, 1, 700},    {30, 7, 640},   {2, 144, 641},  {513, 3, 3},   {4, 97, 256},
        {17, 145, 961}, {9, 64, 322},   {13, 193, 400}, {12, 300, 12}, {1, 191, 960},
    };
    for (size_t i = 0; i < sizeof large / sizeof large[0]; i++) {
        test_shape(dtype, large[i][0], large[i][1], large[i][2], 2 * N_B_LAYOUTS);
    }
}

/* An empty sum is +0, the bias is added to that, and an empty matrix is left alone. */
static void test_nothing(pb_dtype dtype) {
    static const size_t shapes[][3] = {
        {0, 2, 2}, {2, 0, 2}, {0, 0, 0}, {3, 2, 0}, {1, 1, 0}, {9, 50, 0}, {2, 0, 0},
    };
    for (size_t i = 0; i < sizeof shapes / sizeof shapes[0]; i++) {
        test_shape(dtype, shapes[i][0], shapes[i][1], shapes[i][2], 2 * N_B_LAYOUTS);
        test_shape(dtype, shapes[i][0], shapes[i][1], shapes[i][2], 2 * N_B_LAYOUTS);
    }
    for (int is_biased = 0; is_biased < 2; is_biased++) {
        void *bias = filled_reals(dtype, 3, -0.0), *none = reals(dtype, 0);
        check_product(dtype, 3, 2, 0, none, none, is_biased ? bias : NULL);
        free(bias);
        free(none);
    }
}

/* NaN, infinities, zeros of either sign and products that underflow go the way of the chain. With
 * no bias nothing is added: a sum that is -0 stays so. */
static void test_special_values(pb_dtype dtype) {
    const double least = dtype == PB_FLOAT64 ? DBL_MIN : (double)FLT_MIN;
    const double specials[] = {-0.0, 0, NAN, INFINITY, -INFINITY, least, -least, 1, -1};
    enum { N_SPECIALS = sizeof specials / sizeof specials[0], MOST = 40 };
    void *a = reals(dtype, MOST * MOST), *b = reals(dtype, MOST * MOST), *bias = reals(dtype, MOST);
    for (size_t round = 0; round < 200; round++) {
        const size_t m = 1 + draw_below(MOST), n = 1 + draw_below(MOST), k = 1 + draw_below(5);
        /* Few of them, or most elements would be NaN; in some rounds only the small ones. */
        for (size_t i = 0; i < MOST * MOST; i++) {
            const size_t drawn = draw_below(round % 2 == 0 ? N_SPECIALS : 40);
            const int is_small = round % 4 == 0;
            const double x = drawn < N_SPECIALS ? specials[drawn] : draw();
            put(dtype, i % 2 ? a : b, i, is_small ? (draw_below(2) ? least : -least) : x);
            put(dtype, i % 2 ? b : a, i, is_small ? (draw_below(2) ? least : -least) : draw());
        }
        for (size_t i = 0; i < MOST; i++) {
            put(dtype, bias, i, specials[draw_below(N_SPECIALS)]);
        }
        check_product(dtype, m, n, k, a, b, NULL);
        check_product(dtype, m, n, k, a, b, bias);
    }
    free(a);
    free(b);
    free(bias);

    void *negative = filled_reals(dtype, 1, -least), *positive = filled_reals(dtype, 20, least);
    FOR_VARIANTS(isa, dtype, kernels) {
        const panels lb = lay_out_b(dtype, kernels, 1, 20, positive, ORDINARY);
        void *c = reals(dtype, 20), *row = reals(dtype, 20);
        const pb_product product = {1,        20,     1,        negative, 1,  1,
                                    lb.array, lb.row, lb.panel, c,        20, NULL};
        kernels->product(&product);
        kernels->row_product(1, 20, negative, positive, row);
        for (size_t j = 0; j < 20; j++) {
            CHECK(same_bits(get(dtype, c, j), -0.0), "%s", pb_isa_name(isa));
            CHECK(same_bits(get(dtype, row, j), -0.0), "%s", pb_isa_name(isa));
        }
        free(c);
        free(row);
        free(lb.array);
    }
    free(negative);
    free(positive);
}

/* ---- One row --------------------------------------------------------------------------------- */

/* The bits of the chain, and so of the product's row. Every array ends with its last element, as a
 * sanitizer can tell. */
static void test_row(pb_dtype dtype, size_t k, size_t n) {
    void *a = reals(dtype, k), *b = reals(dtype, k * n);
    fill(dtype, a, k, 1);
    fill(dtype, b, k * n, 1);
    void *expected = chain_of_products(dtype, 1, n, k, a, b, NULL);
    FOR_VARIANTS(isa, dtype, kernels) {
        const panels lb = lay_out_b(dtype, kernels, k, n, b, ORDINARY);
        void *row = reals(dtype, n), *c = reals(dtype, n);
        const pb_product product = {1,      n,        k, a, (ptrdiff_t)k, 1, lb.array,
                                    lb.row, lb.panel, c, n, NULL};
        kernels->row_product(k, n, a, b, row);
        kernels->product(&product);
        CHECK_BITS(dtype, n, row, expected, pb_isa_name(isa));
        CHECK_BITS(dtype, n, c, row, pb_isa_name(isa));
        free(row);
        free(c);
        free(lb.array);
    }
    free(a);
    free(b);
    free(expected);
}

static void test_rows(pb_dtype dtype) {
    static const size_t depths[] = {0, 1, 2, 3, 17, 320, 321, 700};
    for (size_t i = 0; i < sizeof depths / sizeof depths[0]; i++) {
        for (size_t n = 1; n <= 150; n += n < 40 ? 1 : 7) {
            test_row(dtype, depths[i], n);
        }
        test_row(dtype, depths[i], 300);
    }
}

int main(void) {
    FOR_DTYPES(dtype) {
        test_shapes(dtype);
        test_nothing(dtype);
        test_special_values(dtype);
        test_rows(dtype);
    }
    return check_summary();
}
