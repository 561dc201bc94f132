/* Rows of a table, in the order of a batch, into contiguous scratch. */

INLINE int64_t row_at(const int64_t *rows, size_t first, size_t r) {
    return rows == NULL ? (int64_t)(first + r) : rows[r];
}

static void gather(const pb_samples *x, const int64_t *rows, size_t first, size_t n_rows,
                   size_t n_columns, void *out_) {
    real *out = out_;
    for (size_t r = 0; r < n_rows; r++, out += n_columns) {
        const real *row =
            (const real *)x->values + (ptrdiff_t)row_at(rows, first, r) * x->row_stride;
        if (x->column_stride == 1) {
            memcpy(out, row, n_columns * sizeof(real));
            continue;
        }
        for (size_t j = 0; j < n_columns; j++) {
            out[j] = row[(ptrdiff_t)j * x->column_stride];
        }
    }
}

static void gather_targets(const pb_targets *y, const int64_t *rows, size_t first, size_t n_rows,
                           size_t n_columns, void *out_) {
    real *out = out_;
    if (y->kind == PB_TARGET_REAL) {
        const pb_samples values = {y->values, y->row_stride, y->column_stride, NULL, NULL};
        gather(&values, rows, first, n_rows, n_columns, out);
        return;
    }
    for (size_t r = 0; r < n_rows; r++, out += n_columns) {
        const ptrdiff_t row = (ptrdiff_t)row_at(rows, first, r) * y->row_stride;
        if (y->kind == PB_TARGET_INDICATOR) {
            const uint8_t *indicators = y->values;
            for (size_t j = 0; j < n_columns; j++) {
                out[j] = (real)indicators[row + (ptrdiff_t)j * y->column_stride];
            }
        } else if (n_columns == 1) {
            out[0] = (real)((const int32_t *)y->values)[row];
        } else {
            const int32_t code = ((const int32_t *)y->values)[row];
            for (size_t j = 0; j < n_columns; j++) {
                out[j] = (real)((int32_t)j == code);
            }
        }
    }
}
