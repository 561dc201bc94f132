/* Conversions between row-major tables of samples, matrices of units × samples, and panels. */

/* out (n_columns, n_rows) = the transpose of in (n_rows, n_columns). */
static void transpose(size_t n_rows, size_t n_columns, const void *in_, size_t in_stride,
                      void *out_, size_t out_stride) {
    const real *in = in_;
    real *out = out_;
    for (size_t r = 0; r < n_rows; r += VLEN) {
        const size_t rows = n_rows - r < VLEN ? n_rows - r : VLEN;
        for (size_t j = 0; j < n_columns; j += VLEN) {
            const size_t columns = n_columns - j < VLEN ? n_columns - j : VLEN;
            vec tile[VLEN];
            for (size_t i = 0; i < VLEN; i++) {
                tile[i] = i < rows ? v_load_upto(in + (r + i) * in_stride + j, columns) : v_set1(0);
            }
            v_transpose(tile);
            for (size_t i = 0; i < columns; i++) {
                v_store_upto(out + (j + i) * out_stride + r, tile[i], rows);
            }
        }
    }
}

/* Transposes a tile of whole vectors: VLEN rows, at any addresses, to VLEN units of a matrix. */
INLINE void gather_tile(const real *const *rows, size_t j, real *out, size_t out_stride) {
    vec tile[VLEN];
    UNROLL for (size_t i = 0; i < VLEN; i++) { tile[i] = v_load(rows[i] + j); }
    v_transpose(tile);
    UNROLL for (size_t i = 0; i < VLEN; i++) { v_store(out + (j + i) * out_stride, tile[i]); }
}

/* Transposes the rest: `rows` rows of `columns` values, padded with samples of zeros. */
static void gather_edge(const real *const *rows, size_t n_rows, size_t j, size_t n_columns,
                        real *out, size_t out_stride) {
    for (; j < n_columns; j += VLEN) {
        const size_t columns = n_columns - j < VLEN ? n_columns - j : VLEN;
        vec tile[VLEN];
        for (size_t i = 0; i < VLEN; i++) {
            tile[i] = i < n_rows ? v_load_upto(rows[i] + j, columns) : v_set1(0);
        }
        v_transpose(tile);
        for (size_t i = 0; i < columns; i++) {
            v_store(out + (j + i) * out_stride, tile[i]);
        }
    }
}

INLINE int64_t row_at(const int64_t *rows, size_t first, size_t r) {
    return rows == NULL ? (int64_t)(first + r) : rows[r];
}

static void gather(const pb_samples *x, const int64_t *rows, size_t first, size_t n_rows,
                   size_t n_columns, void *out_, size_t out_stride) {
    const real *values = x->values;
    for (size_t r = 0; r < n_rows; r += VLEN) {
        real *out = (real *)out_ + r;
        const size_t n = n_rows - r < VLEN ? n_rows - r : VLEN;
        const real *starts[VLEN];
        for (size_t i = 0; i < n; i++) {
            starts[i] = values + (ptrdiff_t)row_at(rows, first, r + i) * x->row_stride;
        }
        if (x->column_stride == 1) {
            size_t j = 0;
            for (; n == VLEN && j + VLEN <= n_columns; j += VLEN) {
                gather_tile(starts, j, out, out_stride);
            }
            gather_edge(starts, n, j, n_columns, out, out_stride);
            continue;
        }
        for (size_t j = 0; j < n_columns; j++) {
            for (size_t i = 0; i < VLEN; i++) {
                out[j * out_stride + i] = i < n ? starts[i][(ptrdiff_t)j * x->column_stride] : 0;
            }
        }
    }
}

/* Smoothed values of 0 and 1, each with at most two roundings. They are looked up in a table, since
 * a branch on a label is mispredicted every other time. */
typedef struct smoothed {
    real of[2];
} smoothed;

static smoothed smooth(double smoothing, size_t n_classes) {
    const real zero = (real)(smoothing / (double)n_classes);
    return (smoothed){{zero, (real)(1 - smoothing) + zero}};
}

