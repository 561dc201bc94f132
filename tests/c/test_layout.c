/* Tests the conversions between tables, matrices and panels: every value is copied to its place. */
#include "matrices.h"

static const size_t sizes[] = {1, 2, 3, 4, 5, 7, 8, 9, 15, 16, 17, 31, 33};
enum { N_SIZES = sizeof sizes / sizeof sizes[0] };

static void test_transpose(pb_dtype dtype) {
    for (size_t i = 0; i < N_SIZES * N_SIZES; i++) {
        const size_t n_rows = sizes[i / N_SIZES], n_columns = sizes[i % N_SIZES];
        for (size_t gap = 0; gap <= 3; gap += 3) {
            const pb_matrix from = {n_rows, n_columns, n_columns + gap, 1};
            const pb_matrix to = {n_columns, n_rows, n_rows + gap, 1};
            void *values = reals(dtype, n_rows * n_columns),
                 *turned = reals(dtype, n_rows * n_columns);
            fill(dtype, values, n_rows * n_columns, 1);
            for (size_t j = 0; j < n_rows * n_columns; j++) {
                put(dtype, turned, j % n_columns * n_rows + j / n_columns, get(dtype, values, j));
            }
            void *in = lay_out_plane(dtype, &from, values, NAN);
            void *expected = lay_out_plane(dtype, &to, turned, UNTOUCHED);
            FOR_VARIANTS(isa, dtype, kernels) {
                void *out = filled_reals(dtype, plane_length(&to), UNTOUCHED);
                kernels->transpose(n_rows, n_columns, in, from.unit_stride, out, to.unit_stride);
                CHECK_BITS(dtype, plane_length(&to), out, expected, pb_isa_name(isa));
                free(out);
            }
            free(values);
            free(turned);
            free(in);
            free(expected);
        }
    }
}

/* ---- Rows to samples ------------------------------------------------------------------------- */

enum { N_ROWS = 50 };

/* A table of N_ROWS rows with any strides. Element (i, j) is at origin + i * row + j * column. */
typedef struct table {
    void *array;
    size_t origin;
    ptrdiff_t row, column;
} table;

enum { PLAIN, SPREAD_ROWS, SPREAD, TRANSPOSED, BACKWARDS, MIRRORED, ONE_ROW, N_LAYOUTS };

/* `item` is the size of an element: those of targets are not always reals. */
static table new_table(size_t n_columns, size_t item, int layout) {
    const ptrdiff_t n = (ptrdiff_t)n_columns;
    const ptrdiff_t rows[] = {n, n + 3, 2 * n + 1, 1, -n, n, 0};
    const ptrdiff_t columns[] = {1, 1, 2, N_ROWS, 1, -1, 1};
    table t = {NULL, 0, rows[layout], columns[layout]};
    const ptrdiff_t row_span = (N_ROWS - 1) * t.row, column_span = (n - 1) * t.column;
    t.origin = (size_t)((t.row < 0 ? -row_span : 0) + (t.column < 0 ? -column_span : 0));
    const size_t length =
        t.origin + 1 + (size_t)((t.row < 0 ? 0 : row_span) + (t.column < 0 ? 0 : column_span));
    t.array = malloc(length * item);
    memset(t.array, 0xff, length * item);
    return t;
}

static size_t place_of(const table *t, size_t i, size_t j) {
    return (size_t)((ptrdiff_t)t->origin + (ptrdiff_t)i * t->row + (ptrdiff_t)j * t->column);
}

/* The rows to take: a list in no order, some of them twice, or consecutive ones. */
typedef struct taken {
    int64_t list[N_ROWS];
    const int64_t *rows;
    size_t first, n;
} taken;

static void take(size_t n, int as_list, taken *t) {
    t->n = n;
    t->first = draw_below(N_ROWS - n + 1);
    for (size_t r = 0; r < n; r++) {
        t->list[r] = (int64_t)draw_below(N_ROWS);
    }
    t->rows = as_list ? t->list : NULL;
}

static size_t row_of(const taken *t, size_t r) {
    return t->rows == NULL ? t->first + r : (size_t)t->list[r];
}

/* Where a kernel gathers to: whole vectors of samples, and a gap of `gap` from unit to unit. */
static void *new_plane(pb_dtype dtype, const pb_kernels *kernels, size_t n_units, size_t n_samples,
                       size_t gap, size_t *stride) {
    const size_t whole = whole_vectors(kernels, n_samples);
    *stride = whole + gap;
    return filled_reals(dtype, (n_units - 1) * *stride + whole, UNTOUCHED);
}

/* `matrix` has at (u, s) what `wanted`, which is (n_samples, n_units), says. Samples up to the next
 * whole vector are zeros, where that is promised; the gaps are as they were. */
