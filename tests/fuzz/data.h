/* Tables of any strides or in CSR, targets of each kind, weights and orders; each with a row-major
 * copy of the rows as the batch reads them. */
#ifndef PB_FUZZ_DATA_H
#define PB_FUZZ_DATA_H

#include "problem.h"

/* ---- Strided arrays ------------------------------------------------------------------------ */

typedef struct strides {
    ptrdiff_t row, column;
    size_t n_elements, first; /* of an array that holds just what they reach; element (0, 0) */
} strides;

static inline strides choose_strides(bytes *b, size_t n_rows, size_t n_columns) {
    const ptrdiff_t n = (ptrdiff_t)n_rows, m = (ptrdiff_t)n_columns;
    const ptrdiff_t of_rows[] = {m, -m, 1, -1, 0, 2 * m + 1, -m - 3, 2};
    const ptrdiff_t of_columns[] = {1, -1, n, -n, 0, 2, -3, n + 1};
    const ptrdiff_t row = of_rows[below(b, 8)], column = of_columns[below(b, 8)];
    const ptrdiff_t down = (n - 1) * row, across = (m - 1) * column;
    const ptrdiff_t low = (down < 0 ? down : 0) + (across < 0 ? across : 0);
    const ptrdiff_t high = (down > 0 ? down : 0) + (across > 0 ? across : 0);
    return (strides){row, column, (size_t)(high - low + 1), (size_t)-low};
}

static inline size_t place(const strides *s, size_t i, size_t j) {
    return (size_t)((ptrdiff_t)s->first + (ptrdiff_t)i * s->row + (ptrdiff_t)j * s->column);
}

static inline void *allocate(size_t count, size_t size) {
    void *array = malloc(count * size + (count == 0));
    REQUIRE(array != NULL, "out of memory");
    return array;
}

/* ---- Tables -------------------------------------------------------------------------------- */

typedef struct table {
    pb_samples view;
    void *values; /* all that is to be freed */
    int64_t *indptr;
    int32_t *indices;
    void *dense; /* (n_rows, n_columns) row-major */
} table;

static inline void free_table(table *t) {
    free(t->values);
    free(t->indptr);
    free(t->indices);
    free(t->dense);
}

static inline void choose_dense(bytes *b, const problem *p, size_t n_rows, table *t) {
    const pb_dtype dtype = p->spec.dtype;
    const size_t n_columns = p->sizes[0];
    const strides s = choose_strides(b, n_rows, n_columns);
    t->values = reals(dtype, s.n_elements);
    for (size_t i = 0; i < s.n_elements; i++) {
        put(dtype, t->values, i, draw_element(-1, 2, p->is_wild));
    }
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t j = 0; j < n_columns; j++) {
            put(dtype, t->dense, i * n_columns + j, get(dtype, t->values, place(&s, i, j)));
        }
    }
    const char *origin = (const char *)t->values + s.first * item_size(dtype);
    t->view = (pb_samples){origin, s.row, s.column, NULL, NULL};
}

/* Rows may begin anywhere in the values, as those of a slice do. */
static inline void choose_sparse(bytes *b, const problem *p, size_t n_rows, table *t) {
    const pb_dtype dtype = p->spec.dtype;
    const size_t n_columns = p->sizes[0], density = below(b, 9), offset = below(b, 4);
    const size_t most = offset + n_rows * n_columns;
    uint8_t *is_stored = allocate(n_rows * n_columns, 1);
    size_t n = offset;
    for (size_t i = 0; i < n_rows * n_columns; i++) {
        is_stored[i] = draw_below(8) < density;
        n += is_stored[i];
    }
    REQUIRE(n <= most, "%zu", n);
    t->values = reals(dtype, n);
    t->indices = allocate(n, sizeof *t->indices);
    t->indptr = allocate(n_rows + 1, sizeof *t->indptr);
    memset(t->indices, 0xff, n * sizeof *t->indices);
    size_t at = offset;
    for (size_t i = 0; i < n_rows; i++) {
        t->indptr[i] = (int64_t)at;
        for (size_t j = 0; j < n_columns; j++) {
            put(dtype, t->dense, i * n_columns + j, 0);
            if (is_stored[i * n_columns + j]) {
                const double value = draw_element(-1, 2, p->is_wild);
                put(dtype, t->dense, i * n_columns + j, value);
                put(dtype, t->values, at, value);
                t->indices[at++] = (int32_t)j;
            }
        }
    }
    t->indptr[n_rows] = (int64_t)at;
    free(is_stored);
    t->view = (pb_samples){t->values, 0, 0, t->indptr, t->indices};
}

static inline void choose_table(bytes *b, const problem *p, size_t n_rows, table *t) {
    *t = (table){.dense = reals(p->spec.dtype, n_rows * p->sizes[0])};
    if (below(b, 3) == 2) {
        choose_sparse(b, p, n_rows, t);
    } else {
        choose_dense(b, p, n_rows, t);
    }
}

/* ---- Targets ------------------------------------------------------------------------------- */

typedef struct targets {
    pb_targets view;
    void *values;
    void *dense; /* (n_rows, n_outputs) reals, row-major: what each kind stands for */
} targets;

static inline void free_targets(targets *y) {
    free(y->values);
    free(y->dense);
}

/* In the domain of every loss unless wild, when they are any numbers; codes of classes are trusted
 * to be some class. */
