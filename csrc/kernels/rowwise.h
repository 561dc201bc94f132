/* Activations that couple the units of a row. Their sums run in the order of reduce.h: a row has
 * the same bits alone and in a table. */

static real row_max(const real *z, size_t n) {
    real largest = z[0];
    for (size_t j = 1; j < n; j++) {
        largest = z[j] > largest ? z[j] : largest;
    }
    return largest;
}

INLINE void subtract_from_row(const real *z, size_t n, real shift, real *out) {
    const vec s = v_set1(shift);
    FOR_VECTORS(n, v_store(out + i, v_sub(v_load(z + i), s)),
                v_store_part(out + i, v_sub(v_load_part(z + i, left), s), left));
}

/* p_j = e^(z_j - max z) / sum_k e^(z_k - max z). */
static void softmax_activate(size_t n_rows, size_t n_columns, const void *z_, void *a_) {
    const real *z = z_;
    real *a = a_;
    for (size_t r = 0; r < n_rows; r++, z += n_columns, a += n_columns) {
        subtract_from_row(z, n_columns, row_max(z, n_columns), a);
        exp_activate(1, n_columns, a, a);
        const vec sum = v_set1(sum_16(a, n_columns));
        FOR_VECTORS(n_columns, v_store(a + i, v_div(v_load(a + i), sum)),
                    v_store_part(a + i, v_div(v_load_part(a + i, left), sum), left));
    }
}

/* log p_j = (z_j - max z) - log sum_k e^(z_k - max z). */
static void softmax_log_activate(size_t n_rows, size_t n_columns, const void *z_, void *a_) {
    const real *z = z_;
    real *a = a_;
    for (size_t r = 0; r < n_rows; r++, z += n_columns, a += n_columns) {
        subtract_from_row(z, n_columns, row_max(z, n_columns), a);
        vec chains[CHAINS / VLEN];
        for (size_t c = 0; c < CHAINS / VLEN; c++) {
            chains[c] = v_set1(0);
        }
        FOR_CHAINS(n_columns, {
            const vec e = v_exp(v_load_upto(a + i, left));
            /* Lanes past the row hold e^0: they must not enter the sum. */
            real lanes[VLEN] = {0};
            v_store_upto(lanes, e, left);
            chains[c] = v_add(chains[c], v_load(lanes));
        });
        real lanes[VLEN];
        v_store(lanes, v_log(v_set1(chains_total(chains))));
        subtract_from_row(a, n_columns, lanes[0], a);
    }
}

/* v_i <- p_i (v_i - sum_j p_j v_j), the softmax's Jacobian, which is symmetric. */
static void softmax_vjp(size_t n_rows, size_t n_columns, const void *z, const void *a_, void *v_) {
    (void)z;
    const real *p = a_;
    real *v = v_;
    for (size_t r = 0; r < n_rows; r++, p += n_columns, v += n_columns) {
        const vec mean = v_set1(dot_16(p, v, n_columns));
        FOR_VECTORS(
            n_columns, v_store(v + i, v_mul(v_load(p + i), v_sub(v_load(v + i), mean))),
            v_store_part(v + i,
                         v_mul(v_load_part(p + i, left), v_sub(v_load_part(v + i, left), mean)),
                         left));
    }
}