static void check_gathered(pb_dtype dtype, const pb_kernels *kernels, size_t n_units,
                           size_t n_samples, size_t stride, const void *matrix, const void *wanted,
                           int zeros_follow, const char *what) {
    const size_t whole = whole_vectors(kernels, n_samples);
    const size_t length = (n_units - 1) * stride + whole;
    void *expected = filled_reals(dtype, length, UNTOUCHED);
    for (size_t u = 0; u < n_units; u++) {
        for (size_t s = 0; s < whole; s++) {
            const size_t place = u * stride + s;
            const double was = get(dtype, matrix, place);
            put(dtype, expected, place,
                s < n_samples              ? get(dtype, wanted, s * n_units + u)
                : zeros_follow || was == 0 ? 0
                                           : UNTOUCHED);
        }
    }
    CHECK_BITS(dtype, length, matrix, expected, what);
    free(expected);
}

static const char *const layout_names[N_LAYOUTS] = {
    "plain", "spread rows", "spread", "transposed", "backwards", "mirrored", "one row"};

/* Both kernels that gather reals. */
static void test_gather(pb_dtype dtype, size_t n_columns, size_t n_rows, int layout, int as_list) {
    const size_t gap = draw_below(3);
    const table t = new_table(n_columns, item_size(dtype), layout);
    for (size_t i = 0; i < N_ROWS * n_columns; i++) {
        put(dtype, t.array, place_of(&t, i / n_columns, i % n_columns), draw());
    }
    taken rows;
    take(n_rows, as_list, &rows);
    void *wanted = reals(dtype, n_rows * n_columns);
    for (size_t i = 0; i < n_rows * n_columns; i++) {
        const size_t row = row_of(&rows, i / n_columns);
        put(dtype, wanted, i, get(dtype, t.array, place_of(&t, row, i % n_columns)));
    }
    const void *values = (const char *)t.array + t.origin * item_size(dtype);
    const pb_samples x = {values, t.row, t.column, NULL, NULL};
    const pb_targets y = {values, PB_TARGET_REAL, t.row, t.column};
    FOR_VARIANTS(isa, dtype, kernels) {
        size_t stride = 0;
        void *matrix = new_plane(dtype, kernels, n_columns, n_rows, gap, &stride);
        kernels->gather(&x, rows.rows, rows.first, n_rows, n_columns, matrix, stride);
        check_gathered(dtype, kernels, n_columns, n_rows, stride, matrix, wanted, 1,
                       layout_names[layout]);
        free(matrix);
        matrix = new_plane(dtype, kernels, n_columns, n_rows, gap, &stride);
        kernels->gather_targets(&y, rows.rows, rows.first, n_rows, n_columns, matrix, stride);
        check_gathered(dtype, kernels, n_columns, n_rows, stride, matrix, wanted, 0, "targets");
        free(matrix);
    }
    free(wanted);
    free(t.array);
}

/* Class codes: one-hot, or the 0 and 1 of a single output. */
static double draw_smoothing(void) { return (double)draw_below(3) * 0.1; }

/* Zeros and ones to what smoothing makes of them, in the arithmetic of the data type. */
static void smooth(pb_dtype dtype, void *values, size_t n, double smoothing, size_t n_classes) {
    const double share = smoothing / (double)n_classes, rest = 1 - smoothing;
    for (size_t i = 0; i < n; i++) {
        const int is_one = get(dtype, values, i) == 1;
        if (dtype == PB_FLOAT32) {
            put(dtype, values, i, is_one ? (float)rest + (float)share : (float)share);
        } else {
            put(dtype, values, i, is_one ? rest + share : share);
        }
    }
}

static void test_classes(pb_dtype dtype, size_t n_outputs, size_t n_rows, int layout, int as_list) {
    const table t = new_table(3, sizeof(int32_t), layout);
    taken rows;
    take(n_rows, as_list, &rows);
    int32_t *codes = t.array;
    void *wanted = filled_reals(dtype, n_rows * n_outputs, 0);
    for (size_t i = 0; i < N_ROWS; i++) {
        codes[place_of(&t, i, 0)] = (int32_t)draw_below(n_outputs == 1 ? 2 : n_outputs);
    }
    for (size_t r = 0; r < n_rows; r++) {
        const int32_t code = codes[place_of(&t, row_of(&rows, r), 0)];
        if (n_outputs == 1) {
            put(dtype, wanted, r, code);
        } else {
            put(dtype, wanted, r * n_outputs + (size_t)code, 1);
        }
    }
    const double smoothing = draw_smoothing();
    smooth(dtype, wanted, n_rows * n_outputs, smoothing, n_outputs == 1 ? 2 : n_outputs);
    const pb_targets y = {codes + t.origin, PB_TARGET_CLASS, t.row, t.column, smoothing};
    FOR_VARIANTS(isa, dtype, kernels) {
        size_t stride = 0;
        void *matrix = new_plane(dtype, kernels, n_outputs, n_rows, draw_below(3), &stride);
        kernels->gather_targets(&y, rows.rows, rows.first, n_rows, n_outputs, matrix, stride);
        check_gathered(dtype, kernels, n_outputs, n_rows, stride, matrix, wanted, 0, "classes");
        free(matrix);
    }
    free(wanted);
    free(t.array);
}

