/* Dense matrix products. An element of C is one chain of fused multiply-adds over k = 0, 1, ...,
 * from +0. Blocks of k after the first continue from the stored partial sum, so blocking changes no
 * bit.
 *
 * A tile of C is held in registers: a few rows by up to TILE_VECS vectors of columns. Each step of
 * k loads the vectors of B once and multiplies them by one value of A per row. The matrices of the
 * network (kernels/kernels.h) serve as B without a copy, and A is read in place with any strides.
 * So only the deltas are packed, by pack_panels. The rows of A of a tile stay in the level-1 cache
 * while all columns of B are read (Goto & van de Geijn 2008). The next rows are prefetched in
 * software: a column of a wide W has a cache line and a page per k, which hardware does not
 * prefetch. */

#define DEEPEST 320 /* steps of k per block: rows of A fit in level 1, a panel of B in level 2 */

/* Computes a tile of C, `rows` rows by `vecs` vectors of which the last has `lanes` lanes. `rows`
 * and `vecs` are compile-time constants of each call, so that the tile is held in registers. */
INLINE void tile_kernel(const size_t rows, const size_t vecs, const pb_product *x, size_t k,
                        const real *a, const real *b, real *c, size_t lanes, int goes_on,
                        const real *bias) {
    vec sums[8][TILE_VECS];
    const real *a_rows[8];
    UNROLL for (size_t i = 0; i < rows; i++) {
        a_rows[i] = a + (ptrdiff_t)i * x->a_row;
        UNROLL for (size_t j = 0; j < vecs; j++) {
            sums[i][j] = !goes_on        ? v_set1(0)
                         : j + 1 == vecs ? v_load_upto(c + i * x->c_row + j * VLEN, lanes)
                                         : v_load(c + i * x->c_row + j * VLEN);
        }
    }
    const size_t b_row = x->b_row;
    const ptrdiff_t a_column = x->a_column;
    ptrdiff_t at = 0;
    for (size_t p = 0; p < k; p++) {
        vec b_vecs[TILE_VECS];
        PREFETCH(a_rows[0] + at + IN_A_LINE);
        UNROLL for (size_t j = 0; j < vecs; j++) { b_vecs[j] = v_load(b + j * VLEN); }
        UNROLL for (size_t i = 0; i < rows; i++) {
            const vec a_i = v_set1(a_rows[i][at]);
            UNROLL for (size_t j = 0; j < vecs; j++) {
                sums[i][j] = v_fma(a_i, b_vecs[j], sums[i][j]);
            }
        }
        b += b_row;
        at += a_column;
    }
    UNROLL for (size_t i = 0; i < rows; i++) {
        const vec b_i = v_set1(bias == NULL ? 0 : bias[i]);
        UNROLL for (size_t j = 0; j < vecs; j++) {
            /* Without a bias nothing is added: -0 + 0 would not be -0. */
            const vec sum = bias == NULL ? sums[i][j] : v_add(sums[i][j], b_i);
            if (j + 1 == vecs) {
                v_store_upto(c + i * x->c_row + j * VLEN, sum, lanes);
            } else {
                v_store(c + i * x->c_row + j * VLEN, sum);
            }
        }
    }
}

/* Multiplies all rows of a strip of A by one panel of B: whole tiles, then tiles of 4, 2 and 1
 * rows. */
#define DEFINE_STRIP(vecs, tile_rows)                                                \
    static void strip_##vecs(const pb_product *x, size_t m, size_t k, const real *a, \
                             const real *b, real *c, size_t lanes, int goes_on,      \
                             const real *bias) {                                     \
        size_t i = 0;                                                                \
        STRIP_TILES(tile_rows, vecs)                                                 \
        if (tile_rows > 4) {                                                         \
            STRIP_TILES(4, vecs)                                                     \
        }                                                                            \
        STRIP_TILES(2, vecs)                                                         \
        STRIP_TILES(1, vecs)                                                         \
    }
#define STRIP_TILES(rows, vecs)                                                                \
    for (; i + rows <= m; i += rows) {                                                         \
        tile_kernel(rows, vecs, x, k, a + (ptrdiff_t)i * x->a_row, b, c + i * x->c_row, lanes, \
                    goes_on, bias == NULL ? NULL : bias + i);                                  \
    }

typedef void strip_kernel(const pb_product *x, size_t m, size_t k, const real *a, const real *b,
                          real *c, size_t lanes, int goes_on, const real *bias);
