/* Products with rows of a CSR matrix, at the cost of its non-zeros. A row takes part in the order
 * of its column indices, one fused multiply-add a value, from +0: a zero that is left out would
 * have changed nothing, so these are the dense row's bits. */

/* C_r = sum over the row's values x_rp of x_rp B_p. */
static void csr_product(const pb_csr_rows *x, size_t n, const void *b_, void *c_) {
    const real *values = x->values;
    const real *b = b_;
    real *c = c_;
    for (size_t r = 0; r < x->n_rows; r++, c += n) {
        const int64_t row = row_at(x->rows, x->first, r);
        for (size_t j = 0; j < n; j += VLEN) {
            vec sum = v_set1(0);
            for (int64_t p = x->indptr[row]; p < x->indptr[row + 1]; p++) {
                const real *b_row = b + (size_t)x->indices[p] * n;
                sum = v_fma(v_set1(values[p]), v_load_upto(b_row + j, n - j), sum);
            }
            v_store_upto(c + j, sum, n - j);
        }
    }
}

/* C_p += sum over rows, in row order, of x_rp D_r. */
static void csr_transposed_product(const pb_csr_rows *x, size_t n, const void *d_, void *c_) {
    const real *values = x->values;
    const real *d = d_;
    real *c = c_;
    for (size_t r = 0; r < x->n_rows; r++, d += n) {
        const int64_t row = row_at(x->rows, x->first, r);
        for (int64_t p = x->indptr[row]; p < x->indptr[row + 1]; p++) {
            const vec value = v_set1(values[p]);
            real *c_row = c + (size_t)x->indices[p] * n;
            FOR_VECTORS(
                n, v_store(c_row + i, v_fma(value, v_load(d + i), v_load(c_row + i))),
                v_store_part(c_row + i,
                             v_fma(value, v_load_part(d + i, left), v_load_part(c_row + i, left)),
                             left));
        }
    }
}