static void test_indicators(pb_dtype dtype, size_t n_outputs, size_t n_rows, int layout,
                            int as_list) {
    const table t = new_table(n_outputs, 1, layout);
    taken rows;
    take(n_rows, as_list, &rows);
    uint8_t *indicators = t.array;
    void *wanted = reals(dtype, n_rows * n_outputs);
    for (size_t i = 0; i < N_ROWS * n_outputs; i++) {
        indicators[place_of(&t, i / n_outputs, i % n_outputs)] = (uint8_t)draw_below(2);
    }
    for (size_t i = 0; i < n_rows * n_outputs; i++) {
        put(dtype, wanted, i,
            indicators[place_of(&t, row_of(&rows, i / n_outputs), i % n_outputs)]);
    }
    const double smoothing = draw_smoothing();
    smooth(dtype, wanted, n_rows * n_outputs, smoothing, 2);
    const pb_targets y = {indicators + t.origin, PB_TARGET_INDICATOR, t.row, t.column, smoothing};
    FOR_VARIANTS(isa, dtype, kernels) {
        size_t stride = 0;
        void *matrix = new_plane(dtype, kernels, n_outputs, n_rows, draw_below(3), &stride);
        kernels->gather_targets(&y, rows.rows, rows.first, n_rows, n_outputs, matrix, stride);
        check_gathered(dtype, kernels, n_outputs, n_rows, stride, matrix, wanted, 0, "indicators");
        free(matrix);
    }
    free(wanted);
    free(t.array);
}

static void test_rows(pb_dtype dtype) {
    for (size_t i = 0; i < N_SIZES * N_SIZES; i++) {
        const size_t n_columns = sizes[i / N_SIZES], n_rows = sizes[i % N_SIZES];
        for (int k = 0; k < 2 * N_LAYOUTS; k++) {
            test_gather(dtype, n_columns, n_rows, k / 2, k % 2);
            test_classes(dtype, n_columns, n_rows, k / 2, k % 2);
            test_indicators(dtype, n_columns, n_rows, k / 2, k % 2);
        }
    }
}

/* ---- Units to columns of panels -------------------------------------------------------------- */

/* Row s of panel p has the units of the panel's columns for sample s, times the sample's weight as
 * the data type has it. The columns that the last panel does not need are left to the kernel. */
static void test_panels(pb_dtype dtype, const pb_kernels *kernels, size_t n_units, size_t n_vectors,
                        const double *weights) {
    const size_t n_samples = n_vectors * kernels->lanes, columns = kernels->panel_columns;
    const size_t stride = n_samples + draw_below(3), gap = draw_below(2) * columns;
    const size_t panel = n_samples * columns + gap;
    const size_t n_panels = (n_units + columns - 1) / columns, length = n_panels * panel;
    void *x = reals(dtype, (n_units - 1) * stride + n_samples);
    void *panels = filled_reals(dtype, length, UNTOUCHED);
    void *expected = filled_reals(dtype, length, UNTOUCHED);
    for (size_t i = 0; i < n_units * n_samples; i++) {
        const double value = draw_below(9) == 0 ? -0.0 : draw();
        put(dtype, x, i / n_samples * stride + i % n_samples, value);
    }
    const pb_matrix matrix = {n_units, n_samples, stride, 1};
    kernels->pack_panels(&matrix, x, weights, panels, panel);
    for (size_t i = 0; i < n_panels * columns * n_samples; i++) {
        const size_t u = i / n_samples, s = i % n_samples;
        const size_t place = u / columns * panel + s * columns + u % columns;
        if (u < n_units) {
            const double value = get(dtype, x, u * stride + s);
            put(dtype, expected, place,
                weights == NULL ? value : rounded(dtype, rounded(dtype, weights[s]) * value));
        } else {
            put(dtype, expected, place, get(dtype, panels, place));
        }
    }
    CHECK_BITS(dtype, length, panels, expected, weights == NULL ? "panels" : "weighted panels");
    free(x);
    free(panels);
    free(expected);
}

static void test_to_panels(pb_dtype dtype) {
    FOR_VARIANTS(isa, dtype, kernels) {
        for (size_t n_vectors = 1; n_vectors <= 5; n_vectors++) {
            const size_t n_samples = n_vectors * kernels->lanes;
            double *weights = malloc(n_samples * sizeof *weights);
            for (size_t s = 0; s < n_samples; s++) {
                weights[s] = s == 1 ? 0 : s == 2 ? 1 : fabs(draw()) / 3;
            }
            for (size_t n_units = 1; n_units <= 2 * kernels->panel_columns + 2; n_units++) {
                test_panels(dtype, kernels, n_units, n_vectors, NULL);
                test_panels(dtype, kernels, n_units, n_vectors, weights);
            }
            free(weights);
        }
    }
}

int main(void) {
    FOR_DTYPES(dtype) {
        test_transpose(dtype);
        test_rows(dtype);
        test_to_panels(dtype);
    }
    return check_summary();
}
