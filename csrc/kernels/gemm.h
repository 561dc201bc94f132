/* Dense products. An element of C is one chain of fused multiply-adds over k = 0, 1, ..., from +0;
 * a panel of k that is not the first reloads the partial sum and goes on, so the blocking does not
 * show in the bits.
 *
 * Blocking as in Goto & van de Geijn 2008: a block of A (BLOCK_ROWS x PANEL) stays in the level-2
 * cache, a panel of B (PANEL x TILE_COLUMNS) in level 1, a tile of C in registers. Packing pays
 * where a panel is read often enough; elsewhere the tile reads A and B where they lie. */

#define PANEL        256
#define BLOCK_ROWS   256
#define TILE_COLUMNS (TILE_VECS * VLEN)

/* C tile (ROWS x up to VECS * VLEN) over k: `lanes` is how many lanes of the last vector exist.
 * ROWS and VECS are constants of each call, so that the tile lives in registers. */
INLINE void tile_kernel(const size_t rows, const size_t vecs, size_t k, const real *a,
                        ptrdiff_t a_row, ptrdiff_t a_column, const real *b, ptrdiff_t b_row,
                        real *c, size_t c_row, size_t lanes, int first_panel) {
    vec sums[TILE_ROWS][TILE_VECS];
    const real *a_rows[TILE_ROWS];
    UNROLL for (size_t i = 0; i < rows; i++) {
        a_rows[i] = a + (ptrdiff_t)i * a_row;
        UNROLL for (size_t j = 0; j < vecs; j++) {
            sums[i][j] = first_panel     ? v_set1(0)
                         : j + 1 == vecs ? v_load_upto(c + i * c_row + j * VLEN, lanes)
                                         : v_load(c + i * c_row + j * VLEN);
        }
    }
    for (size_t p = 0; p < k; p++) {
        vec b_vecs[TILE_VECS];
        UNROLL for (size_t j = 0; j < vecs; j++) { b_vecs[j] = v_load(b + j * VLEN); }
        UNROLL for (size_t i = 0; i < rows; i++) {
            const vec a_i = v_set1(a_rows[i][(ptrdiff_t)p * a_column]);
            UNROLL for (size_t j = 0; j < vecs; j++) {
                sums[i][j] = v_fma(a_i, b_vecs[j], sums[i][j]);
            }
        }
        b += b_row;
    }
    UNROLL for (size_t i = 0; i < rows; i++) {
        UNROLL for (size_t j = 0; j < vecs; j++) {
            if (j + 1 == vecs) {
                v_store_upto(c + i * c_row + j * VLEN, sums[i][j], lanes);
            } else {
                v_store(c + i * c_row + j * VLEN, sums[i][j]);
            }
        }
    }
}

/* All rows of a block against one panel of B: whole tiles, then tiles of 4, 2 and 1 rows. */
#define DEFINE_PANEL(vecs)                                                                         \
    static void panel_##vecs(size_t m, size_t k, const real *a, ptrdiff_t a_tile, ptrdiff_t a_row, \
                             ptrdiff_t a_column, const real *b, ptrdiff_t b_row, real *c,          \
                             size_t c_row, size_t lanes, int first_panel) {                        \
        size_t i = 0;                                                                              \
        for (; i + TILE_ROWS <= m; i += TILE_ROWS, a += a_tile, c += TILE_ROWS * c_row) {          \
            tile_kernel(TILE_ROWS, vecs, k, a, a_row, a_column, b, b_row, c, c_row, lanes,         \
                        first_panel);                                                              \
        }                                                                                          \
        PANEL_REST(4, vecs)                                                                        \
        PANEL_REST(2, vecs)                                                                        \
        PANEL_REST(1, vecs)                                                                        \
    }
#define PANEL_REST(rows, vecs)                                                        \
    if (rows < TILE_ROWS) {                                                           \
        for (; i + rows <= m; i += rows, a += rows * a_row, c += rows * c_row) {      \
            tile_kernel(rows, vecs, k, a, a_row, a_column, b, b_row, c, c_row, lanes, \
                        first_panel);                                                 \
        }                                                                             \
    }

typedef void panel_kernel(size_t m, size_t k, const real *a, ptrdiff_t a_tile, ptrdiff_t a_row,
                          ptrdiff_t a_column, const real *b, ptrdiff_t b_row, real *c, size_t c_row,
                          size_t lanes, int first_panel);