static inline void choose_targets(bytes *b, const problem *p, size_t n_rows, targets *y) {
    const pb_dtype dtype = p->spec.dtype;
    const size_t n_outputs = p->sizes[p->spec.n_layers];
    const pb_target_kind kind = (pb_target_kind)below(b, 3);
    const strides s = choose_strides(b, n_rows, kind == PB_TARGET_CLASS ? 1 : n_outputs);
    const size_t size = kind == PB_TARGET_REAL    ? item_size(dtype)
                        : kind == PB_TARGET_CLASS ? sizeof(int32_t)
                                                  : sizeof(uint8_t);
    y->values = allocate(s.n_elements, size);
    y->dense = reals(dtype, n_rows * n_outputs);
    for (size_t i = 0; i < s.n_elements; i++) {
        if (kind == PB_TARGET_REAL) {
            put(dtype, y->values, i, draw_element(0.25, 0.5, p->is_wild));
        } else if (kind == PB_TARGET_CLASS) {
            ((int32_t *)y->values)[i] = (int32_t)draw_below(n_outputs == 1 ? 2 : n_outputs);
        } else {
            ((uint8_t *)y->values)[i] = (uint8_t)draw_below(p->is_wild ? 256 : 2);
        }
    }
    for (size_t i = 0; i < n_rows; i++) {
        for (size_t j = 0; j < n_outputs; j++) {
            const size_t at = place(&s, i, kind == PB_TARGET_CLASS ? 0 : j);
            const int32_t code = kind == PB_TARGET_CLASS ? ((int32_t *)y->values)[at] : 0;
            put(dtype, y->dense, i * n_outputs + j,
                kind == PB_TARGET_REAL        ? get(dtype, y->values, at)
                : kind == PB_TARGET_INDICATOR ? ((uint8_t *)y->values)[at] != 0
                : n_outputs == 1              ? code
                                              : code == (int32_t)j);
        }
    }
    y->view = (pb_targets){(const char *)y->values + s.first * size, kind, s.row, s.column};
}

/* ---- Weights and orders -------------------------------------------------------------------- */

typedef struct batches {
    pb_batch batch, twin; /* the same rows, the second contiguous and in table order */
    table X;
    targets y;
    double *weights;
    int64_t *order;
    void *twin_X, *twin_y;
    double *twin_weights;
    size_t n_table;      /* rows of the table */
    int has_bad_weights; /* negative, infinite or NaN: nothing is promised */
    int has_weight;      /* of any row */
} batches;

static inline void free_batches(batches *d) {
    free_table(&d->X);
    free_targets(&d->y);
    free(d->weights);
    free(d->order);
    free(d->twin_X);
    free(d->twin_y);
    free(d->twin_weights);
}

static inline void choose_weights(bytes *b, batches *d) {
    const size_t kind = below(b, 5);
    if (kind == 0) {
        return;
    }
    d->weights = allocate(d->n_table, sizeof *d->weights);
    for (size_t i = 0; i < d->n_table; i++) {
        const size_t any = draw_below(6);
        d->weights[i] = kind == 1   ? 1
                        : kind == 2 ? (double)any / 2
                        : kind == 3 ? 0
                                    : draw_element(0, 2, 1);
    }
}

static inline void copy_row(pb_dtype dtype, size_t n, const void *from, size_t i, void *to,
                            size_t k) {
    const size_t bytes_of_row = n * item_size(dtype);
    memcpy((char *)to + k * bytes_of_row, (const char *)from + i * bytes_of_row, bytes_of_row);
}

static inline void make_twin(const problem *p, batches *d) {
    const pb_dtype dtype = p->spec.dtype;
    const size_t n = d->batch.n_rows, n_features = p->sizes[0];
    const size_t n_outputs = p->sizes[p->spec.n_layers];
    d->twin_X = reals(dtype, n * n_features);
    d->twin_y = reals(dtype, n * n_outputs);
    d->twin_weights = d->weights == NULL ? NULL : allocate(n, sizeof(double));
    d->has_weight = d->weights == NULL;
    for (size_t k = 0; k < n; k++) {
        const size_t i = d->order == NULL ? k : (size_t)d->order[k];
        copy_row(dtype, n_features, d->X.dense, i, d->twin_X, k);
        copy_row(dtype, n_outputs, d->y.dense, i, d->twin_y, k);
        if (d->weights != NULL) {
            const double weight = d->twin_weights[k] = d->weights[i];
            d->has_bad_weights |= !(weight >= 0) || !isfinite(weight);
            d->has_weight |= weight > 0;
        }
    }
    d->twin = (pb_batch){{d->twin_X, (ptrdiff_t)n_features, 1, NULL, NULL},
                         {d->twin_y, PB_TARGET_REAL, (ptrdiff_t)n_outputs, 1},
                         d->twin_weights,
                         NULL,
                         n};
}

static inline void choose_batches(bytes *b, const problem *p, batches *d) {
    *d = (batches){.n_table = below(b, 24) + 1};
    if (seldom(b)) {
        d->n_table += 256 * below(b, 3) + below(b, 256);
    }
    choose_table(b, p, d->n_table, &d->X);
    choose_targets(b, p, d->n_table, &d->y);
    choose_weights(b, d);
    size_t n_rows = d->n_table;
    if (below(b, 2) == 1) {
        n_rows = below(b, 2) == 0 ? d->n_table : below(b, 48) + 1;
        d->order = allocate(n_rows, sizeof *d->order);
        for (size_t k = 0; k < n_rows; k++) {
            d->order[k] = (int64_t)draw_below(d->n_table);
        }
    }
    d->batch = (pb_batch){d->X.view, d->y.view, d->weights, d->order, n_rows};
    make_twin(p, d);
}

#endif