/* Expands class codes to one-hot columns, or to the 0 / 1 of a single output. */
static void gather_classes(const pb_targets *y, const int64_t *rows, size_t first, size_t n_rows,
                           size_t n_outputs, real *out, size_t out_stride) {
    const int32_t *codes = y->values;
    const smoothed value = smooth(y->smoothing, n_outputs == 1 ? 2 : n_outputs);
    if (n_outputs == 1) {
        for (size_t r = 0; r < n_rows; r++) {
            const int32_t code = codes[(ptrdiff_t)row_at(rows, first, r) * y->row_stride];
            out[r] = value.of[code != 0];
        }
        return;
    }
    for (size_t j = 0; j < n_outputs; j++) {
        for (size_t r = 0; r < n_rows; r++) {
            out[j * out_stride + r] = value.of[0];
        }
    }
    for (size_t r = 0; r < n_rows; r++) {
        const int32_t code = codes[(ptrdiff_t)row_at(rows, first, r) * y->row_stride];
        out[(size_t)code * out_stride + r] = value.of[1];
    }
}

static void gather_targets(const pb_targets *y, const int64_t *rows, size_t first, size_t n_rows,
                           size_t n_outputs, void *out_, size_t out_stride) {
    real *out = out_;
    switch (y->kind) {
    case PB_TARGET_REAL: {
        const pb_samples values = {y->values, y->row_stride, y->column_stride, NULL, NULL};
        gather(&values, rows, first, n_rows, n_outputs, out, out_stride);
        return;
    }
    case PB_TARGET_CLASS:
        gather_classes(y, rows, first, n_rows, n_outputs, out, out_stride);
        return;
    case PB_TARGET_INDICATOR: break;
    }
    const smoothed value = smooth(y->smoothing, 2);
    for (size_t r = 0; r < n_rows; r++) {
        const uint8_t *row =
            (const uint8_t *)y->values + (ptrdiff_t)row_at(rows, first, r) * y->row_stride;
        for (size_t j = 0; j < n_outputs; j++) {
            out[j * out_stride + r] = value.of[row[(ptrdiff_t)j * y->column_stride] != 0];
        }
    }
}

/* Packs a matrix into panels (see kernels.h): row r of panel p holds the units p PANEL_COLUMNS, ...
 * of sample r, times the weight of the sample. `n_samples` is a whole number of vectors. */
static void pack_panels(const pb_matrix *matrix, const void *x_, const double *weights,
                        void *panels_, size_t panel_stride) {
    const real *x = x_;
    for (size_t u = 0; u < matrix->n_units; u += VLEN) {
        const size_t units = matrix->n_units - u < VLEN ? matrix->n_units - u : VLEN;
        real *out = (real *)panels_ + u / PANEL_COLUMNS * panel_stride + u % PANEL_COLUMNS;
        for (size_t s = 0; s < matrix->n_samples; s += VLEN) {
            vec tile[VLEN];
            if (units == VLEN) {
                UNROLL for (size_t i = 0; i < VLEN; i++) {
                    tile[i] = v_load(x + (u + i) * matrix->unit_stride + s);
                }
            } else {
                for (size_t i = 0; i < VLEN; i++) {
                    tile[i] = i < units ? v_load(x + (u + i) * matrix->unit_stride + s) : v_set1(0);
                }
            }
            if (weights != NULL) {
                real rounded[VLEN];
                for (size_t i = 0; i < VLEN; i++) {
                    rounded[i] = (real)weights[s + i];
                }
                const vec w = v_load(rounded);
                UNROLL for (size_t i = 0; i < VLEN; i++) { tile[i] = v_mul(w, tile[i]); }
            }
            v_transpose(tile);
            UNROLL for (size_t i = 0; i < VLEN; i++) {
                v_store(out + (s + i) * PANEL_COLUMNS, tile[i]);
            }
        }
    }
}