DEFINE_PANEL(1)
DEFINE_PANEL(2)
DEFINE_PANEL(3)
#if TILE_VECS > 3
DEFINE_PANEL(4)
#endif

/* Rows of A in tiles: tile after tile, k after k, TILE_ROWS values side by side. */
static void pack_a(size_t m, size_t k, const real *a, ptrdiff_t a_row, ptrdiff_t a_column,
                   real *packed) {
    for (size_t i = 0; i < m; i += TILE_ROWS) {
        const size_t rows = m - i < TILE_ROWS ? m - i : TILE_ROWS;
        for (size_t r = 0; r < rows; r++) {
            const real *source = a + (ptrdiff_t)(i + r) * a_row;
            for (size_t p = 0; p < k; p++) {
                packed[p * TILE_ROWS + r] = source[(ptrdiff_t)p * a_column];
            }
        }
        packed += k * TILE_ROWS;
    }
}

/* Up to TILE_COLUMNS columns of B side by side, padded with zeros to whole vectors. */
static void pack_b(size_t k, size_t n, const real *b, ptrdiff_t b_row, ptrdiff_t b_column,
                   real *packed) {
    const size_t width = (n + VLEN - 1) / VLEN * VLEN;
    for (size_t p = 0; p < k; p++, b += b_row, packed += width) {
        if (b_column == 1) {
            memcpy(packed, b, n * sizeof(real));
        } else {
            for (size_t j = 0; j < n; j++) {
                packed[j] = b[(ptrdiff_t)j * b_column];
            }
        }
        for (size_t j = n; j < width; j++) {
            packed[j] = 0;
        }
    }
}

#define PRODUCT_SCRATCH ((size_t)(BLOCK_ROWS + TILE_ROWS) * PANEL + (size_t)PANEL * TILE_COLUMNS)

static void product(const pb_product *x, void *scratch) {
    static panel_kernel *const panels[] = {
        panel_1,
        panel_2,
        panel_3,
#if TILE_VECS > 3
        panel_4,
#endif
    };
    real *const a_packed = scratch;
    real *const b_packed = a_packed + (size_t)(BLOCK_ROWS + TILE_ROWS) * PANEL;
    real *const c = x->c;
    if (x->k == 0) {
        for (size_t i = 0; i < x->m; i++) {
            memset(c + i * x->c_row, 0, x->n * sizeof(real));
        }
        return;
    }
    for (size_t i0 = 0; i0 < x->m; i0 += BLOCK_ROWS) {
        const size_t m = x->m - i0 < BLOCK_ROWS ? x->m - i0 : BLOCK_ROWS;
        for (size_t k0 = 0; k0 < x->k; k0 += PANEL) {
            const size_t k = x->k - k0 < PANEL ? x->k - k0 : PANEL;
            const real *a =
                (const real *)x->a + (ptrdiff_t)i0 * x->a_row + (ptrdiff_t)k0 * x->a_column;
            ptrdiff_t a_row = x->a_row, a_column = x->a_column;
            ptrdiff_t a_tile = TILE_ROWS * a_row;
            if (x->n >= 2 * TILE_COLUMNS && m > 1) {
                pack_a(m, k, a, a_row, a_column, a_packed);
                a = a_packed;
                a_row = 1;
                a_column = TILE_ROWS;
                a_tile = (ptrdiff_t)k * TILE_ROWS;
            }
            for (size_t j0 = 0; j0 < x->n; j0 += TILE_COLUMNS) {
                const size_t n = x->n - j0 < TILE_COLUMNS ? x->n - j0 : TILE_COLUMNS;
                const size_t vecs = (n + VLEN - 1) / VLEN;
                const real *b =
                    (const real *)x->b + (ptrdiff_t)k0 * x->b_row + (ptrdiff_t)j0 * x->b_column;
                ptrdiff_t b_row = x->b_row;
                if (x->b_column != 1 || n % VLEN != 0 || m > 4 * TILE_ROWS) {
                    pack_b(k, n, b, b_row, x->b_column, b_packed);
                    b = b_packed;
                    b_row = (ptrdiff_t)(vecs * VLEN);
                }
                panels[vecs - 1](m, k, a, a_tile, a_row, a_column, b, b_row, c + i0 * x->c_row + j0,
                                 x->c_row, n - (vecs - 1) * VLEN, k0 == 0);
            }
        }
    }
}
