/* Products with rows of a CSR matrix, at the cost of its stored values. The values of a row are
 * used in the order of their column indices, each in one fused multiply-add, from +0: the bits are
 * those of the dense row, since a zero would change nothing. */

/* Computes some vectors of columns of a row of C, the last with `lanes` lanes. */
INLINE void csr_row_tile(const size_t vecs, const pb_csr_rows *x, int64_t row, size_t n,
                         const real *b, real *c, size_t lanes) {
    const real *values = x->values;
    vec sums[4];
    UNROLL for (size_t v = 0; v < vecs; v++) { sums[v] = v_set1(0); }
    for (int64_t p = x->indptr[row]; p < x->indptr[row + 1]; p++) {
        const real *b_row = b + (size_t)x->indices[p] * n;
        const vec value = v_set1(values[p]);
        UNROLL for (size_t v = 0; v < vecs; v++) {
            const vec b_p =
                v + 1 == vecs ? v_load_upto(b_row + v * VLEN, lanes) : v_load(b_row + v * VLEN);
            sums[v] = v_fma(value, b_p, sums[v]);
        }
    }
    UNROLL for (size_t v = 0; v + 1 < vecs; v++) { v_store(c + v * VLEN, sums[v]); }
    v_store_upto(c + (vecs - 1) * VLEN, sums[vecs - 1], lanes);
}

/* C_r = sum of x_rp B_p over the stored values x_rp of row r. */
static void csr_product(const pb_csr_rows *x, size_t n, const void *b_, void *c_) {
    const real *b = b_;
    real *c = c_;
    for (size_t r = 0; r < x->n_rows; r++, c += n) {
        const int64_t row = row_at(x->rows, x->first, r);
        size_t j = 0;
        for (; j + 3 * VLEN < n; j += 4 * VLEN) {
            csr_row_tile(4, x, row, n, b + j, c + j, n - j - 3 * VLEN);
        }
        for (; j < n; j += VLEN) {
            csr_row_tile(1, x, row, n, b + j, c + j, n - j);
        }
    }
}

/* Index of the row's first column >= `feature`; columns are sorted. */
static int64_t first_from(const pb_csr_rows *x, int64_t row, int64_t feature) {
    int64_t low = x->indptr[row], high = x->indptr[row + 1];
    while (low < high) {
        const int64_t middle = low + (high - low) / 2;
        if (x->indices[middle] < feature) {
            low = middle + 1;
        } else {
            high = middle;
        }
    }
    return low;
}

/* C_p = sum of x_rp D_r over the rows r, in row order, for n_features columns p of X. */
static void csr_transposed_product(const pb_csr_rows *x, size_t first_feature, size_t n_features,
                                   size_t n, const void *d_, size_t d_panel, void *c_) {
    const real *values = x->values;
    real *c = c_;
    const int64_t feature = (int64_t)first_feature, end = feature + (int64_t)n_features;
    memset(c, 0, n_features * n * sizeof(real));
    for (size_t r = 0; r < x->n_rows; r++) {
        const int64_t row = row_at(x->rows, x->first, r);
        const int64_t row_end = x->indptr[row + 1];
        for (int64_t p = first_from(x, row, feature); p < row_end && x->indices[p] < end; p++) {
            const vec value = v_set1(values[p]);
            real *c_row = c + (size_t)(x->indices[p] - feature) * n;
            for (size_t j = 0; j < n; j += VLEN) {
                const real *d = (const real *)d_ + j / PANEL_COLUMNS * d_panel + r * PANEL_COLUMNS +
                                j % PANEL_COLUMNS;
                v_store_upto(c_row + j, v_fma(value, v_load(d), v_load_upto(c_row + j, n - j)),
                             n - j);
            }
        }
    }
}
