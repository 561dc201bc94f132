/* Dropout masks (Srivastava et al. 2014).
 *
 * A mask is not a stream of random numbers but a function of its position: Philox4x32-10 (Salmon et
 * al. 2011) of the seed, the epoch, the layer, the row of the table and the unit. So it depends
 * neither on threads nor on the order of rows, and is the same for sparse and dense X. */

/* Number of draws computed together: the lanes of the longest vector. */
#define DRAWS ((size_t)16)

typedef struct philox_words {
    uint32_t of[4][DRAWS]; /* four words per draw: first the counter, then the random bits */
} philox_words;

/* Ten rounds, in place; all draws share the key. The products are in a loop of their own, which
 * compilers vectorize. */
INLINE void philox(philox_words *w, uint32_t key_low, uint32_t key_high) {
    for (int round = 0; round < 10; round++) {
        uint64_t p[DRAWS], q[DRAWS];
        for (size_t i = 0; i < DRAWS; i++) {
            p[i] = (uint64_t)w->of[0][i] * 0xD2511F53u;
            q[i] = (uint64_t)w->of[2][i] * 0xCD9E8D57u;
        }
        for (size_t i = 0; i < DRAWS; i++) {
            w->of[0][i] = (uint32_t)(q[i] >> 32) ^ w->of[1][i] ^ key_low;
            w->of[1][i] = (uint32_t)q[i];
            w->of[2][i] = (uint32_t)(p[i] >> 32) ^ w->of[3][i] ^ key_high;
            w->of[3][i] = (uint32_t)p[i];
        }
        key_low += 0x9E3779B9u;
        key_high += 0xBB67AE85u;
    }
}

/* An activation is kept if its random word reaches the threshold, and then multiplied by `scale`,
 * so that its expectation does not change. */
typedef struct dropout_rule {
    uint32_t key_low, key_high;
    uint32_t threshold;
    real scale;
} dropout_rule;

/* Derives the key of a layer's masks in one epoch from the seed. */
INLINE dropout_rule rule_of(const pb_mask *where) {
    philox_words w;
    memset(&w, 0, sizeof w);
    w.of[0][0] = (uint32_t)where->epoch;
    w.of[1][0] = (uint32_t)(where->epoch >> 32);
    w.of[2][0] = (uint32_t)where->layer;
    w.of[3][0] = (uint32_t)(where->layer >> 32);
    philox(&w, (uint32_t)where->seed, (uint32_t)(where->seed >> 32));
    const dropout_rule rule = {w.of[0][0], w.of[1][0], (uint32_t)(where->rate * 0x1p32),
                               (real)(1 / (1 - where->rate))};
    return rule;
}

/* Draws for positions of a table: the counter is a row and a group of four units, and gives one
 * word to each of the four. */
INLINE void draw(const dropout_rule *rule, const uint64_t *rows, const uint64_t *groups,
                 philox_words *w) {
    for (size_t i = 0; i < DRAWS; i++) {
        w->of[0][i] = (uint32_t)rows[i];
        w->of[1][i] = (uint32_t)(rows[i] >> 32);
        w->of[2][i] = (uint32_t)groups[i];
        w->of[3][i] = (uint32_t)(groups[i] >> 32);
    }
    philox(w, rule->key_low, rule->key_high);
}

INLINE uint64_t masked_row(const pb_mask *where, const int64_t *rows, size_t first, size_t r) {
    return (uint64_t)where->first_row + (uint64_t)row_at(rows, first, r);
}

static void draw_mask(const pb_mask *where, const pb_matrix *matrix, const int64_t *rows,
                      size_t first, size_t n_rows, void *dropout_mask_) {
    const dropout_rule rule = rule_of(where);
    real *dropout_mask = dropout_mask_;
    for (size_t r = 0; r < n_rows; r += DRAWS) {
        uint64_t row[DRAWS], group[DRAWS] = {0};
        philox_words w;
        for (size_t i = 0; i < DRAWS; i++) {
            row[i] = r + i < n_rows ? masked_row(where, rows, first, r + i) : 0;
        }
        for (size_t u = 0; u < matrix->n_units; u++) {
            if (u % 4 == 0) {
                for (size_t i = 0; i < DRAWS; i++) {
                    group[i] = u / 4;
                }
                draw(&rule, row, group, &w);
            }
            real *out = dropout_mask + u * matrix->unit_stride + r;
            for (size_t i = 0; i < DRAWS; i++) {
                out[i] = w.of[u % 4][i] < rule.threshold ? 0 : rule.scale;
            }
        }
    }
}

/* out = x * mask, and 0 where the mask is 0, whatever x is. */
static void apply_mask(const pb_matrix *matrix, const void *x_, const void *dropout_mask_,
                       void *out_) {
    const real *x = x_;
    const real *dropout_mask = dropout_mask_;
    real *out = out_;
    const vec zero = v_set1(0);
#define MASKED(x, k) v_select(v_eq(k, zero), zero, v_mul(x, k))
    FOR_MATRIX(matrix, v_store(out + i, MASKED(v_load(x + i), v_load(dropout_mask + i))),
               v_store_part(out + i,
                            MASKED(v_load_part(x + i, left), v_load_part(dropout_mask + i, left)),
                            left));
#undef MASKED
}

/* The same for the stored values of some rows of a CSR matrix. */
static void mask_csr(const pb_mask *where, const pb_csr_rows *x, void *values_) {
    const dropout_rule rule = rule_of(where);
    const real *in = x->values;
    real *out = values_;
    for (size_t r = 0; r < x->n_rows; r++) {
        const int64_t table_row = row_at(x->rows, x->first, r);
        const int64_t end = x->indptr[table_row + 1];
        uint64_t row[DRAWS], group[DRAWS] = {0};
        for (size_t i = 0; i < DRAWS; i++) {
            row[i] = masked_row(where, x->rows, x->first, r);
        }
        for (int64_t k = x->indptr[table_row]; k < end; k += (int64_t)DRAWS) {
            const size_t n = end - k < (int64_t)DRAWS ? (size_t)(end - k) : DRAWS;
            const int32_t *columns = x->indices + k;
            philox_words w;
            for (size_t i = 0; i < n; i++) {
                group[i] = (uint64_t)columns[i] / 4;
            }
            draw(&rule, row, group, &w);
            for (size_t i = 0; i < n; i++) {
                const int left_out = w.of[columns[i] % 4][i] < rule.threshold;
                out[k + (int64_t)i] = left_out ? 0 : in[k + (int64_t)i] * rule.scale;
            }
        }
    }
}
