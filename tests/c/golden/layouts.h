/* Lays out one table of numbers in many ways. The elements in gaps are NaN. */
#ifndef GOLDEN_LAYOUTS_H
#define GOLDEN_LAYOUTS_H

#include "numbers.h"

typedef enum layout {
    ROWS,     /* row after row, at the start of an allocation                     */
    COLUMNS,  /* column after column: Fortran's order                             */
    PADDED,   /* rows with gaps, one element past an aligned address               */
    SPARSE,   /* CSR: what is zero is left out                                    */
    SPREAD,   /* gaps between columns too                                         */
    BACKWARD, /* the last row first, the last column first                        */
    TURNED,   /* column after column, the last first                              */
    GATHERED, /* rows in another order, found by their numbers                    */
    SPARSE_GATHERED,
    N_LAYOUTS
} layout;

static const char *const layout_names[N_LAYOUTS] = {"rows",   "columns",  "padded",
                                                    "sparse", "spread",   "backward",
                                                    "turned", "gathered", "gathered sparse"};

static int is_sparse(layout l) { return l == SPARSE || l == SPARSE_GATHERED; }
static int is_gathered(layout l) { return l == GATHERED || l == SPARSE_GATHERED; }

/* Where row `i` of a batch of n stands in its table: a permutation, as 7 is prime. */
static size_t place_of_row(layout l, size_t i, size_t n) {
    return !is_gathered(l) ? i : (i * (n % 7 == 0 ? 1 : 7) + n / 2) % n;
}

/* Element (i, j) of an (n, d) table is element start + i row + j column of an array of `size`. */
typedef struct strides {
    ptrdiff_t start, row, column;
    size_t size;
} strides;

static strides strides_of(layout l, size_t n_rows, size_t n_columns) {
    const ptrdiff_t n = (ptrdiff_t)n_rows, d = (ptrdiff_t)n_columns;
    switch (l) {
    case COLUMNS: return (strides){0, 1, n, n_rows * n_columns};
    case PADDED: return (strides){1, d + 3, 1, 1 + n_rows * (n_columns + 3)};
    case SPREAD: return (strides){1, 2 * d + 1, 2, 1 + n_rows * (2 * n_columns + 1)};
    case BACKWARD: return (strides){n * d - 1, -d, -1, n_rows * n_columns};
    case TURNED: return (strides){(d - 1) * n, 1, -n, n_rows * n_columns};
    default: return (strides){0, d, 1, n_rows * n_columns};
    }
}

/* Elements of `size` bytes of a row-major (n, d) table, as the layout has them. */
static void *laid_out(layout l, size_t n, size_t d, const void *plain, size_t size, strides *s) {
    *s = strides_of(l, n, d);
    char *array = memset(allocate(s->size, size), 0xff, s->size * size);
    for (size_t i = 0; i < n; i++) {
        for (size_t j = 0; j < d; j++) {
            const ptrdiff_t place =
                s->start + (ptrdiff_t)place_of_row(l, i, n) * s->row + (ptrdiff_t)j * s->column;
            memcpy(array + (size_t)place * size, (const char *)plain + (i * d + j) * size, size);
        }
    }
    return array;
}

/* Samples and the arrays behind them. */
typedef struct table {
    pb_samples X;
    void *values;
    int64_t *indptr;
    int32_t *indices;
} table;

static table dense_table(pb_dtype dtype, layout l, size_t n, size_t d, const void *plain) {
    strides s;
    table t = {.values = laid_out(l, n, d, plain, item_size(dtype), &s)};
    t.X = (pb_samples){at(dtype, t.values, s.start), s.row, s.column, NULL, NULL};
    return t;
}

static table sparse_table(pb_dtype dtype, layout l, size_t n, size_t d, const void *plain) {
    table t = {.values = reals(dtype, n * d),
               .indptr = allocate(n + 1, sizeof(int64_t)),
               .indices = allocate(n * d, sizeof(int32_t))};
    size_t *row_at = allocate(n, sizeof(size_t)), count = 0;
    for (size_t i = 0; i < n; i++) {
        row_at[place_of_row(l, i, n)] = i;
    }
    for (size_t p = 0; p < n; p++) {
        t.indptr[p] = (int64_t)count;
        for (size_t j = 0; j < d; j++) {
            const uint64_t bits = bits_of(dtype, plain, row_at[p] * d + j);
            if (bits != 0) {
                set_bits(dtype, t.values, count, bits);
                t.indices[count++] = (int32_t)j;
            }
        }
    }
    t.indptr[n] = (int64_t)count;
    t.X = (pb_samples){t.values, 0, 0, t.indptr, t.indices};
    free(row_at);
    return t;
}

static table table_of(pb_dtype dtype, layout l, size_t n, size_t d, const void *plain) {
    return is_sparse(l) ? sparse_table(dtype, l, n, d, plain) : dense_table(dtype, l, n, d, plain);
}

static void free_table(table *t) {
    free(t->values);
    free(t->indptr);
    free(t->indices);
}

#endif
