/* Sums in a fixed order. Over columns: 16 interleaved chains (element j is in chain j mod 16, in
 * order), added by a binary tree, neighbours first. Over rows: row order. */

#define CHAINS 16

INLINE void start_chains(vec *chains) {
    for (size_t c = 0; c < CHAINS; c++) {
        chains[c] = v_set1(0);
    }
}

INLINE vec v_tree(vec *chains) {
    for (size_t width = 1; width < CHAINS; width *= 2) {
        for (size_t c = 0; c < CHAINS; c += 2 * width) {
            chains[c] = v_add(chains[c], chains[c + width]);
        }
    }
    return chains[0];
}

/* The sum over the units of each sample, for whole vectors of samples. A single unit is its own
 * sum. */
static void unit_sums(const pb_matrix *matrix, const void *x_, double *sums) {
    const real *x = x_;
    for (size_t s = 0; s < matrix->n_samples; s += VLEN) {
        vec sum = v_load(x + s);
        if (matrix->n_units > 1) {
            vec chains[CHAINS];
            start_chains(chains);
            for (size_t u = 0; u < matrix->n_units; u++) {
                chains[u % CHAINS] =
                    v_add(chains[u % CHAINS], v_load(x + u * matrix->unit_stride + s));
            }
            sum = v_tree(chains);
        }
        real lanes[VLEN];
        v_store(lanes, sum);
        for (size_t i = 0; i < VLEN; i++) {
            sums[s + i] = (double)lanes[i];
        }
    }
}

/* In double for both data types: squares of floats are exact in double, so the penalty loses
 * nothing. */
#define DEFINE_SUM(name, term)                               \
    static double name(size_t n, const void *x_) {           \
        const real *x = x_;                                  \
        double s[CHAINS] = {0};                              \
        size_t i = 0;                                        \
        for (; i + CHAINS <= n; i += CHAINS) {               \
            for (size_t c = 0; c < CHAINS; c++) {            \
                s[c] += term((double)x[i + c]);              \
            }                                                \
        }                                                    \
        for (size_t c = 0; i + c < n; c++) {                 \
            s[c] += term((double)x[i + c]);                  \
        }                                                    \
        for (size_t width = 1; width < CHAINS; width *= 2) { \
            for (size_t c = 0; c < CHAINS; c += 2 * width) { \
                s[c] = s[c] + s[c + width];                  \
            }                                                \
        }                                                    \
        return s[0];                                         \
    }
#define SQUARE(x) ((x) * (x))
DEFINE_SUM(sum_of_squares, SQUARE)
DEFINE_SUM(sum_of_magnitudes, fabs)
#undef SQUARE
#undef DEFINE_SUM

/* x - x is 0 for a finite x and NaN for any other. */
static int all_finite(size_t n, const void *x_) {
    const real *x = x_;
    vec differences = v_set1(0);
    FOR_VECTORS(n, differences = v_add(differences, v_sub(v_load(x + i), v_load(x + i))),
                differences =
                    v_add(differences, v_sub(v_load_part(x + i, left), v_load_part(x + i, left))));
    real lanes[VLEN];
    v_store(lanes, differences);
    for (size_t c = 0; c < VLEN; c++) {
        if (!(lanes[c] == 0)) {
            return 0;
        }
    }
    return 1;
}

/* Sums some vectors of columns of a panel, the last with `lanes` lanes. */
INLINE void panel_tile_sums(const size_t vecs, size_t n_rows, const real *d, real *sums,
                            size_t lanes) {
    vec sum[TILE_VECS];
    UNROLL for (size_t v = 0; v < vecs; v++) { sum[v] = v_set1(0); }
    for (size_t r = 0; r < n_rows; r++, d += PANEL_COLUMNS) {
        UNROLL for (size_t v = 0; v < vecs; v++) { sum[v] = v_add(sum[v], v_load(d + v * VLEN)); }
    }
    UNROLL for (size_t v = 0; v + 1 < vecs; v++) { v_store(sums + v * VLEN, sum[v]); }
    v_store_upto(sums + (vecs - 1) * VLEN, sum[vecs - 1], lanes);
}

/* sums_j = d_0j + d_1j + ..., in row order from +0; d is in panels (see kernels.h). */
static void panel_sums(size_t n_rows, size_t n, const void *panels, size_t panel_stride,
                       void *sums_) {
    const real *d = panels;
    real *sums = sums_;
    size_t j = 0;
    for (; j + 2 * VLEN < n; j += PANEL_COLUMNS, d += panel_stride) {
        panel_tile_sums(TILE_VECS, n_rows, d, sums + j, n - j - 2 * VLEN);
    }
    for (; j < n; j += VLEN, d += VLEN) {
        panel_tile_sums(1, n_rows, d, sums + j, n - j);
    }
}