DEFINE_STRIP(1, TILE_ROWS_1)
DEFINE_STRIP(2, TILE_ROWS_2)
DEFINE_STRIP(3, TILE_ROWS_3)

/* 1: four vectors of columns take two tiles of two vectors, with more independent sums in flight
 * than tiles of three and one (benchmarks/tuned_constants.py tile_pairs). */
#ifndef PB_TILE_PAIRS
#    define PB_TILE_PAIRS 1
#endif

/* Multiplies one strip of A by all of B. */
static void strip_product(const pb_product *x, size_t m, size_t k, const real *a, const real *b,
                          real *c, int goes_on, const real *bias) {
    static strip_kernel *const strips[] = {strip_1, strip_2, strip_3};
    for (size_t j = 0; j < x->n;) {
        const size_t left = (x->n - j + VLEN - 1) / VLEN;
        const size_t vecs = left < TILE_VECS                                       ? left
                            : left == 4 && x->b_panel == VLEN * 3 && PB_TILE_PAIRS ? 2
                                                                                   : TILE_VECS;
        const size_t columns = x->n - j < vecs * VLEN ? x->n - j : vecs * VLEN;
        strips[vecs - 1](x, m, k, a, b + j / PANEL_COLUMNS * x->b_panel + j % PANEL_COLUMNS, c + j,
                         columns - (vecs - 1) * VLEN, goes_on, bias);
        j += columns;
    }
}

static void product(const pb_product *x) {
    if (x->k == 0) {
        for (size_t i = 0; i < x->m; i++) {
            const real sum = x->bias == NULL ? 0 : 0 + ((const real *)x->bias)[i];
            for (size_t j = 0; j < x->n; j++) {
                ((real *)x->c)[i * x->c_row + j] = sum;
            }
        }
        return;
    }
    const size_t n_parts = (x->k - 1) / DEEPEST + 1;
    const size_t depth = (x->k - 1) / n_parts + 1;
    for (size_t k0 = 0; k0 < x->k; k0 += depth) {
        const size_t k = x->k - k0 < depth ? x->k - k0 : depth;
        const real *b = (const real *)x->b + k0 * x->b_row;
        const int is_last = k0 + k == x->k;
        for (size_t i = 0; i < x->m; i += STRIP_ROWS) {
            const size_t m = x->m - i < STRIP_ROWS ? x->m - i : STRIP_ROWS;
            const real *a =
                (const real *)x->a + (ptrdiff_t)i * x->a_row + (ptrdiff_t)k0 * x->a_column;
            const real *bias = x->bias == NULL || !is_last ? NULL : (const real *)x->bias + i;
            strip_product(x, m, k, a, b, (real *)x->c + i * x->c_row, k0 > 0, bias);
        }
    }
}

/* Computes some vectors of columns of one row, the last with `lanes` lanes. */
INLINE void row_tile(const size_t vecs, size_t k, size_t n, const real *a, const real *b, real *c,
                     size_t lanes) {
    vec sums[8];
    UNROLL for (size_t v = 0; v < vecs; v++) { sums[v] = v_set1(0); }
    for (size_t p = 0; p < k; p++, b += n) {
        const vec a_p = v_set1(a[p]);
        UNROLL for (size_t v = 0; v < vecs; v++) {
            const vec b_p = v + 1 == vecs ? v_load_upto(b + v * VLEN, lanes) : v_load(b + v * VLEN);
            sums[v] = v_fma(a_p, b_p, sums[v]);
        }
    }
    UNROLL for (size_t v = 0; v + 1 < vecs; v++) { v_store(c + v * VLEN, sums[v]); }
    v_store_upto(c + (vecs - 1) * VLEN, sums[vecs - 1], lanes);
}

/* c (n) = a (k) B, for a single sample: vectors run over its units, the columns of B. */
static void row_product(size_t k, size_t n, const void *a, const void *b_, void *c_) {
    const real *b = b_;
    real *c = c_;
    size_t j = 0;
#define ROW_TILES(vecs)                                                   \
    for (; j + (vecs - 1) * VLEN < n; j += vecs * VLEN) {                 \
        row_tile(vecs, k, n, a, b + j, c + j, n - j - (vecs - 1) * VLEN); \
    }
    ROW_TILES(8)
    ROW_TILES(4)
    ROW_TILES(2)
    ROW_TILES(1)
#undef ROW_TILES
}
